"""Handing out: which waiting task execution goes to which claim."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from heapq import merge
from operator import attrgetter
from typing import Final

from data_factory.engine import lease
from data_factory.model.errors import NotFound
from data_factory.model.ids import NewId
from data_factory.model.records import TaskExecutionRecord
from data_factory.service.commands import Claim
from data_factory.service.world import World
from data_factory.store.promises import Transaction

MAX_CLAIMABLE: Final = 2_000
"""The most waiting executions of a task that one transaction looks at."""

_by_age: Final = attrgetter("id")


def is_claimable(row: TaskExecutionRecord) -> bool:
    """Whether a worker may be given this task execution now."""
    return row.status == "SCHEDULED" and row.available_at is None


class Claims:
    """The claims of one transaction: each gets the oldest that wait for it, within each task's concurrency limit.

    `overlooked` counts, by task, the claims that got nothing although more may be waiting than was looked at; `in_vain`
    those that got nothing otherwise; `unseen` those of them that were wrong about it (see `look_again`).
    """

    def __init__(self, world: World, now: int, new_id: NewId) -> None:
        self._world = world
        self._now = now
        self._new_id = new_id
        self._waiting: dict[str, deque[tuple[int, str]]] = {}
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
        task_ids = {id for claim in claims for id in claim.task_ids if id in self._world.tasks}
        await self._load_waiting(transaction, task_ids, sum(claim.limit for claim in claims))
        limited = {id for id in task_ids if self._world.limit_of(id)}
        if limited:
            await self._count_in_progress(transaction, limited)

    def claim(self, claim: Claim) -> list[TaskExecutionRecord]:
        """What this claim is given.

        Raises:
            NotFound: it names a task that is not in its account.
        """
        for id in claim.task_ids:
            task = self._world.tasks.get(id)
            if task is None or task.account_id != claim.account_id:
                raise NotFound(f"There is no task {id!r} in this account.")
        if held := self._given_before(claim):
            return [self._hand_out_again(row) for row in held]
        taken: list[TaskExecutionRecord] = []
        while len(taken) < claim.limit and (oldest := self._oldest(claim.task_ids)) is not None:
            taken.append(self._hand_out(oldest, claim))
        if not taken:
            free = [id for id in claim.task_ids if not self._at_limit(id)]
            self.overlooked.update(id for id in free if id in self._maybe_more)
            self.in_vain.update(id for id in free if id not in self._maybe_more)
        return taken

    async def look_again(self, transaction: Transaction) -> None:
        """Find out, once everything is written, what waits although claims got nothing: another transaction had it in
        its hands, and may yet let go of it without a word."""
        waiting = await transaction.claimable_tasks(self.in_vain)
        self.unseen = Counter({id: self.in_vain[id] for id in waiting})

    def _remember(self, row: TaskExecutionRecord) -> None:
        if row.status == "IN_PROGRESS" and row.claim_id is not None:
            self._held.setdefault((row.task_id, row.claim_id), set()).add(row.id)

    def _given_before(self, claim: Claim) -> list[TaskExecutionRecord]:
        """What a claim with the same id was given, for the same tasks, and still holds."""
        if claim.claim_id is None:
            return []
        ids = sorted(id for task_id in claim.task_ids for id in self._held.get((task_id, claim.claim_id), ()))
        return [self._world.task_executions.now[id] for id in ids]

    async def _load_waiting(self, transaction: Transaction, task_ids: set[str], wanted: int) -> None:
        rows = self._world.task_executions
        changed = rows.changed()
        limit = min(wanted, MAX_CLAIMABLE) + len(changed)
        stored = await transaction.claimable_task_executions(task_ids, limit)
        found = Counter(row.task_id for row in stored)
        self._maybe_more = {id for id, count in found.items() if count >= limit}
        youngest_seen = {row.task_id: row.id for row in stored if row.task_id in self._maybe_more}
        rows.add(stored)
        # What was handed back, or has waited for its retry, is as old as its id says; what is new is the youngest.
        # Beyond the youngest that was looked at there may be others, which come before what is younger still.
        back = [new for old, new in changed if not is_claimable(old)]
        back = [row for row in back if row.task_id not in youngest_seen or row.id < youngest_seen[row.task_id]]
        new = [row for row in rows.new() if row.task_id not in youngest_seen]
        for age, row in enumerate((*merge(stored, sorted(back, key=_by_age), key=_by_age), *new)):
            if is_claimable(rows.now[row.id]):
                self._waiting.setdefault(row.task_id, deque()).append((age, row.id))

    async def _count_in_progress(self, transaction: Transaction, limited: set[str]) -> None:
        self._in_progress.update(await transaction.in_progress_counts(limited))
        for old, new in self._world.task_executions.changed():
            self._in_progress[old.task_id] += (new.status == "IN_PROGRESS") - (old.status == "IN_PROGRESS")

    def _oldest(self, task_ids: Sequence[str]) -> str | None:
        heads = [self._waiting[id][0] for id in task_ids if self._waiting.get(id) and not self._at_limit(id)]
        return min(heads)[1] if heads else None

    def _hand_out(self, id: str, claim: Claim) -> TaskExecutionRecord:
        waiting = self._world.task_executions.now[id]
        self._waiting[waiting.task_id].popleft()
        self._in_progress[waiting.task_id] += 1
        held = lease.claim(
            waiting,
            self._world.definitions[waiting.task_id],
            self._new_id(),
            self._now,
            lease_ms=claim.lease_ms,
            worker_id=claim.worker_id,
            claim_id=claim.claim_id,
        )
        self._world.task_executions.put(held)
        self._remember(held)
        return held

    def _hand_out_again(self, held: TaskExecutionRecord) -> TaskExecutionRecord:
        again = lease.hand_out_again(held, self._new_id(), self._now)
        self._world.task_executions.put(again)
        return again

    def _at_limit(self, task_id: str) -> bool:
        limit = self._world.limit_of(task_id)
        return limit > 0 and self._in_progress[task_id] >= limit
