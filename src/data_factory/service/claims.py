"""Handing out: which waiting task execution goes to which claim."""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Sequence
from heapq import merge
from operator import attrgetter, itemgetter
from typing import Final

from msgspec.structs import replace

from data_factory.engine import lease
from data_factory.engine.attempts import postponed
from data_factory.model.errors import NotFound, SecretUnreadable
from data_factory.model.ids import NewId
from data_factory.model.records import TaskExecutionRecord, WaitingRecord
from data_factory.service.commands import Claim
from data_factory.service.world import World
from data_factory.store.promises import Transaction

log = logging.getLogger(__name__)

MAX_CLAIMABLE: Final = 2_000
"""The most waiting executions of a task that one transaction looks at."""

MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
"""What one claim is given has inputs of no more in all, save for a single one: it has to travel within its lease."""

MAX_BATCH_BYTES: Final = 64 * 1024 * 1024
"""What the claims of one transaction are given has no more in all, save for a single one."""

SET_ASIDE_MS: Final = 60_000
"""For how long is not tried again what could not be handed out because of a mistake of ours."""

_by_age: Final = attrgetter("id")


def is_claimable(row: TaskExecutionRecord) -> bool:
    """Whether a worker may be given this task execution now."""
    return row.status == "SCHEDULED" and row.available_at is None and row.paused_at is None


def _waiting(row: TaskExecutionRecord) -> WaitingRecord:
    return WaitingRecord(row.id, row.task_id, len(row.input))


