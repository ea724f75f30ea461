"""How far we are from the floor: from what the HTTP parser, msgspec and the store's statements alone would cost."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
import uvloop

from benchmarks.figures import Figure
from benchmarks.floor.work import Ask, Floor
from benchmarks.measuring import Cost, Scale, metered
from benchmarks.place import Data, Place
from benchmarks.scene import Scene, drive, prepare
from benchmarks.server import Server
from data_factory.model.records import TaskExecutionRecord
from data_factory.model.requests import ClaimRequest, LaunchRequest, ReportBody

FLOOR: Final = ("-m", "benchmarks.floor")

BATCH: Final = 64

WARM_UP: Final = 320


class Alone(msgspec.Struct):
    """What the statements cost without any HTTP: seconds, and CPU of the process that runs them."""

    seconds: float
    cpu_s: float


def floor(place: Place, scale: Scale) -> list[Figure]:
    """The work of `throughput`, under the same load, by a server that is nothing but an HTTP parser, msgspec and the
    store: the same statements in grouped transactions, without router, keys, engine, long polls. Then the statements
    without HTTP: 64 launches, and then a claim of 64 with 64 reports, each a transaction. Ours is measured in the same
    run."""
    count = scale.of(16_000, 640)
    with place.server() as server:
        ours = _driven(place, server, uvloop.run(prepare(server)), count)
    with place.data() as data:
        with data.served() as server:
            scene = uvloop.run(prepare(server))
        with data.served(program=FLOOR) as server:
            least = _driven(place, server, scene, count)
        alone = uvloop.run(_alone(data, count))
    return [
        Figure("floor: jobs, create to COMPLETED", count / least.seconds, "/s"),
        Figure("floor: server CPU for each", least.server_cpu_s / count * 1e6, "µs"),
        *_of_database(place, "floor", least, count),
        Figure("statements without HTTP: jobs", count / alone.seconds, "/s"),
        Figure("statements without HTTP: CPU for each", alone.cpu_s / count * 1e6, "µs"),
        Figure("ours: jobs, create to COMPLETED", count / ours.seconds, "/s"),
        Figure("ours: server CPU for each", ours.server_cpu_s / count * 1e6, "µs"),
        *_of_database(place, "ours", ours, count),
        Figure("server CPU, ours / floor", ours.server_cpu_s / least.server_cpu_s, "x"),
        Figure("jobs a second, ours / floor", least.seconds / ours.seconds, "x"),
    ]


def _of_database(place: Place, whose: str, cost: Cost, count: int) -> list[Figure]:
    if place.postgres is None:
        return []
    return [Figure(f"{whose}: PostgreSQL CPU for each", cost.database_cpu_s / count * 1e6, "µs")]


def _driven(place: Place, server: Server, scene: Scene, count: int) -> Cost:
    uvloop.run(drive(server, scene, WARM_UP))
    with metered(place, server) as cost:
        uvloop.run(drive(server, scene, count))
    return cost


async def _alone(data: Data, count: int) -> Alone:
    store = await data.open()
    floor = await Floor.on(store)
    await _batches(floor, WARM_UP)
    began, cpu = time.perf_counter(), time.process_time()
    await _batches(floor, count)
    alone = Alone(time.perf_counter() - began, time.process_time() - cpu)
    await store.close()
    return alone


async def _batches(floor: Floor, count: int) -> None:
    """Launch in batches; each is followed by one that claims what was launched and reports what was claimed before."""
    launches: list[Ask] = [LaunchRequest(job_id="", input={"power": 10}) for _ in range(BATCH)]
    claim = ClaimRequest(task_ids=(), limit=BATCH)
    reports: list[Ask] = []
    for _ in range(count // BATCH):
        await floor.keep(launches)
        taken: list[TaskExecutionRecord] = (await floor.keep([claim, *reports]))[0]
        reports = [_done(one) for one in taken]


def _done(one: TaskExecutionRecord) -> ReportBody:
    output: dict[str, Any] = {"result": 1024}
    return ReportBody(one.id, "COMPLETED", output, one.lease)
