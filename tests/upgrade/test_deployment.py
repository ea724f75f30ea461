"""A new version is brought out under load: servers of both versions work side by side, and nobody notices."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.api.factory import Factory
from tests.faults.load import Ledger, Load
from tests.faults.work import check, publish
from tests.postgresql import Database
from tests.running import COMMAND, Server
from tests.upgrade.next_version import VERSION

pytestmark = pytest.mark.anyio

EVENTS = 100
"""How much happens, at the least, in each stage of the deployment."""


class Deployment:
    """Two servers on one database, each of this version or of the next."""

    def __init__(self, folder: Path, database: Database, next_version: Path) -> None:
        self.old = {"DATABASE_URL": database.url}
        self.new = {**self.old, "PYTHONPATH": str(next_version)}
        self.servers = [Server(folder / name, **self.old) for name in ("one", "other")]

    def replace(self, server: Server, settings: dict[str, str]) -> None:
        """Stop a server, in good order, and start it at the same address as another version."""
        assert server.stop() == 0
        server.settings = settings
        server.start()

    def migrate(self, *words: str, code: int = 0) -> str:
        """Run `data-factory migrate` of the next version; what it says."""
        environment = {"PATH": str(COMMAND.parent), "HOME": str(self.servers[0].directory.parent), **self.new}
        done = subprocess.run(
            [COMMAND, "migrate", *words], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def refused(self, name: str, settings: dict[str, str]) -> str:
        """What a server says that cannot start."""
        server = Server(self.servers[0].directory.with_name(name), **settings)
        server.launch()
        assert server.process.wait(90) == 1
        assert "Traceback" not in server.log
        return " ".join(server.log.split())


@pytest.fixture
def deployment(tmp_path: Path, deployed: Database, next_version: Path) -> Iterator[Deployment]:
    made = Deployment(tmp_path, deployed, next_version)
    with ExitStack() as stack:
        for server in made.servers:
            stack.enter_context(server)
        yield made


async def test_a_new_version_is_brought_out_under_load(deployment: Deployment) -> None:
    one, other = deployment.servers
    with one.client() as client:
        jobs, tasks = publish(Factory(client))
    assert "Run `data-factory migrate before`" in deployment.refused("early", deployment.new)
    ledger = Ledger()
    load = Load([one.address, other.address], {kind: job["id"] for kind, job in jobs.items()}, tasks, ledger)
    async with load.running(launchers=2, workers=2):
        await asyncio.to_thread(bring_out, deployment, ledger)
    assert ledger.violations == []
    assert set(ledger.statuses) <= {200, 201, 503}
    with one.client() as client:
        check(Factory(client), jobs, ledger, apart=timedelta(milliseconds=500))
    assert f"was changed by version {VERSION} of Data Factory" in deployment.refused("late", deployment.old)
    for server in deployment.servers:
        assert server.stop() == 0
        assert "Traceback" not in server.log


def bring_out(deployment: Deployment, ledger: Ledger) -> None:
    """From two servers of this version to two of the next, and something happens in each stage."""
    one, other = deployment.servers
    ledger.wait_for(EVENTS)

    said = deployment.migrate("before")
    assert "_holder: done" in said and "_held: done" in said
    ledger.wait_for(EVENTS)

    deployment.replace(other, deployment.new)
    ledger.wait_for(EVENTS)

    said = deployment.migrate("after", code=2)
    assert f"there is still data-factory {version('data-factory')} at" in said
    assert f"process {one.process.pid}" in said

    one.kill()
    one.start()  # an older one that starts again works on the newer schema
    ledger.wait_for(EVENTS)

    deployment.replace(one, deployment.new)
    ledger.wait_for(EVENTS)

    said = deployment.migrate("after")
    assert "_worker_id: done" in said and "_timer: done" in said
    ledger.wait_for(EVENTS)
