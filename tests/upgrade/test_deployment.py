"""A new version is brought out under load: servers of both versions work side by side, and nobody notices."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.factory import Factory
from tests.crash.load import Ledger, Load
from tests.crash.test_kill import check, publish
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
        assert server.process.wait(20) == 1
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
    ledger = Ledger()
    load = Load([one.address, other.address], {kind: job["id"] for kind, job in jobs.items()}, tasks, ledger)

    async def more() -> None:
        await asyncio.to_thread(ledger.wait_for, EVENTS)

    async with load.running(launchers=2, workers=3):
        await more()
        assert "Run `data-factory migrate before`" in await asyncio.to_thread(
            deployment.refused, "early", deployment.new
        )
        said = await asyncio.to_thread(deployment.migrate, "before")
        assert "_holder: done" in said and "_held: done" in said
        await more()

        await asyncio.to_thread(deployment.replace, other, deployment.new)
        await more()
        said = await asyncio.to_thread(deployment.migrate, "after", code=2)
        assert "there is still data-factory 0.1.0 at" in said and f"process {one.process.pid}" in said
        one.kill()  # an older one that starts again works on the newer schema
        await asyncio.to_thread(one.start)
        await more()

        await asyncio.to_thread(deployment.replace, one, deployment.new)
        await more()
        said = await asyncio.to_thread(deployment.migrate, "after")
        assert "_worker_id: done" in said and "_timer: done" in said
        await more()
        said = await asyncio.to_thread(deployment.refused, "late", deployment.old)
        assert f"was changed by version {VERSION} of Data Factory" in said

    assert ledger.violations == []
    assert set(ledger.statuses) <= {200, 201, 503}
    with one.client() as client:
        check(Factory(client), jobs, ledger, apart=timedelta(milliseconds=500))
    for server in deployment.servers:
        assert server.stop() == 0
        assert "Traceback" not in server.log
