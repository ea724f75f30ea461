"""The queue of commands and the one who carries them out, as many as wait at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from data_factory.model.errors import Unavailable
from data_factory.model.ids import IdMaker
from data_factory.model.records import TaskExecutionRecord
from data_factory.service import news
from data_factory.service.batch import run_batch
from data_factory.service.clock import Clock
from data_factory.service.commands import Claim, Command, FillSlots, FireTimers, handed_back
from data_factory.service.effects import Done, Effects
from data_factory.service.feeds import Feeds
from data_factory.service.graphs import Graphs
from data_factory.service.offers import IdleClaims
from data_factory.service.vault import Vault
from data_factory.store.promises import Store, StoreUnavailable, WriteUnderWay

log = logging.getLogger(__name__)

MAX_BATCH: Final = 256
MAX_QUEUED: Final = 20_000

MOMENT_S: Final = 5.0
"""After a write that failed, for how long nobody tries another only to find out."""

HAND_BACK_AGAIN_S: Final = 1.0
"""After a hand-back that could not be kept, how long it is until it is tried again."""


class Queued(NamedTuple):
    """A command, the answer to it, and since when it is waited for."""

    command: Command
    answer: asyncio.Future[Any]
    since: float


class Dispatcher:
    """Takes commands one by one and carries them out in batches, each batch in one transaction.

    While a batch is being kept, the commands that arrive wait together and make the next one: the busier it is, the
    less a command costs. `on_effects` is told, after each commit, what others may be waiting for. (Two batches at a
    time are slower, on PostgreSQL too: both wait for the same pipeline, each with half of the commands.)

    While nothing can be kept, nobody waits for longer than the patience of the store in all, here and there: once a
    batch could not be kept, only those are tried who have at least half of it left, which is what a store takes at the
    least to find out. `steady` is a clock in seconds that does not jump.

    A batch that cannot be kept for another reason is a mistake of ours, and one of its commands is the cause, or what
    waits for a slot that they free. Each is tried again by itself, and fills no slot then (see `Filling`).
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        new_id: IdMaker,
        on_effects: Callable[[Effects], None],
        graphs: Graphs,
        steady: Callable[[], float] = time.monotonic,
        vault: Vault | None = None,
        idle_claims: IdleClaims = lambda task_id, count: [],  # noqa: ARG005
    ) -> None:
        self.feeds: Feeds | None = None
        self._idle_claims = idle_claims
        self._store = store
        self._vault = vault or Vault()
        self._clock = clock
        self._new_id = new_id
        self._on_effects = on_effects
        self._graphs = graphs
        self._queue: deque[Queued] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._steady = steady
        self._failed_at: float | None = None
        self._heard_at = steady()
        self._silent = False
        self._stopped = False
        self._most = MAX_BATCH
        self.batches = 0
        self.commands = 0

    def submit(self, command: Command) -> asyncio.Future[Any]:
        """Carry out a command; when the answer is there, what it changed is kept. Who awaits it is told:

        Raises:
            Unavailable: too many commands are waiting, or the store can keep nothing; nothing was done, nor will be.
            OutcomeUnknown: it is not known in time whether it was done.
            DataFactoryError: the command was refused.
        """
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if len(self._queue) >= MAX_QUEUED:
            future.set_exception(Unavailable("The platform has more to do than it can keep up with: try again."))
            return future
        if self._silent:
            future.set_exception(StoreUnavailable())
            return future
        self._queue.append(Queued(command, future, self._steady()))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        return future

    async def check(self) -> None:
        """Make sure that commands can be kept. As long as they could be, that costs nothing.

        Raises:
            Unavailable: the store cannot keep anything, or could not a moment ago.
        """
        if self._silent:
            raise StoreUnavailable
        if self._failed_at is None:
            return
        if self._steady() - self._failed_at < MOMENT_S:
            raise StoreUnavailable
        await self._store.write(lambda transaction: transaction.write_nothing_new())
        self._can_keep()

    async def stop(self) -> None:
        """Carry out what was submitted, and return. What could not be handed back until now is not any more: it runs
        out of its lease."""
        self._stopped = True
        while self._worker is not None:
            await self._worker

    async def _work(self) -> None:
        try:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._most, MAX_BATCH))]
                await self._carry_out([one for one in batch if not (_is_apart(one) or self._is_too_late_for(one))])
                await self._carry_out_apart(one for one in batch if _is_apart(one))
        finally:
            self._worker = None

    def _left(self, one: Queued) -> float:
        """For how many seconds somebody still waits; as long as the store answers, its patience begins anew."""
        return max(one.since, self._heard_at) + self._store.patience - self._steady()

    def _is_too_late_for(self, one: Queued) -> bool:
        """Whether the store, which could keep nothing a moment ago, may take longer than somebody waits: they are told
        so now, and nothing of what they asked will be done."""
        if self._failed_at is None or self._left(one) >= self._store.patience / 2:
            return False
        _answer(one.answer, StoreUnavailable())
        return True

    async def _carry_out(self, batch: list[Queued], *, apart: bool = False) -> None:
        if not batch:
            return
        left = self._left(batch[0])
        watch = asyncio.get_running_loop().call_later(left, self._lose_patience)
        try:
            untried = await self._keep(batch, left, apart=apart)
        finally:
            watch.cancel()
            self._silent = False
        await self._carry_out_apart(untried)

    async def _carry_out_apart(self, batch: Iterable[Queued]) -> None:
        for one in batch:
            if not self._is_too_late_for(one):
                await self._carry_out([one], apart=True)

    async def _keep(self, batch: list[Queued], within: float, *, apart: bool) -> list[Queued]:
        """Carry out a batch, and answer; those of it that are to be tried apart are not answered yet."""
        commands = [one.command for one in batch]
        now = self._clock()
        try:
            done: Done = await self._store.write(
                partial(
                    run_batch,
                    commands=commands,
                    now=now,
                    new_id=partial(self._new_id, now),
                    graphs=self._graphs,
                    vault=self._vault,
                    idle_claims=self._idle_claims,
                    feeds=self.feeds,
                    apart=apart,
                ),
                tell=_news,
                within=within,
            )
        except Exception as error:
            if isinstance(error, Unavailable):
                self._cannot_keep(error)
                self._most = max(1, len(batch) // 2)  # what is too much for the store is not tried for ever
            else:
                self._heard_at = self._steady()
                if not apart:  # one of them is the cause, or what nobody has asked for: the others must not suffer
                    if len(batch) > 1:
                        log.warning("a batch of %d could not be kept; trying each alone", len(batch), exc_info=error)
                    return batch
                if not isinstance(commands[0], FireTimers | FillSlots):  # whoever asks for these sees to it
                    log.error("a command could not be kept", exc_info=error)
            for one in batch:
                _answer(one.answer, error)
            if isinstance(error, WriteUnderWay):
                error.end.add_done_callback(partial(self._was_known_late, commands))
            return []
        self._can_keep()
        self._most = min(2 * self._most, MAX_BATCH)
        self.batches += 1
        self.commands += len(batch)
        for one, answer in zip(batch, done.answers, strict=True):
            _answer(one.answer, answer)
        self._give(done)
        self._tell(done)
        return []

    def _give(self, done: Done) -> None:
        """Who waits is given what is theirs; what is for somebody who has left meanwhile waits for the next."""
        for waiter, rows in done.given:
            if waiter.has_left:
                self.hand_back(rows)
            else:
                waiter.give(rows)

    def hand_back(self, rows: Sequence[TaskExecutionRecord]) -> None:
        """What was taken for somebody who is not there to take it waits again. Nobody is told when that is done, and
        while it cannot be kept it is tried again: or it would run out of its lease in nobody's hands."""
        for row in rows:
            self.submit(handed_back(row)).add_done_callback(partial(self._see_to_it, row))

    def _see_to_it(self, row: TaskExecutionRecord, answer: asyncio.Future[Any]) -> None:
        if not answer.cancelled() and isinstance(answer.exception(), Unavailable) and not self._stopped:
            asyncio.get_running_loop().call_later(HAND_BACK_AGAIN_S, self.hand_back, [row])

    def _tell(self, done: Done) -> None:
        try:
            self._on_effects(done.effects)
        except Exception:
            log.exception("what a batch has done could not be told to those who wait for it")

    def _was_known_late(self, commands: Sequence[Command], end: asyncio.Future[Done]) -> None:
        """It is kept after all. Those who asked were told that nobody knows: what they were to be given is handed back,
        unless they have asked again and were given it then. Those who wait for what it has done still do."""
        if end.cancelled() or end.exception() is not None:
            return
        done = end.result()
        self._give(done)
        self._tell(done)
        for command, answer in zip(commands, done.answers, strict=True):
            if isinstance(command, Claim) and not isinstance(answer, Exception):
                self.hand_back(answer)

    def _lose_patience(self) -> None:
        """The store does not answer. Who waits behind the batch that it has is told so now, and nothing of what they
        asked will be done; who comes from now on need not wait to hear that."""
        self._silent = True
        self._cannot_keep(StoreUnavailable(f"it has not answered for {self._store.patience:g} seconds"))
        while self._queue:
            _answer(self._queue.popleft().answer, StoreUnavailable())

    def _cannot_keep(self, error: Unavailable) -> None:
        """Log it; an outage is logged when it begins, or it would fill the disk that is full."""
        if self._failed_at is None:
            log.error("the store cannot keep anything: %s", error.__cause__ or error)
        self._failed_at = self._steady()

    def _can_keep(self) -> None:
        self._heard_at = self._steady()
        if self._failed_at is not None:
            self._failed_at = None
            log.info("the store can keep what is asked again")


def _is_apart(one: Queued) -> bool:
    """Whether something of it has failed before, with more: nobody else is to be in one transaction with it."""
    return isinstance(one.command, FireTimers | FillSlots) and one.command.only is not None


def _news(done: Done) -> list[str]:
    return news.of_effects(done.effects)


def _answer(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
