"""A disk that is full: clients get 503 and nothing is half-done; with room again, all goes on without a restart."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from data_factory.store.postgresql.migrating import prepare
from tests.api.factory import Factory, Json, made, new_key, refused, step, told
from tests.faults.conftest import two_servers
from tests.faults.load import Ledger
from tests.faults.work import under_load
from tests.postgresql import PostgresServer, running_postgres
from tests.running import Server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit"),
]


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """No file of the server grows beyond what the database's own log has; its other log still has its place."""
    [log] = server.directory.glob("*-wal")
    limit(server.process.pid, log.stat().st_size)
    try:
        yield
    finally:
        limit(server.process.pid, resource.RLIM_INFINITY)


def limit(pid: int, size: int) -> None:
    """No file that this process writes becomes larger than so many bytes, from now on."""
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_what_cannot_be_kept_is_refused_and_works_later(server: Server) -> None:
    with server.client() as client:
        factory = Factory(client)
        task, run, held = factory.held(retryCount=1, retryDelaySeconds=0)
        job = factory.job(step(task))
        short = factory.launch(job)
        [due] = factory.claim(task, leaseSeconds=1)
        waiting = factory.launch(job)
        key = new_key()
        launch: Json = {"jobId": job["id"], "input": {"big": "x" * 100_000}}
        headers = {"Idempotency-Key": new_key()}
        output = {"big": "y" * 100_000}
        with full_disk(server):
            for _ in range(3):
                answer = client.post("/job_executions", json=launch, headers=headers)
                problem = refused(answer, 503, "unavailable")
                assert answer.headers["retry-after"] == "1"
                assert "sqlite" not in str(problem) and "disk" not in str(problem)
                refused(client.post("/tasks", json={"key": key, "description": "d" * 9_000}), 503, "unavailable")
                refused(factory.report(held, output=output), 503, "unavailable")
                refused(client.post("/task_executions/claim", json={"taskIds": [task["id"]]}), 503, "unavailable")
                told(client.get(f"{server.address}/health/live"))
                refused(client.get(f"{server.address}/health/ready"), 503, "unavailable")
            assert factory.run(run)["status"] == "RUNNING"
            assert told(client.get("/tasks", params={"key": key}))["data"] == []
        launched = made(client.post("/job_executions", json=launch, headers=headers))
        told(client.get(f"{server.address}/health/ready"))
        runs = told(client.get("/job_executions", params={"jobId": job["id"]}))["data"]
        assert [one["id"] for one in runs] == [launched["id"], waiting["id"], short["id"]]
        made(client.post("/tasks", json={"key": key}))
        assert told(factory.report(held, output=output))["output"] == output
        assert factory.run(run)["status"] == "COMPLETED"
        given: list[tuple[str, int]] = []
        while len(given) < 3:
            given += [(one["jobExecutionId"], one["attempt"]) for one in factory.claim(task, wait=20)]
        assert sorted(given) == sorted([(waiting["id"], 1), (launched["id"], 1), (due["jobExecutionId"], 2)])
    assert server.stop() == 0


async def test_under_load_nothing_is_lost(server: Server) -> None:
    async with under_load(server) as ledger:
        rate = ledger.rate()
        with full_disk(server):
            await refused_for_a_while(ledger, server)
        await ledger.until_fast(rate)
    assert set(ledger.statuses) <= {200, 201, 503}


# -- PostgreSQL


class Place:
    """Where a PostgreSQL is, and how the room there is taken."""

    def __init__(self, postgres: PostgresServer, disk: Path | None) -> None:
        self.postgres = postgres
        self._disk = disk

    @contextmanager
    def filled(self) -> Iterator[None]:
        """A time in which there is no room."""
        with self._taken() if self._disk is None else taken(self._disk):
            yield
        assert self._disk is None or "No space left on device" in self.postgres.log

    @contextmanager
    def _taken(self) -> Iterator[None]:
        """Where we may have no disk of our own: none of its processes may write to any file."""
        pids = self.postgres.pids
        for pid in pids:
            limit(pid, 0)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    limit(pid, resource.RLIM_INFINITY)


@contextmanager
def scarce() -> Iterator[Place]:
    """A PostgreSQL on a disk of its own, which is little larger than what it takes when it is empty."""
    with tempfile.TemporaryDirectory(prefix="disk-") as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=160m,mode=0777", "tmpfs", folder], check=False, capture_output=True
        )
        disk = Path(folder) if mounted.returncode == 0 else None
        try:
            with running_postgres(disk, min_wal_size="32MB", max_wal_size="48MB") as postgres:
                yield Place(postgres, disk)
        finally:
            if disk is not None:
                subprocess.run(["umount", folder], check=True)


@contextmanager
def taken(disk: Path) -> Iterator[None]:
    """A time in which somebody else has taken all the room there is on a disk."""
    rest = disk / "rest"
    with rest.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    try:
        yield
    finally:
        rest.unlink()


async def test_postgresql_has_no_room(tmp_path: Path) -> None:
    """It refuses what needs room; where its own log finds none, it stops. With room again it goes on, or is started."""
    with scarce() as place:
        place.postgres.sql("CREATE DATABASE small TEMPLATE template0")
        await prepare(f"{place.postgres.url}/small")
        with two_servers(tmp_path, f"{place.postgres.url}/small") as pair:
            async with under_load(*pair) as ledger:
                rate = ledger.rate()
                with place.filled():
                    await refused_for_a_while(ledger, *pair)
                if not place.postgres.is_running:
                    place.postgres.start()
                await ledger.until_fast(rate)
    assert set(ledger.statuses) <= {200, 201, 503, 504}


async def refused_for_a_while(ledger: Ledger, *servers: Server) -> None:
    """Everybody is told that nothing can be kept, and nobody is ready."""
    reached = ledger.statuses[503] + 50
    async with asyncio.timeout(60), httpx.AsyncClient() as client:
        while ledger.statuses[503] < reached:  # noqa: ASYNC110 - the servers are other processes
            await asyncio.sleep(0.01)
        for server in servers:  # for a moment there may be room for something small
            while (await client.get(f"{server.address}/health/ready")).status_code != 503:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
