"""Slots: what waits in a pipeline starts as soon as there is room, by priority and then by age."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Final

from data_factory.model.records import JobExecutionRecord
from data_factory.service.world import World
from data_factory.store.promises import Transaction

Start = Callable[[Sequence[JobExecutionRecord]], Awaitable[None]]
"""Gives a slot to each of these."""

MAX_STARTS: Final = 1_000
"""The most executions that one transaction starts; the rest follow in the next."""

MAX_STARTED_BYTES: Final = 64 * 1024 * 1024
"""The inputs of the executions that one transaction starts have no more in all, save for a single one."""


async def fill_slots(transaction: Transaction, world: World, start: Start) -> tuple[str, ...]:
    """Start what waits in the pipelines that the transaction has touched: oldest first, as many as there are free
    slots. The pipelines of which it leaves some for the next."""
    launched: dict[str, list[JobExecutionRecord]] = defaultdict(list)
    for row in world.executions.new():
        launched[row.pipeline_id].append(row)
    if back := world.coming_back():  # written first, so that the store has them in their places among the others
        await transaction.update_job_executions(back)
        world.executions.kept(new for _, new in back)
    open_ids = dict.fromkeys(world.pipelines)
    room = MAX_STARTED_BYTES
    starts = 0
    while free := world.free_slots(open_ids):
        if starts >= MAX_STARTS or room <= 0:
            return tuple(free)
        share = max(1, (MAX_STARTS - starts) // len(free))
        gone = Counter(old.pipeline_id for old, _ in world.executions.changed() if old.status == "PENDING")
        kept = world.still_pending(free)
        wanted = {id: min(slots, share) + gone[id] for id, slots in free.items() if id in kept}
        waiting: dict[str, list[str]] = defaultdict(list)
        for one in await transaction.pending_job_executions(wanted) if wanted else ():
            room -= one.size
            if room > 0 or not waiting:
                waiting[one.queue_id].append(one.id)
        await world.load_pending({id for ids in waiting.values() for id in ids})
        for id, slots in free.items():
            exhausted = id not in kept or (room > 0 and len(waiting[id]) < wanted[id])
            now = world.executions.now
            waiting[id] = _in_order(waiting[id], launched[id], now, all_seen=exhausted)
            pending = [now[one] for one in waiting[id] if now[one].is_ready]
            starting = pending[: min(slots, MAX_STARTS - starts)]
            await start(starting)
            starts += len(starting)
            if exhausted and len(starting) == len(pending):
                del open_ids[id]
    return ()


async def start_only(world: World, ids: Sequence[str], start: Start) -> None:
    """Start these, in this order, as far as they still wait and their pipelines have free slots."""
    await world.load_pending(ids)
    free = world.free_slots(world.pipelines)
    starting: list[JobExecutionRecord] = []
    for id in ids:
        row = world.executions.now.get(id)
        if row is not None and row.is_ready and free.get(row.pipeline_id, 0) > 0:
            free[row.pipeline_id] -= 1
            starting.append(row)
    await start(starting)


async def next_to_start(transaction: Transaction, pipeline_ids: Iterable[str]) -> dict[str, str]:
    """The ids of what a transaction would start in these pipelines, in its order, and of the pipeline of each."""
    pipelines = [row for row in await transaction.pipelines_of(pipeline_ids) if row.pause is None]
    wanted = {row.id: min(row.slots - row.running, MAX_STARTS) for row in pipelines if row.slots > row.running}
    waiting = await transaction.pending_job_executions(wanted) if wanted else []
    sizes = accumulate(one.size for one in waiting)
    fitting = [one for one, size in zip(waiting, sizes, strict=True) if size < MAX_STARTED_BYTES] or waiting[:1]
    return {one.id: one.queue_id for one in fitting[:MAX_STARTS]}


def _in_order(
    stored: list[str],
    launched: Sequence[JobExecutionRecord],
    now: Mapping[str, JobExecutionRecord],
    *,
    all_seen: bool,
) -> list[str]:
    """The first of a queue, of which those that are just launched are the last among equals. If not all that wait were
    seen, then of the new ones only those that come before the last of them."""
    if all_seen:
        queue = [*stored, *(row.id for row in launched)]
    elif stored and any(row.priority > now[stored[-1]].priority for row in launched):
        least = now[stored[-1]].priority
        queue = [*stored, *(row.id for row in launched if row.priority > least)]
    else:
        return stored
    return sorted(queue, key=lambda id: -now[id].priority)
