"""What each request, and each job, asks of the database: statements, commits, bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import uvloop

from benchmarks.counting import Count, Counter
from benchmarks.figures import Figure
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.scene import Scene, claim_of, drive, launch_of, prepare, report_of
from benchmarks.server import Server
from benchmarks.wire import connected

Request = Callable[[], Awaitable[Any]]


def counts(place: Place, scale: Scale) -> list[Figure]:
    """What the server asks of its database, counted and not timed: each request alone, and then a job (create, claim,
    report) when it is busy with many, and they share transactions. A statement is one that SQLite runs, one for each
    row where many are written, or one that PostgreSQL is sent; BEGIN and COMMIT count. A commit is one that writes,
    and with that an fsync. The bytes are those that the server sends to the disk on SQLite (the checkpoints of the
    write-ahead log included), those of the write-ahead log on PostgreSQL."""
    count = scale.of(3_200, 320)
    with place.data() as data:
        counter = Counter(data)
        with counter.served() as server:
            scene = uvloop.run(prepare(server))
            uvloop.run(drive(server, scene, 320))
            alone = uvloop.run(_each_alone(server, scene, counter, scale.of(100, 10)))
            before = counter.count()
            uvloop.run(drive(server, scene, count))
            busy = counter.count().since(before)
    return [
        *(figure for name, counted in alone.items() for figure in _figures(name, *counted)),
        *_figures("a job among many", busy, count),
    ]


def _figures(name: str, counted: Count, count: int) -> list[Figure]:
    return [
        Figure(f"{name}: statements", counted.statements / count, ""),
        Figure(f"{name}: commits", counted.commits / count, ""),
        Figure(f"{name}: written", counted.written_bytes / count, "bytes"),
    ]


async def _each_alone(server: Server, scene: Scene, counter: Counter, count: int) -> dict[str, tuple[Count, int]]:
    """What each kind of request takes while nothing else happens, and how many there were."""
    async with connected(server) as connection:
        launched: list[str] = []
        held: list[Any] = []

        async def launch() -> None:
            launched.append((await connection.call("POST", "/job_executions", launch_of(scene)))["id"])

        async def poll() -> None:
            held.append(await connection.call("GET", f"/tasks/{scene.task_id}/poll"))

        async def poll_in_vain() -> None:
            await connection.answer("GET", f"/tasks/{scene.task_id}/poll")

        async def heartbeat() -> None:
            held.append(one := held.pop(0))
            await connection.call("PATCH", f"/task_executions/{one['id']}", {"status": "IN_PROGRESS"})

        async def patch() -> None:
            done = {"status": "COMPLETED", "output": {"result": 1024}}
            await connection.call("PATCH", f"/task_executions/{held.pop()['id']}", done)

        async def claim() -> None:
            held.extend((await connection.call("POST", "/task_executions/claim", claim_of(scene)))["data"])

        async def report() -> None:
            await connection.call("POST", "/task_executions/report", report_of([held.pop()]))

        async def get() -> None:
            await connection.call("GET", f"/job_executions/{launched[0]}")

        async def page() -> None:
            await connection.call("GET", "/job_executions?size=100")

        story: list[tuple[str, Request]] = [
            ("create", launch),
            ("poll", poll),
            ("heartbeat", heartbeat),
            ("PATCH, COMPLETED", patch),
            ("poll in vain", poll_in_vain),
            ("create, again", launch),
            ("claim", claim),
            ("report, COMPLETED", report),
            ("get a job execution", get),
            ("list 100 job executions", page),
        ]
        found = {}
        for name, request in story:
            before = counter.count()
            for _ in range(count):
                await request()
            found[name] = (counter.count().since(before), count)
    del found["create, again"]
    return found
