"""Grouping is invisible: the same commands, all in one transaction or each in its own, come to the same.

In one batch slots are filled once, at the end, and claims come last. So one by one the pipelines are closed until all
else is done, and what waits is handed out after that. What is resumed is so after all others in both: a timer of it
that came due meanwhile is not seen by the batch that resumes it.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from data_factory.model.ids import IdMaker
from data_factory.service.commands import Claim, Command, Hold, HoldPipeline
from tests.properties.orders import ClaimOrder, LaunchOrder, Order, claims, launches, orders
from tests.properties.plan import Plan, plans
from tests.properties.test_everything import carry_out, resolved
from tests.properties.world import World
from tests.workshop import Workshop, quick_directory

WAITS = st.sampled_from([0, 1_000, 5_000, 60_000])


@given(
    plan=plans(),
    before=st.lists(st.tuples(orders(), WAITS), max_size=6),
    first=st.lists(launches, min_size=1, max_size=6),
    held=st.lists(claims, max_size=3),
    batch=orders(),
)
def test_one_by_one_or_all_in_one_is_the_same(
    plan: Plan,
    before: list[tuple[list[Order], int]],
    first: list[LaunchOrder],
    held: list[ClaimOrder],
    batch: list[Order],
) -> None:
    world = World(plan)
    try:
        steps: list[tuple[Sequence[Order], int]] = [(first, 0), (held, 0), *before]
        for some, ms in steps:
            carry_out(world, resolved(world, list(some)))
            world.wait(ms)
        commands = [command for _, command in resolved(world, [taking_all(order) for order in batch])]
        commands.sort(key=_resumes)
        together = outcome(world, [commands])
        apart = outcome(world, one_by_one(world, commands))
        assert together == apart
    finally:
        world.close()


def taking_all(order: Order) -> Order:
    """What is made at once has an order of its own in each transaction, so a claim takes all there is, and not the
    oldest of it."""
    return ClaimOrder((0, 1, 2), 1_000, 60, None) if isinstance(order, ClaimOrder) else order


def _resumes(command: Command) -> bool:
    return isinstance(command, Hold) and not command.on


def one_by_one(world: World, commands: list[Command]) -> list[list[Command]]:
    """The same commands, each in a batch of its own."""
    account_id = world.shop.account_id
    closed = {row.id: closed for row, closed in zip(world.pipelines, world.reference.closed, strict=True)}
    others: list[Command] = []
    for command in commands:
        if isinstance(command, HoldPipeline) and command.account_id == account_id:
            closed[command.id] = command.on
        else:
            others.append(command)
    closing = [HoldPipeline(account_id, id, on=True) for id in closed]
    opening = [HoldPipeline(account_id, id, on=False) for id, stays_closed in closed.items() if not stays_closed]
    claims_last = sorted([*others, *opening], key=lambda command: isinstance(command, Claim))
    return [[command] for command in (*closing, *claims_last)]


def outcome(world: World, batches: list[list[Command]]) -> Any:
    """What comes of some batches, each in a transaction, on a copy of the world's store."""
    with quick_directory() as directory:
        for file in world.shop.directory.iterdir():
            shutil.copy(file, directory)
        with Workshop(Path(directory), world.now, IdMaker(lambda: world.now, start=2**40)) as shop:
            answers = [answer for batch in batches for answer in shop.batch(*batch).answers]
            return _refusals(batches, answers), _executions(shop), _attempts(shop), _waiting(world, shop)


def _refusals(batches: list[list[Command]], answers: list[Any]) -> Any:
    """Which command was refused, and how; the commands may have come in another order."""
    commands = [command for batch in batches for command in batch]
    return Counter(
        (repr(command), type(answer).__name__)
        for command, answer in zip(commands, answers, strict=True)
        if isinstance(answer, Exception)
    )


def _executions(shop: Workshop) -> Any:
    return [(row.id, row.status, row.output, row.failure and "failed", row.ended_at) for row in shop.executions()]


def _attempts(shop: Workshop) -> Any:
    """All but who holds what."""
    return sorted(
        (row.job_execution_id, row.path, row.attempt, row.input, row.output, row.available_at, row.ended_at)
        + (("live",) if row.ended_at is None else (row.status,))
        for row in shop.task_executions()
    )


def _waiting(world: World, shop: Workshop) -> Any:
    """How many of each task are held and wait: which of those that came at once are older is not the same."""
    return Counter((row.task_id, row.status) for row in shop.task_executions() if row.ended_at is None)
