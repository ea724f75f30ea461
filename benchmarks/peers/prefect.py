"""Prefect: flows where they are called, and background tasks for a worker; a server keeps both."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

from benchmarks.peers.peer import PROGRAMS, Peer, System
from benchmarks.peers.stage import Stage, answers, free_port


def serve(stage: Stage, program: Literal["flows", "background"]) -> None:
    """A server, and flows in the process that calls them; or a worker, and a client that hands it tasks."""
    port = free_port()
    bin = stage.tools.bin("prefect")
    url = f"http://127.0.0.1:{port}/api"
    stage.variables |= {
        "PREFECT_HOME": str(stage.directory / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_SERVER_UI_ENABLED": "false",
    }
    stage.start(
        "server",
        [bin / "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        ready=answers(port, "/api/health"),
        PREFECT_SERVER_DATABASE_CONNECTION_URL=f"sqlite+aiosqlite:///{stage.directory / 'prefect.sqlite'}",
    )
    if program == "flows":
        stage.drive([bin / "python", PROGRAMS / "prefect_flows.py"], role="worker")
    else:
        stage.start("worker", [bin / "python", PROGRAMS / "prefect_worker.py"])
        stage.drive([bin / "python", PROGRAMS / "prefect_client.py"])


STORE: Final = (
    "kept in SQLite, its default; on PostgreSQL it needs the extension pg_trgm, which the PostgreSQL that all are "
    "measured on does not have"
)

PREFECT: Final = Peer(
    name="prefect",
    version="Prefect 3.8.8",
    install=lambda tools: tools.environment("prefect"),
    systems=[
        System(
            name="Prefect flow, SQLite",
            start=partial(serve, program="flows"),
            in_flight=(2, 8),
            job="a flow run of one task, in the process that calls it, which gets its result",
            left_out=f"no worker elsewhere: the caller is the worker; {STORE}",
        ),
        System(
            name="Prefect background task, SQLite",
            start=partial(serve, program="background"),
            in_flight=(2, 8),
            job="a background task (`delay`), run by a task worker; its end is asked of the server",
            left_out=f"a task without a flow, so that there is no chain; {STORE}",
            outside=True,
            measures=("throughput", "latency"),
        ),
    ],
)
