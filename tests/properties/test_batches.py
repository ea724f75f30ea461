"""Grouping is invisible: the same commands, all in one transaction or each in its own, come to the same.

In one batch, changes of pipelines come first, slots are filled once at the end, and claims come last; so that is the
order in which the commands are given one by one, with what is paused before all else, or it would be given a slot that
in one batch is only given at the end, and what goes on again after the slots are as many as they will be. What a cancel
ended may have been started for a moment, or not.
Nothing has a priority here: of what comes together the highest starts, and one by one what comes first.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from data_factory.model.ids import IdMaker
from data_factory.service.commands import Claim, Command, Hold, HoldPipeline, Resize
from tests.properties.orders import ClaimOrder, LaunchOrder, Order, ResizeOrder, claims, launches, orders
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
            carry_out(world, resolved(world, alike(some)))
            world.wait(ms)
        commands = [command for _, command in resolved(world, comparable(world, alike(batch)))]
        commands.sort(key=_pauses_first)
        together = outcome(world, [commands])
        apart = outcome(world, [[command] for command in sorted(commands, key=_rank)])
        assert together == apart
    finally:
        world.close()


def alike(some: Sequence[Order]) -> list[Order]:
    """All launches with the same priority."""
    return [replace(order, priority=0) if isinstance(order, LaunchOrder) else order for order in some]


def comparable(world: World, batch: list[Order]) -> list[Order]:
    """Of many changes of one pipeline only the last is ever in force, so leave out the others. What is made at once has
    an order of its own in each transaction, so a claim takes all there is, and not the oldest of it."""
    last = {order.number(world): order for order in batch if isinstance(order, ResizeOrder)}
    kept = [order for order in batch if not isinstance(order, ResizeOrder) or last[order.number(world)] is order]
    return [ClaimOrder((0, 1, 2), 1_000, 60, None) if isinstance(order, ClaimOrder) else order for order in kept]


def _pauses_first(command: Command) -> int:
    return (0 if command.on else 1) if isinstance(command, Hold | HoldPipeline) else 2


def _rank(command: Command) -> int:
    if isinstance(command, Hold | HoldPipeline):
        return 0 if command.on else 2
    return 1 if isinstance(command, Resize) else 4 if isinstance(command, Claim) else 3


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
    refused = [type(answer).__name__ if isinstance(answer, Exception) else None for answer in answers]
    return Counter((repr(command), error) for command, error in zip(commands, refused, strict=True))


def _executions(shop: Workshop) -> Any:
    return [(row.id, row.status, row.output, row.failure and "failed", row.ended_at) for row in shop.executions()]


def _attempts(shop: Workshop) -> Any:
    """Of the job executions that were not canceled, all but who holds what."""
    canceled = {row.id for row in shop.executions() if row.status == "TERMINATED"}
    return sorted(
        (row.job_execution_id, row.path, row.attempt, row.input, row.output, row.available_at, row.ended_at)
        + (("live",) if row.ended_at is None else (row.status,))
        for row in shop.task_executions()
        if row.job_execution_id not in canceled
    )


def _waiting(world: World, shop: Workshop) -> Any:
    """How many of each task are held and wait: which of those that came at once are older is not the same."""
    return Counter((row.task_id, row.status) for row in shop.task_executions() if row.ended_at is None)
