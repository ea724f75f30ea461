"""Ours: once with `data-factory worker`, as its users run it, and once with the bare HTTP client of `make bench`."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Final

from benchmarks.peers.peer import PROGRAMS, Peer, System
from benchmarks.peers.stage import Stage
from benchmarks.place import StoreName

AT_ONCE: Final = 64
"""How many executions the worker runs at a time."""


def with_the_sdk(stage: Stage) -> None:
    """A server, the worker of the command line, and creates that wait for their results."""
    address = _served(stage)
    _drive(stage, bare=0)
    stage.start(
        "worker",
        [sys.executable, "-m", "data_factory.cli", "worker", "data_factory_tasks", "--concurrency", str(AT_ONCE)],
        word=b"running power",
        API_BASE_PATH=address,
        API_ACCESS_TOKEN=stage.variables["SERVER_KEY"],
        PYTHONPATH=f"{stage.variables['PYTHONPATH']}:{PROGRAMS}",
    )


def bare(stage: Stage) -> None:
    """A server, and one process that creates and works over bare HTTP."""
    _served(stage)
    _drive(stage, bare=1)


def _served(stage: Stage) -> str:
    server = stage.enter(stage.data.served())
    stage.adopt("server", server.pid)
    stage.variables |= {"SERVER_PORT": str(server.port), "SERVER_KEY": server.key}
    return f"http://127.0.0.1:{server.port}"


def _drive(stage: Stage, bare: int) -> None:
    stage.drive([sys.executable, PROGRAMS / "data_factory_client.py"], BARE=bare)


STORES: Final[dict[StoreName, str]] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

OURS: Final = Peer(
    name="ours",
    version=version("data-factory"),
    install=lambda tools: None,
    systems=[
        system
        for store, title in STORES.items()
        for system in (
            System(
                name=f"Data Factory, bare HTTP worker, {title}",
                start=bare,
                in_flight=(32, 64, 128),
                job="a job of one task, created over HTTP; a worker reports up to 64 in a call, and so knows their end",
                left_out="the worker is the least that speaks the API, in one process with the load",
                store=store,
                outside=True,
                ours=True,
            ),
            System(
                name=f"Data Factory, `data-factory worker`, {title}",
                start=with_the_sdk,
                in_flight=(32, 64, 128),
                job="the same with the Python SDK's worker; the call that creates a job waits for its result",
                store=store,
                outside=True,
                ours=True,
            ),
        )
    ],
)
