"""One verb for many job executions: those for which a criterion holds, a portion at a time.

A portion goes from the newest to older ones, so that what is launched meanwhile is left alone, and what waits is not
started by the end of what is before it. A portion that is asked for again finds done what was done, and does the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import msgspec

from data_factory.engine.criteria import Fields, compile_criterion
from data_factory.model.actors import Actor
from data_factory.model.criteria import Criterion
from data_factory.model.errors import DataFactoryError, FieldError, Invalid, Unavailable
from data_factory.model.records import JobExecutionRecord
from data_factory.model.requests import BulkRequest, BulkVerb
from data_factory.model.resources import BulkItem
from data_factory.model.status import JobExecutionStatus
from data_factory.service.commands import Cancel, Hold, IdempotencyKey
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.erasing import Erasing
from data_factory.service.finding import Finding, Order, Search
from data_factory.service.paging import Part
from data_factory.service.reruns import Reruns
from data_factory.store.promises import Reads, Store

UNDERWAY: Final[tuple[JobExecutionStatus, ...]] = ("PENDING", "RUNNING")
FAILED: Final[tuple[JobExecutionStatus, ...]] = ("USER_ERROR", "FAILED", "TERMINATED", "TIMEDOUT")
VERBS: Final[dict[BulkVerb, tuple[JobExecutionStatus, ...]]] = {
    "cancel": UNDERWAY,
    "pause": UNDERWAY,
    "resume": UNDERWAY,
    "rerun": ("COMPLETED", *FAILED),
    "retry": FAILED,
    "delete": ("COMPLETED", *FAILED),
}
"""What can be done to many, and to those in which statuses."""

AT_A_TIME: Final = 8
"""How many job executions are looked into at a time, to run them again."""

Answer = JobExecutionRecord | BaseException


class Done(msgspec.Struct, frozen=True):
    """What became of a portion, and where the next one begins."""

    items: tuple[BulkItem, ...]
    go_on: str | None


class Bulk:
    """Verbs for many job executions."""

    def __init__(
        self, store: Store, finding: Finding, dispatcher: Dispatcher, reruns: Reruns, erasing: Erasing
    ) -> None:
        self._store = store
        self._finding = finding
        self._dispatcher = dispatcher
        self._reruns = reruns
        self._erasing = erasing

    async def portion(
        self, account_id: str, asked: BulkRequest, fields: Fields, by: Actor, key: IdempotencyKey | None = None
    ) -> Done:
        """Do a verb to the next portion. With a key, no job execution is run again twice, however often this is asked
        for, nor is one that was launched by it.

        Raises:
            Invalid: the criterion makes no sense.
            Unavailable: some of it could not be done. To ask for the same again is safe.
        """
        if asked.filter != Criterion():
            compile_criterion(asked.filter, fields, "filter")
        possible = Criterion(type="in", field="status", value=list(VERBS[asked.verb]))
        wanted = [asked.filter, possible] if asked.filter != Criterion() else [possible]
        search = Search(Criterion(type="and", queries=tuple(wanted)), Order(), fields)
        is_gone = asked.verb == "delete"  # what it has come to is not there any more, so the cursor is a place
        beyond = _place(asked.cursor) if is_gone and asked.cursor is not None else None
        part = Part(cursor=None if is_gone else asked.cursor, limit=asked.size)
        found = await self._finding.job_executions(account_id, search, part, beyond)
        go_on = f"{found.place:024x}" if is_gone and found.place is not None else found.go_on
        records = found.records
        if key is not None and records and asked.verb in ("rerun", "retry"):
            ours = await self._store.read(lambda reads: _launched_with(reads, records, key.key))
            records = [one for one in records if one.id not in ours]
        if asked.dry_run:
            return Done(tuple(BulkItem(id=one.id, status=one.status) for one in records), go_on)
        answers = await self._answers(account_id, asked, records, by, key)
        for answer in answers:
            if isinstance(answer, BaseException) and (
                not isinstance(answer, DataFactoryError) or isinstance(answer, Unavailable)
            ):
                raise answer
        return Done(tuple(map(_item, records, answers)), go_on)

    async def _answers(
        self,
        account_id: str,
        asked: BulkRequest,
        records: Sequence[JobExecutionRecord],
        by: Actor,
        key: IdempotencyKey | None,
    ) -> Sequence[Answer]:
        """What became of each of a portion."""
        if asked.verb == "delete":
            return await self._erasing.delete_each(account_id, [one.id for one in records], by) if records else []
        if asked.verb in ("rerun", "retry"):
            turns = asyncio.Semaphore(AT_A_TIME)
            run = self._reruns.rerun if asked.verb == "rerun" else self._reruns.retry
            tasks: list[Coroutine[Any, Any, JobExecutionRecord]] = [
                _in_turn(turns, run(account_id, one.id, asked.version, by, _key_of(one.id, asked, key)))
                for one in records
            ]
            answers: list[Answer] = await asyncio.gather(*tasks, return_exceptions=True)
            return answers
        commands = [_command(account_id, one.id, asked, by) for one in records]
        done: list[Answer] = await asyncio.gather(*map(self._dispatcher.submit, commands), return_exceptions=True)
        return done


def _place(cursor: str) -> int:
    """The place that the cursor of a delete stands for; any other cursor would be one of what is to come.

    Raises:
        Invalid: it is not one of a delete.
    """
    place = int(cursor, 16)
    if place >= 2**63:
        raise Invalid(errors=(FieldError("cursor", "is not the `nextCursor` of a delete"),))
    return place


def _command(account_id: str, id: str, asked: BulkRequest, by: Actor) -> Cancel | Hold:
    match asked.verb:
        case "cancel":
            return Cancel(account_id=account_id, id=id, reason=asked.reason, by=by)
        case "pause":
            return Hold(account_id, id, True, asked.reason, by)
        case _:
            return Hold(account_id, id, False, by=by)


async def _in_turn(turns: asyncio.Semaphore, work: Coroutine[Any, Any, JobExecutionRecord]) -> JobExecutionRecord:
    async with turns:
        return await work


def _key_of(id: str, asked: BulkRequest, key: IdempotencyKey | None) -> IdempotencyKey | None:
    """The key of the launch that runs one job execution again: that of the request, and which one it is."""
    if key is None:
        return None
    return IdempotencyKey(key=_derived(key.key, id), fingerprint=f"{asked.verb} {asked.version} {id}")


def _derived(key: str, id: str) -> str:
    return "bulk " + hashlib.sha256(f"{id} {key}".encode()).hexdigest()


async def _launched_with(reads: Reads, records: Sequence[JobExecutionRecord], key: str) -> set[str]:
    """Which of these were themselves launched by a request with this key."""
    ids = {one.id for one in records}
    account_id = records[0].account_id
    sources = [link.of_id for link in await reads.links_of(ids) if link.id in ids]
    keys = await reads.idempotency_keys({(account_id, _derived(key, of_id)) for of_id in sources}) if sources else []
    return {one.resource_id for one in keys} & ids


def _item(read: JobExecutionRecord, answer: Any) -> BulkItem:
    if isinstance(answer, DataFactoryError):
        return BulkItem(id=read.id, status=read.status, code=answer.code, message=answer.message)
    if answer.id != read.id:
        return BulkItem(id=read.id, status=read.status, launched_id=answer.id)
    return BulkItem(id=answer.id, status=answer.status)
