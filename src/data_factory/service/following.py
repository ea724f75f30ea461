"""What a follower is told: the rows that have changed, as they are now."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.model.errors import NotFound
from data_factory.model.ids import is_id
from data_factory.model.records import JobExecutionRecord, LogRecord, TaskExecutionRecord
from data_factory.model.status import JOB_EXECUTION_ENDED, TASK_EXECUTION_ENDED, EventKind
from data_factory.service.feeds import JOB, LOG, RESUMED, TASK, Feed, Feeds, topic
from data_factory.service.paging import Part
from data_factory.service.waiting_room import Presence, WaitingRoom
from data_factory.store.promises import Reads, Store

HEARTBEAT_S: Final = 15.0
"""How often somebody who is told nothing is told that there is nothing."""

AT_A_TIME: Final = 100

Subject = JobExecutionRecord | TaskExecutionRecord | LogRecord


class Told(msgspec.Struct, frozen=True):
    """One thing that a follower is told: what has happened, to what, and where to go on after it. Without a kind it
    says only that."""

    kind: EventKind | None
    subject: Subject | None
    cursor: str


class Wanted(msgspec.Struct, frozen=True):
    """What a follower wants to be told, and where they were."""

    account_id: str
    job_execution_id: str | None
    kinds: frozenset[str]
    cursor: str


class Following:
    """Tells followers what happens."""

    def __init__(self, store: Store, room: WaitingRoom, feeds: Feeds) -> None:
        self._store = store
        self._room = room
        self._feeds = feeds

    async def check(self, wanted: Wanted) -> None:
        """Make sure that there is what somebody wants to follow.

        Raises:
            NotFound: there is no such job execution.
        """
        id = wanted.job_execution_id
        if id is not None and await self._store.ask(lambda reads: reads.job_execution(wanted.account_id, id)) is None:
            raise NotFound(f"There is no job execution {id!r} in this account.")

    async def follow(self, wanted: Wanted, presence: Presence) -> AsyncGenerator[list[Told], None]:
        """What happens from now on, or from the cursor on; an empty list now and then when nothing does. Of one job
        execution it begins with how all of it stands, and ends when that has ended."""
        account_id = wanted.account_id
        feed = await self._feeds.follow(account_id)
        try:
            with self._room.enter((topic(account_id),)) as waiter:
                presence.attach(waiter)
                reader = _Reader(self._store, feed, wanted)
                yield [Told(None, None, reader.place())]
                while not self._room.closed and not presence.gone:
                    async for told in reader.news():
                        yield told
                    if reader.is_over:
                        return
                    if not await waiter.wait(HEARTBEAT_S) and not self._room.closed:
                        await self._feeds.renew(account_id)
                        yield []
        finally:
            self._feeds.leave(account_id)


class _Reader:
    """Where one follower is."""

    def __init__(self, store: Store, feed: Feed, wanted: Wanted) -> None:
        self._store = store
        self._feed = feed
        self._wanted = wanted
        self._is_whole = wanted.job_execution_id is not None
        self._at, self._log = _position(wanted.cursor, feed)
        if not wanted.cursor and not self._is_whole:
            self._at = feed.last  # from here on: what changes before the first look is not missed
        self._has_begun = not self._is_whole
        self.is_over = False

    async def news(self) -> AsyncGenerator[list[Told], None]:
        """What has happened since the last time.

        What is told in one go is at the place where it began, but for the last of it: who loses the connection in
        between is told all of it again, rather than not the rest.
        """
        at = self._feed.last
        changes = self._changes(at)
        if changes is None and not self._is_whole:
            self._at = at
            yield [Told("resync", None, self._cursor())]
        elif changes is None:
            async for told in self._whole():
                yield told
        elif changes:
            if any(change[0] == LOG for change in changes):
                async for told in self._logs():
                    yield told
            for first in range(0, len(changes), AT_A_TIME):
                told = await self._of(changes[first : first + AT_A_TIME])
                if told and first + AT_A_TIME >= len(changes):
                    self._at = at
                    told[-1] = replace(told[-1], cursor=self._cursor())
                yield told
        self._at = at

    def _changes(self, at: int) -> list[str] | None:
        """What has changed since the last time; None if that is not known."""
        if self._has_begun:
            return self._feed.since(self._at)
        self._has_begun = True
        self._at = at
        return None

    async def _whole(self) -> AsyncGenerator[list[Told], None]:
        """All of one job execution as it stands."""
        id = str(self._wanted.job_execution_id)
        cursor: str | None = None
        while True:
            part = Part(cursor=cursor, limit=AT_A_TIME)

            async def work(reads: Reads, part: Part = part) -> list[str]:
                return await reads.task_execution_ids_of_job(self._wanted.account_id, id, part)

            ids = await self._store.ask(work)
            yield await self._of([TASK + one for one in ids])
            if len(ids) < AT_A_TIME:
                break
            cursor = ids[-1]
        async for told in self._logs():
            yield told
        yield await self._of([JOB + id])

    async def _of(self, changes: list[str]) -> list[Told]:
        """What became of these rows, in the order of their change."""
        jobs = [change[1:] for change in changes if change[0] in (JOB, RESUMED)]
        tasks = [change[1:] for change in changes if change[0] == TASK]
        account_id, only = self._wanted.account_id, self._wanted.job_execution_id
        if only is not None:
            jobs = [id for id in jobs if id == only]

        async def work(reads: Reads) -> dict[str, Subject]:
            found: list[Subject] = [*(await reads.job_executions_in_short(account_id, jobs) if jobs else ())]
            found += await reads.task_executions_in_short(account_id, tasks) if tasks else ()
            return {one.id: one for one in found}

        rows = await self._store.read(work) if jobs or tasks else {}
        told: dict[tuple[EventKind, str], Told] = {}
        for change in changes:
            row = rows.get(change[1:])
            if row is None or (isinstance(row, TaskExecutionRecord) and only not in (None, row.job_execution_id)):
                continue
            if row.id == only and isinstance(row, JobExecutionRecord):
                self.is_over = row.status in JOB_EXECUTION_ENDED
            kind = kind_of(row, change[0] == RESUMED)
            if self._wants(kind):
                told.setdefault((kind, row.id), Told(kind, row, self._cursor()))
        return sorted(told.values(), key=lambda one: one.kind == "job_execution.ended")  # the end of a job comes last

    async def _logs(self) -> AsyncGenerator[list[Told], None]:
        """The logs after the last one that was told."""
        id = self._wanted.job_execution_id
        if id is None or "log" not in self._wanted.kinds:
            return
        while True:
            part = Part(cursor=self._log, limit=AT_A_TIME)

            async def work(reads: Reads, part: Part = part) -> list[LogRecord]:
                return await reads.logs_of_job(self._wanted.account_id, str(id), ("info", "warning", "error"), part)

            found = await self._store.ask(work)
            told: list[Told] = []
            for one in found:
                self._log = one.id
                told.append(Told("log", one, self._cursor()))
            yield told
            if len(found) < AT_A_TIME:
                return

    def _wants(self, kind: EventKind) -> bool:
        kinds = self._wanted.kinds
        return kind in kinds or kind.partition(".")[0] in kinds

    def place(self) -> str:
        """Where to go on for who has been told nothing yet. Of who is to be told `resync` it is no place that is known:
        so they are told it, even if the connection is lost before."""
        return self._cursor()

    def _cursor(self) -> str:
        return f"{self._feed.token}.{self._at}.{self._log or ''}"


def kind_of(row: Subject, resumed: bool = False) -> EventKind:
    """What has happened to a row, by how it stands; `resumed` that it was just let go on, if it still goes on."""
    match row:
        case JobExecutionRecord():
            if row.status in JOB_EXECUTION_ENDED:
                return "job_execution.ended"
            if row.pause or resumed:
                return "job_execution.paused" if row.pause else "job_execution.resumed"
            return "job_execution.launched" if row.status == "PENDING" else "job_execution.started"
        case TaskExecutionRecord(status="SCHEDULED"):
            return "task_execution.scheduled"
        case TaskExecutionRecord():
            if row.status in TASK_EXECUTION_ENDED:
                return "task_execution.ended"
            if row.updated_at != row.started_at:
                return "task_execution.progress"
            return "task_execution.claimed" if row.task_id else "task_execution.begun"
        case _:
            return "log"


def _position(cursor: str, feed: Feed) -> tuple[int, str | None]:
    """The number in the feed, and the last log, of a cursor; -1 of one that is of another feed."""
    token, _, rest = cursor.partition(".")
    number, _, log = rest.partition(".")
    known = token == feed.token and number.isascii() and number.isdecimal() and len(number) < 16
    return int(number) if known else -1, log if is_id(log) else None
