"""What waiting costs."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import msgspec
import uvloop

from benchmarks.counting import Counter
from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale, metered
from benchmarks.place import Place
from benchmarks.scene import Scene, drive, prepare
from benchmarks.server import Server
from benchmarks.wire import all_connected

SETTLING_S: Final = 2
"""So long after the last poll was sent, all that it made the server do is done."""


class Waiting(msgspec.Struct, frozen=True):
    """What a second of waiting takes of all the servers, and a poll of their memory."""

    statements: float
    cpu: float
    database_cpu: float
    bytes_of_a_poll: float


def idle(place: Place, scale: Scale) -> list[Figure]:
    """1,000 long polls wait for a task of which nothing comes: at one server on SQLite, at two servers that share the
    database on PostgreSQL. The statements are all that anybody runs on the database, the servers' loops included.
    """
    polls, seconds = scale.of(1_000, 40), scale.of(20, 1)
    with place.data() as data, contextlib.ExitStack() as stack:
        counter = Counter(data)
        servers = [stack.enter_context(counter.served()) for _ in range(1 if place.postgres is None else 2)]
        scene = uvloop.run(_warm(servers))
        waiting = uvloop.run(_wait(place, servers, scene, counter, polls, seconds))
    cpu = [Figure("CPU of the servers", waiting.cpu * 100, "% of a core", Goal("<", 2))]
    if place.postgres is not None:
        cpu.append(Figure("CPU of PostgreSQL", waiting.database_cpu * 100, "% of a core"))
    return [
        Figure("statements", waiting.statements, "/s", Goal("<", 1)),
        *cpu,
        Figure("memory of a waiting poll", waiting.bytes_of_a_poll, "bytes"),
    ]


async def _warm(servers: list[Server]) -> Scene:
    """So that what is made once is made before: caches, connections, the memory of a loaded program."""
    scene = await prepare(servers[0])
    for server in servers:
        await drive(server, scene, 320)
    return scene


async def _wait(
    place: Place, servers: list[Server], scene: Scene, counter: Counter, polls: int, seconds: int
) -> Waiting:
    memory = sum(server.used().rss_mb for server in servers)
    async with all_connected([servers[number % len(servers)] for number in range(polls)]) as connections:
        path = f"/tasks/{scene.task_id}/poll"
        wait = SETTLING_S + seconds + 5
        answers = [asyncio.create_task(one.answer("GET", path, wait=wait)) for one in connections]
        await asyncio.sleep(SETTLING_S)
        before = counter.count()
        with metered(place, *servers) as cost:
            await asyncio.sleep(seconds)
        counted = counter.count().since(before)
        if any(answer.done() for answer in answers):
            raise RuntimeError("a poll was answered although nothing was there")
        for answer in answers:
            answer.cancel()
        await asyncio.wait(answers)
    return Waiting(
        statements=counted.statements / cost.seconds,
        cpu=cost.server_cpu_s / cost.seconds,
        database_cpu=cost.database_cpu_s / cost.seconds,
        bytes_of_a_poll=(cost.rss_mb - memory) * 1024 * 1024 / polls,
    )
