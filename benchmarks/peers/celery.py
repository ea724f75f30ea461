"""Celery with Redis: as a ceiling, since Redis forgets what it has not yet written."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

from benchmarks.peers.peer import PROGRAMS, Peer, System
from benchmarks.peers.stage import Stage, answers, free_port


def serve(stage: Stage, fsync: Literal["everysec", "always"]) -> None:
    """A Redis that appends to its file, a worker with a process a core, and a client that waits for results."""
    port = free_port()
    bin = stage.tools.bin("celery")
    redis = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(stage.directory), "--save", ""]
    stage.start(
        "server",
        [bin / "redis-server", *redis, "--appendonly", "yes", "--appendfsync", fsync],
        ready=answers(port),
    )
    stage.variables["REDIS"] = f"redis://127.0.0.1:{port}/0"
    worker = ["--pool", "prefork", "--concurrency", "2", "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    stage.start("worker", [bin / "celery", "-A", "celery_jobs", "worker", *worker], word=b" ready.")
    stage.drive([bin / "python", PROGRAMS / "celery_client.py"])


JOB: Final = (
    "a task, sent by a client that waits for its result in Redis; acknowledged when it is done, 64 fetched ahead, two "
    "worker processes"
)

CELERY: Final = Peer(
    name="celery",
    version="Celery 5.7.0, Redis 6.2.14",
    install=lambda tools: tools.environment("celery"),
    systems=[
        System(
            name="Celery, Redis (fsync every second)",
            start=partial(serve, fsync="everysec"),
            in_flight=(1,),
            job=JOB,
            left_out="not durable: a second of what was accepted is lost with a power cut; a queue, no workflow state",
        ),
        System(
            name="Celery, Redis (fsync always)",
            start=partial(serve, fsync="always"),
            in_flight=(1,),
            job=JOB,
            left_out="a queue, no workflow state; a chain is kept in the messages",
        ),
    ],
)
