"""A disk that is full: clients get 503 and nothing is half-done; with room again, all goes on without a restart."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.api.factory import Factory, Json, made, new_key, refused, step, told
from tests.running import Server

prlimit = getattr(resource, "prlimit", None)
pytestmark = pytest.mark.skipif(prlimit is None, reason="needs Linux's prlimit")


@contextmanager
def full_disk(server: Server) -> Iterator[None]:
    """No file of the server grows beyond what the database's own log has; its other log still has its place."""
    assert prlimit is not None
    [log] = server.directory.glob("*-wal")
    size = log.stat().st_size
    _, hard = prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        prlimit(server.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


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
