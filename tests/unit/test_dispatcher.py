"""The queue of commands: what comes together is kept together, and one bad command harms nobody else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pytest

from data_factory.model.errors import DataFactoryError, NotFound, OutcomeUnknown, Unavailable
from data_factory.model.records import JobRecord, TaskExecutionRecord
from data_factory.service import dispatcher as dispatching
from data_factory.service import health
from data_factory.service.commands import Cancel, Command, FillSlots, FireTimers
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.effects import Effects
from data_factory.service.graphs import Graphs
from data_factory.service.paging import Part
from data_factory.store.promises import (
    ImpossibleWrite,
    Reads,
    Store,
    StoreUnavailable,
    Transaction,
    WriteUnderWay,
)
from tests.factory import Factory, factory
from tests.workshop import step
from tests.wrapped import Wrapped

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@pytest.fixture
async def here(anyio_backend: str) -> AsyncIterator[Factory]:
    async with factory() as here:
        yield here


@pytest.fixture
async def job(here: Factory) -> JobRecord:
    return await here.job(step("first", await here.task()))


@pytest.fixture
def told() -> list[Effects]:
    """The effects that were told, one of each batch."""
    return []


@pytest.fixture
def queue(here: Factory, told: list[Effects]) -> Dispatcher:
    """A dispatcher of our own, that has carried out nothing yet."""
    return Dispatcher(here.store, lambda: here.now, here.new_id, told.append, Graphs())


async def answers(queue: Dispatcher, *commands: Command) -> list[Any]:
    return await asyncio.gather(*map(queue.submit, commands), return_exceptions=True)


async def test_commands_that_come_together_are_one_batch(here: Factory, queue: Dispatcher, job: JobRecord) -> None:
    launched = await answers(queue, *(here.launch(job) for _ in range(5)))
    assert [execution.status for execution in launched] == ["RUNNING", *["PENDING"] * 4]
    assert (queue.batches, queue.commands) == (1, 5)


async def test_commands_that_come_while_a_batch_is_kept_make_the_next(
    here: Factory, queue: Dispatcher, job: JobRecord
) -> None:
    first = queue.submit(here.launch(job))
    await asyncio.sleep(0)  # the queue has begun with it
    await asyncio.gather(first, *(queue.submit(here.launch(job)) for _ in range(5)))
    assert (queue.batches, queue.commands) == (2, 6)


async def test_a_batch_has_a_largest_size(
    here: Factory, queue: Dispatcher, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "MAX_BATCH", 2)
    launched = await answers(queue, *(here.launch(job) for _ in range(5)))
    assert [execution.status for execution in launched] == ["RUNNING", *["PENDING"] * 4]
    assert queue.batches == 3


async def test_a_refused_command_is_told_why_and_the_others_are_done(
    here: Factory, queue: Dispatcher, job: JobRecord
) -> None:
    refused, launched = await answers(queue, Cancel(here.account_id, "f" * 24), here.launch(job))
    assert isinstance(refused, NotFound)
    assert launched.status == "RUNNING"
    assert queue.batches == 1


async def test_after_a_command_that_cannot_be_kept_batches_are_as_large_as_before(
    here: Factory, queue: Dispatcher, job: JobRecord
) -> None:
    taken = here.launch(job)
    await queue.submit(taken)
    assert isinstance((await answers(queue, taken))[0], ImpossibleWrite)
    await answers(queue, *(here.launch(job) for _ in range(5)))
    assert (queue.batches, queue.commands) == (2, 6)


async def test_what_has_failed_before_with_others_is_in_no_transaction_with_anybody(
    here: Factory, queue: Dispatcher, job: JobRecord
) -> None:
    suspects: list[Command] = [FireTimers(only=frozenset()), FillSlots((), only=())]
    launched = await answers(queue, here.launch(job), *suspects, here.launch(job))
    assert [one.status for one in (launched[0], launched[-1])] == ["RUNNING", "PENDING"]
    assert (queue.batches, queue.commands) == (3, 4)


async def test_a_command_that_cannot_be_kept_does_not_take_its_batch_with_it(
    here: Factory, queue: Dispatcher, job: JobRecord, caplog: pytest.LogCaptureFixture
) -> None:
    taken = here.launch(job)
    await queue.submit(taken)  # the same id again is what the store refuses
    commands = [here.launch(job), taken, here.launch(job)]
    first, second, third = await answers(queue, *commands)
    assert isinstance(second, ImpossibleWrite)
    assert [first.status, third.status] == ["PENDING", "PENDING"]
    assert "trying each alone" in caplog.text
    assert queue.commands == 3


async def test_when_the_store_is_unavailable_everybody_is_told_so(
    here: Factory, queue: Dispatcher, job: JobRecord, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    commands = [here.launch(job) for _ in range(3)]
    await here.store.close()
    assert [type(answer).__mro__[1] for answer in await answers(queue, *commands)] == [Unavailable] * 3
    assert queue.batches == 0


async def test_when_too_much_waits_more_is_refused_at_once(
    here: Factory, queue: Dispatcher, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "MAX_QUEUED", 3)
    given = await answers(queue, *(here.launch(job) for _ in range(5)))
    assert [isinstance(answer, Unavailable) for answer in given] == [False, False, False, True, True]
    assert (await queue.submit(here.launch(job))).status == "PENDING"  # there is room again


async def test_who_has_given_up_hinders_nobody_and_the_command_is_done_all_the_same(
    here: Factory, queue: Dispatcher, job: JobRecord
) -> None:
    gives_up, stays = [queue.submit(here.launch(job)) for _ in range(2)]
    await asyncio.sleep(0)
    gives_up.cancel()
    assert (await stays).status == "PENDING"
    assert queue.commands == 2


async def test_effects_are_told_once_a_batch_and_after_it_is_kept(
    here: Factory, queue: Dispatcher, job: JobRecord, told: list[Effects]
) -> None:
    await answers(queue, *(here.launch(job) for _ in range(3)))
    assert [sum(effects.claimable.values()) for effects in told] == [1]


async def test_a_fault_in_telling_does_not_stop_the_queue(
    here: Factory, job: JobRecord, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(effects: Effects) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(dispatching, "MAX_BATCH", 1)
    queue = Dispatcher(here.store, lambda: here.now, here.new_id, fails, Graphs())
    launched = await answers(queue, *(here.launch(job) for _ in range(3)))
    assert [execution.status for execution in launched] == ["RUNNING", "PENDING", "PENDING"]
    assert "ZeroDivisionError" in caplog.text


async def test_to_stop_is_to_finish_what_was_asked(here: Factory, queue: Dispatcher, job: JobRecord) -> None:
    launches = [queue.submit(here.launch(job)) for _ in range(3)]
    await asyncio.sleep(0)
    await queue.stop()
    assert queue.commands == 3
    await asyncio.gather(*launches)


async def test_to_stop_when_nothing_was_asked_is_to_do_nothing(queue: Dispatcher) -> None:
    await queue.stop()
    assert queue.batches == 0


async def test_an_error_of_ours_reaches_the_one_who_asked(here: Factory, queue: Dispatcher) -> None:
    with pytest.raises(DataFactoryError):
        await queue.submit(Cancel(here.account_id, "f" * 24))


# -- a store that does not answer


class Silent(Wrapped):
    """The store, which keeps what it is given to itself while `speaks` is not set."""

    patience = 0.05

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.speaks = asyncio.Event()
        self.speaks.set()

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,
        within: float | None = None,
    ) -> T:
        writing = asyncio.create_task(self._write(work, tell))
        await asyncio.wait({writing}, timeout=2 * self.patience)
        if not writing.done():
            raise WriteUnderWay(writing)
        return writing.result()

    async def _write(self, work: Any, tell: Any) -> Any:
        await self.speaks.wait()
        return await super().write(work, tell)

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        await self.speaks.wait()
        return await super().read(work)


@pytest.fixture
def silent(here: Factory) -> Silent:
    return Silent(here.store)


@pytest.fixture
def waiting(here: Factory, silent: Silent, told: list[Effects]) -> Dispatcher:
    """A dispatcher on the silent store."""
    return Dispatcher(silent, lambda: here.now, here.new_id, told.append, Graphs())


async def begun(queue: Dispatcher, command: Command) -> asyncio.Future[Any]:
    """The answer to a command that the queue has begun with."""
    answer = queue.submit(command)
    await asyncio.sleep(0)
    return answer


async def test_who_waits_behind_a_batch_that_hangs_is_told_so_and_nothing_of_theirs_is_done_later(
    here: Factory, silent: Silent, waiting: Dispatcher, job: JobRecord, told: list[Effects]
) -> None:
    silent.speaks.clear()
    first = await begun(waiting, here.launch(job))
    refused = await answers(waiting, *(here.launch(job) for _ in range(3)))
    assert [type(answer) for answer in refused] == [StoreUnavailable] * 3
    assert not first.done()
    with pytest.raises(StoreUnavailable):
        await waiting.submit(here.launch(job))  # who comes now is told at once
    with pytest.raises(StoreUnavailable):
        await waiting.check()
    with pytest.raises(OutcomeUnknown):
        await first
    assert told == []
    silent.speaks.set()
    again = here.launch(job)
    assert (await waiting.submit(again)).status == "PENDING"
    assert len(told) == 2, "what the first one has done is told when it is known"
    runs = await here.platform.executions.job_executions(here.account_id, Part())
    assert [run.status for run in runs] == ["PENDING", "RUNNING"]
    assert runs[0].id == again.id


async def test_a_batch_that_is_too_much_for_the_store_comes_in_smaller_ones(
    here: Factory, waiting: Dispatcher, silent: Silent, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or those who come again together would be refused together for ever."""
    write = silent.write

    async def keeps_few(work: Any, tell: Any, within: float) -> Any:
        if len(work.keywords["commands"]) > 5:
            raise StoreUnavailable
        return await write(work, tell, within)

    monkeypatch.setattr(silent, "write", keeps_few)
    monkeypatch.setattr(silent, "patience", 60)
    rounds = 0
    left = [here.launch(job) for _ in range(40)]
    while left:
        rounds += 1
        given = await answers(waiting, *left)
        left = [launch for launch, answer in zip(left, given, strict=True) if isinstance(answer, StoreUnavailable)]
    assert rounds < 10
    assert len(await here.platform.executions.job_executions(here.account_id, Part(limit=100))) == 40


