"""procrastinate: a task queue in PostgreSQL."""

from __future__ import annotations

from typing import Final

from benchmarks.peers.peer import PROGRAMS, Peer, System
from benchmarks.peers.stage import Stage

AT_ONCE: Final = 32
"""How many jobs the worker runs at a time."""


def serve(stage: Stage) -> None:
    """A worker that is notified, and a client that defers."""
    python = stage.tools.bin("procrastinate") / "python"
    stage.start("worker", [python, PROGRAMS / "procrastinate_worker.py"], DATABASE=stage.data.url, AT_ONCE=AT_ONCE)
    stage.drive([python, PROGRAMS / "procrastinate_client.py"], DATABASE=stage.data.url)


PROCRASTINATE: Final = Peer(
    name="procrastinate",
    version="procrastinate 3.10.0",
    install=lambda tools: tools.environment("procrastinate"),
    systems=[
        System(
            name="procrastinate, PostgreSQL",
            start=serve,
            in_flight=(4, 16, 32),
            job="a job, deferred by a client and run by a worker; its end is looked for in the queue",
            left_out=(
                "a queue, not a workflow engine: no server, no HTTP, no results; a chain is a job that defers the next "
                "one; client and worker both connect to the database"
            ),
            store="postgresql",
            outside=True,
        )
    ],
)
