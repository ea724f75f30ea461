"""The verbs of events, and of the timeline that is made of them, on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from data_factory.model.records import EventRecord, MomentRecord
from data_factory.store.postgresql.session import Session, WritingSession, texts
from data_factory.store.promises import Slice


class EventReads(Session):
    """What can be asked of events, and of the timeline that is made of them."""

    async def moments_of_execution(
        self, accounts: tuple[str, str], job_execution_id: str, after: tuple[int, int, int], limit: int
    ) -> list[MomentRecord]:
        at, phase, seq = after
        account_id, job_account_id = accounts
        values: dict[str, Any] = {"account_id": account_id, "job_account_id": job_account_id, "limit": limit}
        values |= {"job_execution_id": job_execution_id, "at": at, "phase": phase, "seq": seq}
        return await self._all(MomentRecord, "moments_of_execution", **values)

    async def events_of_account(self, account_id: str, part: Slice) -> list[EventRecord]:
        return await self._listed(EventRecord, "events_of_account", part, account_id=account_id)

    async def events_by_id(self, ids: Iterable[str]) -> list[EventRecord]:
        return await self._all(EventRecord, "events_by_id", ids=texts(ids))

    async def events_of_execution(self, account_id: str, job_execution_id: str, part: Slice) -> list[EventRecord]:
        values = {"account_id": account_id, "job_execution_id": job_execution_id}
        return await self._listed(EventRecord, "events_of_execution", part, **values)


class EventWrites(EventReads, WritingSession):
    """What can be done with events, and of the timeline that is made of them."""

    async def insert_events(self, events: Sequence[EventRecord]) -> None:
        await self._insert_all("insert_events", events)

    async def forget_events(self, before: int, limit: int) -> int:
        return await self._execute("forget_events", before=before, limit=limit)
