"""Events as they come over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from data_factory.client import AsyncClient, Client
from data_factory.client.errors import NotFound
from tests.api.factory import NO_ID, Factory, made, paths_of, refused, told
from tests.running import KEY, Server, running_server

Event = tuple[str, str, Any]


@contextmanager
def following(api: httpx.Client, last: str = "", seconds: float = 60, **query: str) -> Iterator[Iterator[Event]]:
    """The events of a stream: id, kind and data. It is followed when this begins."""
    headers = {"last-event-id": last} if last else {}
    with api.stream("GET", "/events", params=query, headers=headers, timeout=seconds) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"] == "text/event-stream"
        yield read(answer)


def read(answer: httpx.Response) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        name, _, value = line.partition(": ")
        if name and value:
            fields[name] = value
        elif fields.get("event"):
            yield fields["id"], fields["event"], json.loads(fields["data"])
            fields = {}


@pytest.fixture
def plain(server: Server) -> Iterator[httpx.Client]:
    """Without the contract: it would read a stream to its end."""
    with server.client() as client:
        yield client


def seen(events: Iterator[Event], kind: str, id: str) -> list[Event]:
    """The events up to one."""
    found = []
    for event in events:
        found.append(event)
        if event[1] == kind and event[2]["id"] == id:
            return found
    raise AssertionError(f"the stream ended before {kind} of {id}: {found}")


def test_one_execution_is_followed_from_how_it_stands_to_its_end(factory: Factory, plain: httpx.Client) -> None:
    _, run, held = factory.held()
    with following(plain, jobExecutionId=run["id"], kinds="job_execution,task_execution,log") as events:
        begin = seen(events, "job_execution.started", run["id"])
        assert [kind for _, kind, _ in begin] == ["task_execution.claimed", "job_execution.started"]
        assert "input" not in begin[0][2] and begin[0][2]["workerId"] is None
        told(factory.report(held, "IN_PROGRESS", progress={"ratio": 0.5}))
        assert seen(events, "task_execution.progress", held["id"])[-1][2]["progress"]["ratio"] == 0.5
        log = made(factory.api.post("/logs", json=a_log(run)))
        assert seen(events, "log", log["id"])[-1][2]["message"] == "half of it"
        told(factory.report(held, output={"v": 1}))
        rest = list(events)
    assert [kind for _, kind, _ in rest] == ["task_execution.ended", "job_execution.ended"]
    assert rest[-1][2]["status"] == "COMPLETED" and "output" not in rest[-1][2]
    with following(plain, rest[-1][0], jobExecutionId=run["id"], kinds="log,job_execution") as events:
        assert [kind for _, kind, _ in events] == ["job_execution.ended"]


def test_what_no_worker_runs_is_not_claimed(factory: Factory, plain: httpx.Client) -> None:
    ask = {"name": "ask", "taskReferenceName": "ask", "type": "HUMAN"}
    run = factory.launch(factory.job(ask))
    (waiting,) = told(factory.api.get(f"/job_executions/{run['id']}/task_executions"))["data"]
    with following(plain, jobExecutionId=run["id"], kinds="task_execution.begun") as events:
        assert [(kind, row["id"]) for _, kind, row in seen(events, "task_execution.begun", waiting["id"])] == [
            ("task_execution.begun", waiting["id"])
        ]
    told(factory.api.post(f"/job_executions/{run['id']}/cancel"))


def a_log(run: Any) -> Any:
    return {"message": "half of it", "emitterName": "test", "eventCorrelationId": run["id"]}


def test_who_comes_back_misses_nothing(factory: Factory, plain: httpx.Client) -> None:
    task, run, held = factory.held()
    with following(plain) as events:
        other = factory.launch({"id": run["jobId"]})
        first = seen(events, "job_execution.started", other["id"])
    told(factory.report(held))
    told(factory.api.post(f"/job_executions/{other['id']}/cancel"))
    with following(plain, first[-1][0]) as events:
        seen(events, "job_execution.ended", other["id"])
    with following(plain, "another.1.") as events:
        assert next(events)[1:] == ("resync", None)
    assert task["id"] == held["taskId"]


def test_what_is_not_wanted_is_not_told(factory: Factory, plain: httpx.Client) -> None:
    with following(plain, kinds="job_execution.ended") as events:
        run = factory.held()[1]
        told(factory.api.post(f"/job_executions/{run['id']}/cancel"))
        kinds = {kind for _, kind, _ in seen(events, "job_execution.ended", run["id"])}
    assert kinds == {"job_execution.ended"}


def test_another_account_is_told_nothing(server: Server, factory: Factory, stranger: httpx.Client) -> None:
    run = factory.held()[1]
    refused(stranger.get("/events", params={"jobExecutionId": run["id"]}), 404, "not_found")
    with server.client("a-key-of-another-account") as theirs, following(theirs) as events:
        told(factory.api.post(f"/job_executions/{run['id']}/cancel"))
        mine = made(theirs.post("/tasks", json={"key": "theirs"}))
        job = {"key": "theirs", "tasks": [{"name": "${account}/theirs", "taskReferenceName": "x"}]}
        ours = Factory(theirs).launch(made(theirs.post("/jobs", json=job)))
        assert {run["id"] for _, _, run in seen(events, "job_execution.started", ours["id"])} & {run["id"]} == set()
        assert mine["key"] == "theirs"


def test_a_stream_ends_with_its_key(server: Server, factory: Factory) -> None:
    key = made(factory.api.post("/api_keys", json={"title": "short"}))
    with server.client(key["key"]) as mine, following(mine) as events:
        factory.held()
        next(events)
        made(factory.api.delete(f"/api_keys/{key['id']}"))
        run = factory.held()[1]
        assert run["id"] not in {event[2].get("jobExecutionId") for event in events}


def test_who_waits_with_a_key_is_sent_away_when_it_is_revoked(server: Server, factory: Factory) -> None:
    task, key = factory.task(), made(factory.api.post("/api_keys", json={"title": "short"}))
    with (
        server.client(key["key"], timeout=10) as mine,
        following(mine, seconds=10) as events,
        ThreadPoolExecutor() as threads,
    ):
        poll = threads.submit(mine.get, f"/tasks/{task['id']}/poll", headers={"Prefer": "wait=60"})
        made(factory.api.delete(f"/api_keys/{key['id']}"))
        assert list(events) == [], "it ends, though nothing happens"
        assert poll.result().status_code in (401, 404), "by whether it came before the end of the key"


def test_wrong_questions(api: httpx.Client) -> None:
    refused(api.get("/events", params={"jobExecutionId": NO_ID}), 404, "not_found")
    assert paths_of(refused(api.get("/events", params={"kinds": "gossip"}), 400, "invalid")) == {"kinds"}
    assert paths_of(refused(api.get("/events", params={"kinds": "log"}), 400, "invalid")) == {"kinds"}


def test_the_client_follows_through_a_restart_of_the_server(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, server.client() as api, Client(server.address, KEY) as client:
        factory = Factory(api)
        _, run, held = factory.held()
        events = client.events(run["id"], kinds=["task_execution", "log"])
        assert next(events).event == "task_execution.claimed"
        server.kill()
        server.start()
        told(factory.report(held))
        assert [event.event for event in events][-1] == "task_execution.ended"
        with pytest.raises(NotFound):
            next(client.events(NO_ID))
        assert [event.event for event in client.events(run["id"], kinds=["job_execution"])] == ["job_execution.ended"]


@pytest.mark.anyio
async def test_the_awaited_client_follows_too(server: Server, factory: Factory) -> None:
    run = factory.held()[1]
    told(factory.api.post(f"/job_executions/{run['id']}/cancel"))
    async with AsyncClient(server.address, KEY) as client:
        assert [event.event async for event in client.events(run["id"])][-1] == "job_execution.ended"
