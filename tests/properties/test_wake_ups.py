"""However polls, launches and reports meet: nobody waits for what is there, and nothing is held for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_factory.model.errors import DataFactoryError, JobExecutionEnded
from data_factory.model.records import JobRecord, TaskExecutionRecord, TaskRecord
from data_factory.service import claims, dispatcher
from data_factory.service.commands import Claim, Hold, Report
from data_factory.service.waiting_room import Presence
from data_factory.service.world import World
from data_factory.store.sqlite.database import FILE_NAME, connect_reader
from tests.factory import Factory, factory
from tests.workshop import step

Taken = list[TaskExecutionRecord]

QUIET = -1
LIMIT = 2


class Poll(msgspec.Struct, frozen=True):
    tasks: tuple[int, ...]
    limit: int


class Leave(msgspec.Struct, frozen=True):
    poll: int


class Launch(msgspec.Struct, frozen=True):
    jobs: tuple[int, ...]


class Answer(msgspec.Struct, frozen=True):
    """A report; with `next`, a claim of these tasks comes with it."""

    held: int
    status: Literal["COMPLETED", "FAILED", "SCHEDULED", "IN_PROGRESS"]
    next: tuple[int, ...] = ()
    limit: int = 1


class Pause(msgspec.Struct, frozen=True):
    """Let others run, for so many turns of the event loop, or until all is quiet."""

    turns: int


class Held(msgspec.Struct, frozen=True):
    """A job execution is paused, or, not `on`, resumed."""

    job: int
    on: bool


Move = Poll | Leave | Launch | Answer | Pause | Held


class Bounds(msgspec.Struct, frozen=True):
    """How much is done at a time: little, so that there is always more. One of `faulty` cannot be handed out."""

    batch: int
    claimable: int
    answer_bytes: int
    faulty: int


def moves() -> st.SearchStrategy[list[Move]]:
    polls = st.builds(Poll, st.sampled_from([(0,), (1,), (0, 1), (1, 0), (0, 1, 2)]), st.sampled_from([1, 1, 2, 10]))
    launches = st.builds(Launch, st.lists(st.integers(0, 3), min_size=1, max_size=3).map(tuple))
    statuses = st.sampled_from(["COMPLETED", "COMPLETED", "SCHEDULED", "SCHEDULED", "FAILED", "IN_PROGRESS"])
    nexts = st.sampled_from([(), (0,), (1, 2), (0, 1, 2)])
    answers = st.builds(Answer, st.integers(0, 5), statuses, nexts, st.sampled_from([1, 2]))
    leaves = st.builds(Leave, st.integers(0, 5))
    pauses = st.builds(Pause, st.sampled_from([0, 1, 2, 3, 4, 5, 6, QUIET, QUIET]))
    helds = st.builds(Held, st.integers(0, 5), st.booleans())
    kinds: list[st.SearchStrategy[Any]] = [polls] * 4 + [launches] * 2 + [answers] * 3 + [leaves] + [pauses] * 3
    kinds += [helds] * 2
    return st.lists(st.sampled_from(kinds).flatmap(lambda kind: kind), min_size=10, max_size=50)


bounds = st.builds(
    Bounds,
    batch=st.sampled_from([1, 2, 256]),
    claimable=st.sampled_from([1, 2, 2_000]),
    answer_bytes=st.sampled_from([1, 10**6]),
    faulty=st.sampled_from([10**6, 3]),
)


class Scene:
    """A platform, those who poll it, and what they hold."""

    def __init__(self, here: Factory, tasks: list[TaskRecord], jobs: list[JobRecord]) -> None:
        self.here = here
        self.tasks = tasks
        self.jobs = jobs
        self.waiting: list[tuple[Poll, Presence, asyncio.Task[Taken]]] = []
        self.held: list[TaskExecutionRecord] = []
        self.reporting: list[asyncio.Task[tuple[Any, Taken]]] = []
        self.others: list[asyncio.Task[Any]] = []

    async def make(self, move: Move) -> None:
        """Begin something, and do not wait for its end."""
        match move:
            case Poll(tasks=numbers, limit=limit):
                presence = Presence()
                poll = self.here.polls(*(self.tasks[one] for one in numbers), limit=limit, presence=presence)
                self.waiting.append((move, presence, poll))
            case Leave(poll=number) if self.waiting:
                self.waiting[number % len(self.waiting)][1].leave()
            case Launch(jobs=numbers):
                self._begin(self.here.launches(*(self.jobs[number] for number in numbers)))
            case Answer(held=number, status=status, next=numbers, limit=limit) if self.held:
                row = self.held[number % len(self.held)]
                if status != "IN_PROGRESS":
                    self.held.remove(row)
                report = self.here.report(row, status)
                claim = self.here.claim(*(self.tasks[one] for one in numbers), limit=limit) if numbers else None
                self.reporting.append(asyncio.create_task(self._report(report, claim)))
            case Held(job=number, on=on) if jobs := self._query("SELECT id FROM job_executions ORDER BY id"):
                self._begin(self._hold(jobs[number % len(jobs)][0], on=on))
            case Pause(turns=turns) if turns == QUIET:
                await self.check()
            case Pause(turns=turns):
                for _ in range(turns):
                    await asyncio.sleep(0)
        self._collect()

    def _begin(self, work: Any) -> None:
        self.others.append(asyncio.ensure_future(work))

    async def _report(self, report: Report, claim: Claim | None) -> tuple[Any, Taken]:
        claim = claim and msgspec.structs.replace(claim, with_reports=True)
        return await self.here.platform.executions.report_and_claim([report], claim)

    async def _hold(self, id: str, *, on: bool) -> None:
        with suppress(JobExecutionEnded):
            await self.here.platform.executions.hold(Hold(self.jobs[0].account_id, id, on=on))

    def _collect(self) -> None:
        """Those who were answered have what they were given, if they are still there."""
        for waiting in [each for each in self.waiting if each[2].done()]:
            self.waiting.remove(waiting)
            self.held += waiting[2].result()
        for report in [each for each in self.reporting if each.done()]:
            self.reporting.remove(report)
            [answer], taken = report.result()
            assert isinstance(answer, TaskExecutionRecord | DataFactoryError)
            self.held += taken

    async def check(self) -> None:
        """When all is quiet, nobody waits for what they could be given."""
        await self.here.settle()
        await asyncio.gather(*self.others, *self.reporting)
        await self.here.settle()
        self._collect()
        rows = self._query(
            "SELECT id, task_id, status, available_at IS NULL AND paused_at IS NULL FROM task_executions"
        )
        held = [id for id, _, status, _ in rows if status == "IN_PROGRESS"]
        assert sorted(held) == sorted(row.id for row in self.held), "held for nobody"
        for poll, _, _ in self.waiting:
            for number in poll.tasks:
                task_id = self.tasks[number].id
                mine = [(status, there) for _, task, status, there in rows if task == task_id]
                at_limit = number == 0 and sum(status == "IN_PROGRESS" for status, _ in mine) >= LIMIT
                assert at_limit or ("SCHEDULED", 1) not in mine, "one waits for what is there"

    def _query(self, query: str) -> list[Any]:
        with closing(connect_reader(self.here.directory / FILE_NAME)) as connection:
            return connection.execute(query).fetchall()


def failing(one_of: int) -> Callable[[World, TaskExecutionRecord], tuple[str, str]]:
    """Makes the inputs of workers, and fails at one of so many."""
    handed_out, turns = World.handed_out, count(1)

    def hand_out(self: World, row: TaskExecutionRecord) -> tuple[str, str]:
        if next(turns) % one_of == 0:
            raise KeyError(row.id)
        return handed_out(self, row)

    return hand_out


async def play(each: list[Move], bound: Bounds) -> None:
    async with factory() as here:
        tasks = [await here.task("limited", concurrent_exec_limit=LIMIT)]
        tasks += [await here.task(key, retry_count=9) for key in ("a", "b")]
        line = await here.pipeline(slots=50)
        steps = [[step("first", task)] for task in tasks]
        steps.append([step("first", tasks[1], optional=True), step("second", tasks[2]), step("third", tasks[0])])
        scene = Scene(here, tasks, [await here.job(*one, pipeline=line) for one in steps])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(dispatcher, "MAX_BATCH", bound.batch)
            patch.setattr(claims, "MAX_CLAIMABLE", bound.claimable)
            patch.setattr(claims, "MAX_ANSWER_BYTES", bound.answer_bytes)
            patch.setattr(World, "handed_out", failing(bound.faulty))
            for move in each:
                await scene.make(move)
            await scene.check()
        here.platform.room.close()
        await asyncio.gather(*(poll for _, _, poll in scene.waiting))


@given(moves(), bounds)
def test_nobody_waits_for_what_is_there(each: list[Move], bound: Bounds) -> None:
    asyncio.run(asyncio.wait_for(play(each, bound), timeout=60))
