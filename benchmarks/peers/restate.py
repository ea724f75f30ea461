"""Restate: a server that calls handlers, and awakeables, which a worker outside of it resolves."""

from __future__ import annotations

import json
import shutil
import urllib.request
from functools import partial
from pathlib import Path
from typing import Final, Literal

from benchmarks.peers.peer import PROGRAMS, Peer, System
from benchmarks.peers.stage import Stage, answers, free_port
from benchmarks.peers.tools import Tools

SERVER: Final = "@restatedev/restate-server-linux-x64"
PACKAGES: Final = (f"{SERVER}@1.7.12", "@restatedev/restate-sdk@1.17.2")

Sdk = Literal["TypeScript", "Python"]


def install(tools: Tools) -> None:
    """The server and the TypeScript SDK from npm, the Python SDK and Node.js as wheels."""
    tools.environment("restate", npm=PACKAGES)
    shutil.copy(PROGRAMS / "restate_service.mjs", tools.directory / "restate")  # it looks for its packages beside it


def serve(stage: Stage, handler: Literal["handled", "outside"], sdk: Sdk) -> None:
    """A server on one node, the service, the worker outside if it is needed, and callers of the ingress."""
    ingress, admin, node, service, worker = (free_port() for _ in range(5))
    python = stage.tools.bin("restate") / "python"
    stage.variables |= {"INGRESS_PORT": str(ingress), "WORKER_PORT": str(worker), "SERVICE_PORT": str(service)}
    stage.start(
        "server",
        [stage.tools.modules("restate") / SERVER / "bin" / "restate-server", "--no-logo", "--node-name", "bench"],
        ready=answers(ingress),
        RESTATE_BASE_DIR=stage.directory / "restate",
        RESTATE_LISTEN_MODE="tcp",
        RESTATE_BIND_ADDRESS=f"127.0.0.1:{node}",
        RESTATE_INGRESS__BIND_ADDRESS=f"127.0.0.1:{ingress}",
        RESTATE_ADMIN__BIND_ADDRESS=f"127.0.0.1:{admin}",
        RESTATE_DISABLE_TELEMETRY="true",
        RUST_LOG="warn",
    )
    if handler == "outside":
        stage.start("worker", [python, PROGRAMS / "restate_worker.py"])
    if sdk == "TypeScript":
        command: list[str | Path] = [
            stage.tools.bin("restate") / "node",
            stage.tools.directory / "restate" / "restate_service.mjs",
        ]
    else:
        command = [stage.tools.bin("restate") / "hypercorn", "--bind", f"127.0.0.1:{service}", "restate_service:app"]
    stage.start("worker", command, ready=answers(service), RESTATE_LOGGING="WARN", NODE_ENV="production")
    _register(admin, service)
    stage.drive([python, PROGRAMS / "restate_client.py"], HANDLER=handler)


def _register(admin: int, service: int) -> None:
    """Tell the server where the service is."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{admin}/deployments",
        data=json.dumps({"uri": f"http://127.0.0.1:{service}"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 - it is to this machine


AWAKEABLE: Final = (
    "an invocation over HTTP, answered with its result; the handler makes an awakeable, hands its id over in a durable "
    "step, and waits; a worker in another process resolves it over HTTP"
)
HANDLER: Final = "an invocation over HTTP, answered with its result; the step is a `ctx.run` in the handler"


def _systems(sdk: Sdk) -> tuple[System, ...]:
    return (
        System(
            name=f"Restate awakeable, {sdk} SDK",
            start=partial(serve, handler="outside", sdk=sdk),
            in_flight=(16, 64, 128),
            job=AWAKEABLE,
            left_out=(
                "the worker is sent its work over a bare socket, which costs Restate nothing and keeps nothing: there "
                "is no lease, and no retry where a worker dies"
            ),
            outside=True,
        ),
        System(
            name=f"Restate handler, {sdk} SDK",
            start=partial(serve, handler="handled", sdk=sdk),
            in_flight=(16, 64, 128),
            job=HANDLER,
            left_out="the server calls the service, which it has to reach; no worker that asks for work",
        ),
    )


RESTATE: Final = Peer(
    name="restate",
    version="Restate 1.7.12, SDKs 1.17.2 (TypeScript) and 1.3.0 (Python)",
    install=install,
    systems=[system for sdk in ("TypeScript", "Python") for system in _systems(sdk)],
)
