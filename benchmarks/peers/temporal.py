"""Temporal: the development server with its database in a file, and a Python worker."""

from __future__ import annotations

from typing import Final

from benchmarks.peers.peer import PROGRAMS, Peer, System
from benchmarks.peers.stage import Stage, answers, free_port


def serve(stage: Stage) -> None:
    """A server, a worker, and a client that waits for each result."""
    port, http = free_port(), free_port()
    python = stage.tools.bin("temporal") / "python"
    stage.variables["TEMPORAL"] = f"127.0.0.1:{port}"
    network = ["--headless", "--ip", "127.0.0.1", "--port", str(port), "--http-port", str(http)]
    database = ["--db-filename", str(stage.directory / "temporal.sqlite"), "--sqlite-pragma", "synchronous=full"]
    stage.start(
        "server",
        [stage.tools.bin("temporal") / "temporal", "server", "start-dev", *network, *database, "--log-level", "error"],
        ready=answers(port),
    )
    stage.start("worker", [python, PROGRAMS / "temporal_worker.py"])
    stage.drive([python, PROGRAMS / "temporal_client.py"])


TEMPORAL: Final = Peer(
    name="temporal",
    version="Temporal CLI 1.9.1, Python SDK 1.35.0",
    install=lambda tools: tools.environment("temporal"),
    systems=[
        System(
            name="Temporal development server, SQLite",
            start=serve,
            in_flight=(8, 32, 64),
            job=(
                "a workflow of one activity, whose result the client waits for; sticky cache and eager activities on, "
                "pollers scale by themselves, no sandbox"
            ),
            left_out=(
                "the development server is not how Temporal is run in production: that is a cluster on PostgreSQL, "
                "MySQL or Cassandra, which is in no registry that this installs from"
            ),
            outside=True,
        )
    ],
)