@pytest.mark.parametrize("asked_again", [False, True])
async def test_what_was_claimed_for_one_who_was_told_that_nobody_knows_is_handed_back(
    here: Factory, silent: Silent, waiting: Dispatcher, job: JobRecord, asked_again: bool
) -> None:
    """Unless they have asked again, and have it."""
    await waiting.submit(here.launch(job))
    [work] = await here.platform.catalog.tasks(here.account_id, Part())
    claim = here.claim(work, claim_id="request")
    silent.speaks.clear()
    with pytest.raises(OutcomeUnknown):
        await waiting.submit(claim)
    silent.speaks.set()
    again = claim if asked_again else here.claim(work)
    held: list[TaskExecutionRecord] = []
    while not held:
        held = await waiting.submit(again)
    await waiting.stop()
    assert (await waiting.submit(here.report(held[0]))).status == "COMPLETED"


async def test_what_cannot_be_handed_back_at_once_is_handed_back_later(
    here: Factory, silent: Silent, waiting: Dispatcher, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is there who could ask for it again: it would run out of its lease in nobody's hands."""
    await waiting.submit(here.launch(job))
    [work] = await here.platform.catalog.tasks(here.account_id, Part())
    [row] = await waiting.submit(here.claim(work))
    write = silent.write
    refusals = 3
    kept = asyncio.Event()

    async def refuses_at_first(work: Any, tell: Any, within: float) -> Any:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise StoreUnavailable
        kept.set()
        return await write(work, tell, within)

    monkeypatch.setattr(dispatching, "HAND_BACK_AGAIN_S", 0)
    monkeypatch.setattr(silent, "write", refuses_at_first)
    waiting.hand_back([row])
    await kept.wait()
    [again] = await waiting.submit(here.claim(work))
    assert (again.id, again.attempt) == (row.id, 1)
    assert again.lease != row.lease


async def test_once_it_has_stopped_nothing_is_handed_back_later(
    here: Factory, silent: Silent, waiting: Dispatcher, job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waiting.submit(here.launch(job))
    [work] = await here.platform.catalog.tasks(here.account_id, Part())
    [row] = await waiting.submit(here.claim(work))
    tries: list[object] = []

    async def refuses(work: Any, tell: Any, within: float) -> Any:
        tries.append(work)
        raise StoreUnavailable

    monkeypatch.setattr(dispatching, "HAND_BACK_AGAIN_S", 0)
    monkeypatch.setattr(silent, "write", refuses)
    waiting.hand_back([row])
    await waiting.stop()
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(tries) == 1


async def test_a_store_that_answers_late_but_in_time_has_refused_nobody_it_took(
    here: Factory, silent: Silent, waiting: Dispatcher, job: JobRecord
) -> None:
    silent.speaks.clear()
    first = await begun(waiting, here.launch(job))
    with pytest.raises(StoreUnavailable):
        await waiting.submit(here.launch(job))
    silent.speaks.set()
    assert (await first).status == "RUNNING"
    await waiting.check()


async def test_health_is_answered_at_once_by_one_look_for_all_who_ask(
    here: Factory, silent: Silent, waiting: Dispatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[object] = []
    read = silent.read

    async def counted(work: Callable[[Reads], Awaitable[Any]]) -> Any:
        reads.append(work)
        return await read(work)

    monkeypatch.setattr(silent, "read", counted)
    doctor = health.Health(silent, waiting)
    await doctor.check()
    silent.speaks.clear()
    monkeypatch.setattr(health, "LONGEST_S", 0.01)
    given = await asyncio.gather(*(doctor.check() for _ in range(5)), return_exceptions=True)
    assert [type(answer) for answer in given] == [StoreUnavailable] * 5
    with pytest.raises(StoreUnavailable):
        await doctor.check()
    assert len(reads) == 2
    monkeypatch.undo()
    monkeypatch.setattr(silent, "read", counted)
    silent.speaks.set()
    await asyncio.gather(*(doctor.check() for _ in range(5)))
    await doctor.check()
    assert len(reads) == 3


class Locked(Wrapped):
    """The store while another program has it locked: each try takes half of the patience to fail. `now` is the time."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.now = 0.0
        self.locked = True
        self.tries: list[float] = []

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,
        within: float | None = None,
    ) -> T:
        if not self.locked:
            return await super().write(work, tell, within)
        assert within is not None
        self.tries.append(within)
        await asyncio.sleep(0)
        self.now += self.patience / 2
        raise StoreUnavailable


async def test_nobody_waits_for_longer_than_the_patience_in_all_and_nothing_of_it_is_done_later(
    here: Factory, told: list[Effects], job: JobRecord
) -> None:
    """However many wait, and whenever they came: those who have waited for half of it are not tried any more."""
    locked = Locked(here.store)
    queue = Dispatcher(locked, lambda: here.now, here.new_id, told.append, Graphs(), lambda: locked.now)
    asked: list[asyncio.Future[Any]] = []
    waited: list[float] = []

    def ask(count: int) -> None:
        for _ in range(count):
            began = locked.now
            asked.append(queue.submit(here.launch(job)))
            asked[-1].add_done_callback(lambda _, began=began: waited.append(locked.now - began))  # type: ignore[misc]

    for count in (1_000, 300, 1, 0, 5, 700):
        ask(count)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    await asyncio.sleep(0)
    assert len(waited) == 2_006 and max(waited) <= locked.patience
    assert min(locked.tries) >= locked.patience / 2
    locked.locked = False
    locked.now += dispatching.MOMENT_S
    assert (await queue.submit(here.launch(job))).status == "RUNNING"
    assert len(await here.platform.executions.job_executions(here.account_id, Part(limit=100))) == 1


async def test_a_store_that_answers_is_not_given_up_on_however_long_the_queue_is(
    here: Factory, told: list[Effects], job: JobRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has much to do, which is not to say that it keeps nothing."""
    slow = Locked(here.store)
    slow.locked = False
    write = slow.write

    async def slowly(work: Any, tell: Any, within: float) -> Any:
        slow.now += slow.patience / 2
        assert within == slow.patience
        return await write(work, tell, within)

    monkeypatch.setattr(slow, "write", slowly)
    monkeypatch.setattr(dispatching, "MAX_BATCH", 2)
    queue = Dispatcher(slow, lambda: here.now, here.new_id, told.append, Graphs(), lambda: slow.now)
    launched = await answers(queue, *(here.launch(job) for _ in range(20)))
    assert [execution.status for execution in launched] == ["RUNNING", *["PENDING"] * 19]
