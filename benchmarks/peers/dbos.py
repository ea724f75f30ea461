"""DBOS: durable workflows as a library. In the application's process, and through its queue to another process."""

from __future__ import annotations

from typing import Final

from benchmarks.peers.peer import PROGRAMS, Peer, System
from benchmarks.peers.stage import Stage

AT_ONCE: Final = {"sqlite": 8, "postgresql": 32}
"""How many workflows the worker of the queue runs at a time."""


def in_process(stage: Stage) -> None:
    """An application that calls its own workflows, from threads."""
    stage.drive(
        [stage.tools.bin("dbos") / "python", PROGRAMS / "dbos_app.py"], role="worker", DATABASE=_database(stage)
    )


def through_the_queue(stage: Stage) -> None:
    """An application that takes workflows from the queue, and a client that puts them there."""
    python, database = stage.tools.bin("dbos") / "python", _database(stage)
    stage.start("worker", [python, PROGRAMS / "dbos_worker.py"], DATABASE=database, AT_ONCE=AT_ONCE[stage.store])
    stage.drive([python, PROGRAMS / "dbos_client.py"], DATABASE=database)


def _database(stage: Stage) -> str:
    return stage.data.url if stage.store == "postgresql" else f"sqlite:///{stage.directory / 'dbos.sqlite'}"


CALLED: Final = "a workflow of one step, called from a thread of the application, which gets its result"
QUEUED: Final = (
    "a workflow of one step, enqueued by a client; the queue is looked at every 10 ms; its end is asked of it"
)

DBOS: Final = Peer(
    name="dbos",
    version="DBOS 3.4.0",
    install=lambda tools: tools.environment("dbos"),
    systems=[
        System(
            name="DBOS in process, SQLite",
            start=in_process,
            in_flight=(2, 8, 16),
            job=CALLED,
            left_out="no server, no HTTP, no worker elsewhere: the caller is the worker",
            store="sqlite",
        ),
        System(
            name="DBOS in process, PostgreSQL",
            start=in_process,
            in_flight=(4, 16, 32),
            job=CALLED,
            left_out="no server, no HTTP, no worker elsewhere: the caller is the worker, and there may be more of it",
            store="postgresql",
        ),
        System(
            name="DBOS queue, SQLite",
            start=through_the_queue,
            in_flight=(2, 8),
            job=QUEUED,
            left_out="no server and no HTTP: client and worker both open the database file",
            store="sqlite",
            outside=True,
            measures=("throughput", "latency"),
        ),
        System(
            name="DBOS queue, PostgreSQL",
            start=through_the_queue,
            in_flight=(2, 8, 16),
            job=QUEUED,
            left_out="no server and no HTTP: client and worker both connect to the database",
            store="postgresql",
            outside=True,
            measures=("throughput", "latency"),
        ),
    ],
)