class Claims:
    """The claims of one transaction: each gets the oldest that wait for it, within each task's concurrency limit.

    `overlooked` counts, by task, the claims that got nothing although more may be waiting than was looked at; `in_vain`
    those that got nothing otherwise; `unseen` those of them that were wrong about it (see `look_again`).
    """

    def __init__(self, world: World, now: int, new_id: NewId) -> None:
        self._world = world
        self._now = now
        self._new_id = new_id
        self._waiting: dict[str, deque[tuple[int, WaitingRecord]]] = {}
        self._chosen: set[str] = set()
        self._room = MAX_BATCH_BYTES
        self._held: dict[tuple[str, str], set[str]] = {}
        self._in_progress: Counter[str] = Counter()
        self._maybe_more: set[str] = set()
        self.overlooked: Counter[str] = Counter()
        self.in_vain: Counter[str] = Counter()
        self.unseen: Counter[str] = Counter()

    async def load(self, transaction: Transaction, claims: Sequence[Claim]) -> None:
        """What the claims may be given: what they were given before, and what waits, oldest first."""
        for row in self._world.task_executions.now.values():
            self._remember(row)
        await self._load_waiting(transaction, claims)
        limited = {
            id for claim in claims for id in claim.task_ids if id in self._world.tasks and self._world.limit_of(id)
        }
        if limited:
            await self._count_in_progress(transaction, limited)

    def choose(self, claim: Claim) -> list[str]:
        """Which task executions this claim is given: the oldest, as many as it asks for and as one answer can hold.

        Raises:
            NotFound: it names a task that is not in its account.
        """
        for id in claim.task_ids:
            task = self._world.tasks.get(id)
            if task is None or task.account_id != claim.account_id:
                raise NotFound(f"There is no task {id!r} in this account.")
        if claim.presence is not None and claim.presence.gone:
            return []
        if before := self._given_before(claim):
            return before
        chosen = self._take_oldest(claim)
        if not chosen:
            self.overlooked.update(id for id in claim.task_ids if self._may_have_more(id))
            self.in_vain.update(id for id in claim.task_ids if not (self._may_have_more(id) or self._at_limit(id)))
        return chosen

    def choose_unasked(self, claim: Claim) -> list[str]:
        """The same for a claim that waits, and has been given nothing yet. Its tasks are known to be its account's."""
        if claim.presence is not None and claim.presence.gone:
            return []
        return [] if self._given_before(claim) else self._take_oldest(claim)

    def _take_oldest(self, claim: Claim) -> list[str]:
        chosen: list[str] = []
        size = 0
        while len(chosen) < claim.limit and (oldest := self._oldest(claim.task_ids, size)) is not None:
            size += self._take(oldest, claim)
            chosen.append(oldest.id)
        return chosen

    async def look_again(self, transaction: Transaction) -> None:
        """Find out, once everything is written, what waits although claims got nothing: another transaction had it in
        its hands, and may yet let go of it without a word."""
        waiting = await transaction.claimable_tasks(self.in_vain)
        self.unseen = Counter({id: self.in_vain[id] for id in waiting})

    async def load_chosen(self, transaction: Transaction) -> None:
        """Read what was chosen."""
        missing = self._chosen - self._world.task_executions.now.keys()
        if missing:
            self._world.task_executions.add(await transaction.task_executions_of(missing))
        rows = self._world.task_executions.now
        chosen = self._chosen.union(*self._held.values()) if self._held else self._chosen
        await self._world.load_variables([rows[id] for id in chosen if id in rows])

    def hand_out(self, claim: Claim, chosen: Sequence[str]) -> list[TaskExecutionRecord]:
        """Give what was chosen for a claim to its worker; what it was given before, under a new lease. What cannot be
        given because of a mistake of ours is set aside, or it would be the oldest for every claim to come.

        What it gets has the variables in their places; what is kept has not what secrets say.

        Raises:
            SecretUnreadable: a secret that is to be given cannot be read; nothing is given.
        """
        rows = self._world.task_executions
        held: list[tuple[TaskExecutionRecord, str]] = []
        failed: list[TaskExecutionRecord] = []
        for id in chosen:
            row = rows.now[id]
            try:
                input, kept = self._world.handed_out(row)
                held.append((self._held_by(claim, row if kept == row.input else replace(row, input=kept)), input))
            except SecretUnreadable:
                raise
            except Exception:
                log.exception("the task execution %s cannot be handed out: it is tried again later", id)
                failed.append(row)
        for row, _ in held:
            rows.put(row)
        for row in failed:
            self._set_aside(row)
        return [self._as_given(row, input) for row, input in held]

    def _held_by(self, claim: Claim, row: TaskExecutionRecord) -> TaskExecutionRecord:
        if row.status == "IN_PROGRESS":
            return lease.hand_out_again(row, self._new_id(), self._now)
        return lease.claim(
            row,
            self._world.definitions[row.task_id],
            self._new_id(),
            self._now,
            lease_ms=claim.lease_ms,
            worker_id=claim.worker_id,
            claim_id=claim.claim_id,
        )

    def _set_aside(self, row: TaskExecutionRecord) -> None:
        """Let it wait for a time, and a claim look for another in its stead; what is held runs out of its lease."""
        if is_claimable(row):
            waiting = replace(row, poll_timeout_at=None)
            self._world.task_executions.put(postponed(waiting, self._now + SET_ASIDE_MS, self._now))
            self.overlooked[row.task_id] += 1

    @staticmethod
    def _as_given(row: TaskExecutionRecord, input: str) -> TaskExecutionRecord:
        return row if input == row.input else replace(row, input=input)

    def _remember(self, row: TaskExecutionRecord) -> None:
        if row.status == "IN_PROGRESS" and row.claim_id is not None:
            self._held.setdefault((row.task_id, row.claim_id), set()).add(row.id)

    def _given_before(self, claim: Claim) -> list[str]:
        """What a claim with the same id was given, for the same tasks, and still holds."""
        if claim.claim_id is None:
            return []
        return sorted(id for task_id in claim.task_ids for id in self._held.get((task_id, claim.claim_id), ()))

    async def _load_waiting(self, transaction: Transaction, claims: Sequence[Claim]) -> None:
        rows = self._world.task_executions
        changed = rows.changed()
        asked = Counter[str]()
        for claim in claims:
            asked.update({id: claim.limit for id in claim.task_ids if id in self._world.tasks})
        gone = Counter(old.task_id for old, _ in changed)
        wanted = {id: min(count, MAX_CLAIMABLE) + gone[id] for id, count in asked.items()}
        stored = await transaction.claimable_task_executions(wanted)
        found = Counter(one.queue_id for one in stored)
        self._maybe_more = {id for id, count in found.items() if count >= wanted[id]}
        youngest_seen = {one.queue_id: one.id for one in stored if one.queue_id in self._maybe_more}
        # What was handed back, or has waited for its retry, is as old as its id says; what is new is the youngest.
        # Beyond the youngest that was looked at there may be others, which come before what is younger still.
        back = [_waiting(new) for old, new in changed if is_claimable(new) and not is_claimable(old)]
        back = [one for one in back if one.queue_id not in youngest_seen or one.id < youngest_seen[one.queue_id]]
        new = [_waiting(row) for row in rows.new() if is_claimable(row) and row.task_id not in youngest_seen]
        still = [one for one in stored if one.id not in rows.now or is_claimable(rows.now[one.id])]
        for age, one in enumerate((*merge(still, sorted(back, key=_by_age), key=_by_age), *new)):
            self._waiting.setdefault(one.queue_id, deque()).append((age, one))

    async def _count_in_progress(self, transaction: Transaction, limited: set[str]) -> None:
        self._in_progress.update(await transaction.in_progress_counts(limited))
        for old, new in self._world.task_executions.changed():
            self._in_progress[old.task_id] += (new.status == "IN_PROGRESS") - (old.status == "IN_PROGRESS")

    def _oldest(self, task_ids: Sequence[str], size: int) -> WaitingRecord | None:
        """The oldest that may be given to a claim for these tasks, which was given inputs of this size so far."""
        heads = [self._waiting[id][0] for id in task_ids if self._waiting.get(id) and not self._at_limit(id)]
        oldest = min(heads, default=(0, None), key=itemgetter(0))[1]
        if oldest is None or (size and size + oldest.size > MAX_ANSWER_BYTES):
            return None
        return None if self._chosen and oldest.size > self._room else oldest

    def _take(self, one: WaitingRecord, claim: Claim) -> int:
        self._waiting[one.queue_id].popleft()
        self._in_progress[one.queue_id] += 1
        self._chosen.add(one.id)
        self._room -= one.size
        if claim.claim_id is not None:
            self._held.setdefault((one.queue_id, claim.claim_id), set()).add(one.id)
        return one.size

    def _may_have_more(self, task_id: str) -> bool:
        """Whether something may be waiting for this task that could be given to a claim."""
        return bool(task_id in self._maybe_more or self._waiting.get(task_id)) and not self._at_limit(task_id)

    def _at_limit(self, task_id: str) -> bool:
        limit = self._world.limit_of(task_id)
        return limit > 0 and self._in_progress[task_id] >= limit
