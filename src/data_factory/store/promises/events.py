"""What a store promises of events, and of the timeline that is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from data_factory.model.records import EventRecord, MomentRecord
from data_factory.store.promises.parts import Slice


class EventReads(Protocol):
    """What can be asked of events, and of the timeline that is made of them."""

    async def moments_of_execution(
        self, accounts: tuple[str, str], job_execution_id: str, after: tuple[int, int, int], limit: int
    ) -> list[MomentRecord]:
        """What has happened in a job execution after a moment (its `at`, `phase` and `seq`), by time.

        `accounts` are whose the execution is, and whose the job: what else there is, is of neither.
        """
        ...

    async def events_of_account(self, account_id: str, part: Slice) -> list[EventRecord]: ...

    async def events_by_id(self, ids: Iterable[str]) -> list[EventRecord]: ...

    async def events_of_execution(self, account_id: str, job_execution_id: str, part: Slice) -> list[EventRecord]:
        """What was written down of a job execution, in the order in which it was."""
        ...


class EventWrites(Protocol):
    """What can be done of events, and of the timeline that is made of them."""

    async def insert_events(self, events: Sequence[EventRecord]) -> None:
        """Write these down."""
        ...

    async def forget_events(self, before: int, limit: int) -> int:
        """Forget the oldest of those that are of before a time, at most so many; how many there were."""
        ...
