"""`data-factory server --database`: several servers, each a process of its own, on one PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.postgresql import PASSWORD, Database
from tests.running import Server, until


@pytest.fixture
def pair(tmp_path: Path, database: Database) -> Iterator[list[Server]]:
    """Two servers."""
    with ExitStack() as stack:
        yield [stack.enter_context(Server(tmp_path / name, DATABASE_URL=database.url)) for name in ("one", "other")]


def test_what_one_does_the_other_hears(pair: list[Server]) -> None:
    with pair[0].client() as one, pair[1].client() as other:
        task = one.post("/tasks", json={"key": "work"}).json()["id"]
        steps = [{"name": "${account}/work", "taskReferenceName": "first"}]
        job = other.post("/jobs", json={"key": "job", "title": "Job", "tasks": steps}).json()["id"]
        polled: list[httpx.Response] = []

        def poll() -> None:
            polled.append(other.get(f"/tasks/{task}/poll", headers={"Prefer": "wait=30"}))

        polling = threading.Thread(target=poll)
        polling.start()
        run = one.post("/job_executions", json={"jobId": job, "input": {"power": 2**100}}).json()["id"]
        polling.join()
        held = polled[0].json()
        assert held["input"]["power"] == 2**100
        done = one.patch(f"/task_executions/{held['id']}", json={"status": "COMPLETED", "output": {"a": 1}})
        assert done.status_code == 200
        ended = other.get(f"/job_executions/{run}", headers={"Prefer": "wait=30"}).json()
        assert (ended["status"], ended["output"]) == ("COMPLETED", {"a": 1})


def test_one_that_is_killed_takes_nothing_with_it(pair: list[Server]) -> None:
    with pair[0].client() as one, pair[1].client() as other:
        task = one.post("/tasks", json={"key": "work"}).json()["id"]
        pair[0].kill()
        assert other.get(f"/tasks/{task}").status_code == 200
        pair[0].start()
        assert httpx.get(f"{pair[0].address}/health/ready").status_code == 200


def test_ready_says_whether_it_is(pair: list[Server], database: Database) -> None:
    def ready() -> int:
        answer = httpx.get(f"{pair[0].address}/health/ready")
        assert answer.status_code == 200 or "Retry-After" in answer.headers
        return answer.status_code

    assert ready() == 200
    with database.refused():
        assert ready() == 503
        with pair[0].client() as api:
            refused = api.post("/tasks", json={"key": "work"})
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert httpx.get(f"{pair[0].address}/health/live").status_code == 200
    until(lambda: ready() == 200, "it is ready again")
    assert "Traceback" not in pair[0].log
    assert PASSWORD not in pair[0].log


def test_the_first_of_all_keeps_the_key_that_it_makes(tmp_path: Path, database: Database) -> None:
    with Server(tmp_path / "one", None, DATABASE_URL=database.url) as one:
        key = (tmp_path / "one" / "admin-key").read_text().strip()
        assert key in one.log
        with Server(tmp_path / "other", None, DATABASE_URL=database.url) as other, other.client(key) as api:
            assert api.get("/pipelines").status_code == 200
            assert "API key" not in other.log and not (tmp_path / "other" / "admin-key").exists()


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("mysql://here/there", 2, "begins with postgresql://"),
        ("postgresql://tests:wrong@{host}/{name}", 1, 'password authentication failed for user "tests"'),
        ("postgresql://tests:wrong@127.0.0.1:1/{name}", 1, "cannot be reached"),
        (f"postgresql://tests:{PASSWORD}@{{host}}/nowhere", 1, 'database "nowhere" does not exist'),
    ],
)
def test_what_is_wrong_is_said_in_a_line(tmp_path: Path, database: Database, url: str, code: int, said: str) -> None:
    address = url.format(host=f"127.0.0.1:{database.server.port}", name=database.name)
    server = Server(tmp_path / "data")
    server.launch("--database", address)
    assert server.process.wait(90) == code
    assert said in " ".join(server.log.split())
    assert "Traceback" not in server.log
    assert PASSWORD not in server.log and "wrong" not in server.log
