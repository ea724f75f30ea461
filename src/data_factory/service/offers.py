"""What a transaction makes claimable goes to a claim that waits, in the same transaction.

Otherwise the claim would be woken, and ask in a transaction of its own: who waits for a worker would wait for two.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from data_factory.model.records import TaskExecutionRecord
from data_factory.service.claims import is_claimable
from data_factory.service.commands import Claim
from data_factory.service.waiting_room import Waiter
from data_factory.service.world import World

IdleClaims = Callable[[str, int], list[Waiter]]
"""The first so many who wait for a task, and are not about to ask for it themselves. Asked in the store's thread."""

Given = list[tuple[Waiter, list[TaskExecutionRecord]]]
"""Who is given what, once it is kept."""


class Offer(NamedTuple):
    """One who waits, and what is claimed for them."""

    waiter: Waiter
    claim: Claim


def offers_of(world: World, idle_claims: IdleClaims) -> list[Offer]:
    """Those to whom the transaction can give what it has made claimable; they share it."""
    made = Counter(row.task_id for row in world.task_executions.new() if is_claimable(row))
    made.update(
        new.task_id for old, new in world.task_executions.changed() if is_claimable(new) and not is_claimable(old)
    )
    tasks: dict[Waiter, list[str]] = defaultdict(list)
    for task_id, count in made.items():
        for waiter in idle_claims(task_id, count):
            tasks[waiter].append(task_id)
    share = -(-made.total() // len(tasks)) if tasks else 0
    return [
        Offer(waiter, replace(waiter.claim, task_ids=tuple(task_ids), limit=min(waiter.claim.limit, share)))
        for waiter, task_ids in tasks.items()
        if waiter.claim is not None
    ]
