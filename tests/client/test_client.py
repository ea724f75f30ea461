from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest

import data_factory
from data_factory.client import AsyncClient, Client, NotFound, NotUnderstood, Unauthorized, calls
from data_factory.client.call import Call
from data_factory.model.definitions import JobBody, JobDefinition, JobTaskBody, TaskDefinition
from data_factory.model.requests import ClaimRequest, ReportBody
from data_factory.model.resources import Task
from tests.standin.faults import Answer, FaultProxy
from tests.standin.hosted import TOKEN, HostedPlatform

JOB = {
    "schema": "1.0", "key": "run-task", "title": "Run my task",
    "tasks": [{"name": "${account}/power", "taskReferenceName": "task", "type": "SUB_WORKFLOW", "inputParameters": {}}],
}  # fmt: skip


def sent(call: Call[Any]) -> tuple[str, str, Any]:
    return call.method, call.path.removeprefix("/v1/data_factory"), msgspec.json.decode(msgspec.json.encode(call.body))


def test_a_whole_round_on_the_hosted_platform(client: Client, platform: HostedPlatform) -> None:
    task = client.tasks.create(TaskDefinition(key="power"))
    job = client.jobs.publish(JOB)
    execution = client.job_executions.launch(job.id, {"power": 10})
    claimed = client.tasks.poll(task.id)
    client.task_executions.patch(claimed.id, {"id": claimed.id, "status": "COMPLETED", "output": {"result": 1024}})
    done = client.job_executions.get(execution.id, wait=20)
    assert (done.status, done.output) == ("COMPLETED", {"result": 1024})
    assert done.ended_at is not None
    assert done.ended_at.tzinfo is not None


def test_publishing_again_updates_the_job_of_that_key(client: Client, platform: HostedPlatform) -> None:
    first = client.jobs.publish(JOB)
    second = client.jobs.publish({**JOB, "title": "Better"})
    assert (first.id, second.title) == (second.id, "Better")
    assert len(platform.jobs) == 1


def test_a_task_is_found_by_key_even_where_keys_cannot_be_asked_for(client: Client, platform: HostedPlatform) -> None:
    wanted = platform.add_task("power")
    for number in range(120):
        platform.add_task(f"other-{number}")
    found = client.tasks.find("power")
    assert found is not None
    assert found.id == wanted
    assert client.tasks.find("nobody") is None


def test_lists_read_pages_as_they_are_needed(client: Client, platform: HostedPlatform) -> None:
    for number in range(25):
        platform.add_task(f"task-{number}")
    tasks = client.tasks.list(size=10)
    assert platform.requests == []
    assert next(tasks).key == "task-24"
    assert len(platform.requests) == 1
    assert [task.key for task in tasks][-1] == "task-0"
    assert len(platform.requests) == 3


def test_lists_follow_cursors_where_there_are_some(proxied: Client, faults: FaultProxy) -> None:
    pages = [
        {"data": [{"id": str(n), "key": f"k{n}"}], "nextCursor": None if n == 2 else f"after {n}"} for n in (0, 1, 2)
    ]
    faults.plan("GET", *[Answer(200, body=json.dumps(page).encode()) for page in pages])
    assert [task.key for task in proxied.tasks.list()] == ["k0", "k1", "k2"]
    assert [request for request, _ in faults.seen][1:] == [
        "GET /v1/data_factory/tasks?size=100&cursor=after+0",
        "GET /v1/data_factory/tasks?size=100&cursor=after+1",
    ]


def test_errors_are_typed(client: Client, address: str) -> None:
    with pytest.raises(NotFound):
        client.tasks.get("nobody")
    with Client(address, "wrong") as stranger, pytest.raises(Unauthorized, match="Unauthorized"):
        stranger.tasks.get("nobody")


def test_another_web_site_is_not_understood(proxied: Client, faults: FaultProxy) -> None:
    faults.plan("GET", Answer(200, {"Content-Type": "text/html"}))
    with pytest.raises(NotUnderstood, match=r"text/html.*is the address right"):
        proxied.tasks.get("x")


def test_an_id_cannot_change_the_path() -> None:
    assert calls.get_task("../jobs?x").path == "/v1/data_factory/tasks/..%2Fjobs%3Fx"
    with pytest.raises(ValueError, match="an id is empty"):
        calls.get_task("")


def test_what_json_cannot_hold_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"input\.rows\[1\]: nan is not a JSON number"):
        calls.launch_job("x", {"rows": [1, float("nan")]})
    with pytest.raises(ValueError, match=r"input\.a: text must not hold a NUL"):
        calls.launch_job("x", {"a": "\0"})
    with pytest.raises(ValueError, match=r"input\.a: text must not hold half of a surrogate pair"):
        calls.launch_job("x", {"a": "\ud800"})


def test_what_is_sent() -> None:
    task_id = "0" * 24
    assert sent(calls.create_task(TaskDefinition(key="k", retry_count=2)))[2]["retryCount"] == 2
    body = JobBody(key="j", tasks=(JobTaskBody(name="${account}/k", task_reference_name="t", input={}),))
    assert sent(calls.create_job(body))[2]["tasks"][0] == {
        "name": "${account}/k", "taskReferenceName": "t", "type": "SUB_WORKFLOW", "description": "", "input": {},
    }  # fmt: skip
    assert "schema" not in sent(calls.create_job(body))[2]
    assert sent(calls.update_job("x", body))[2]["id"] == "x"
    assert sent(calls.update_job("x", JobDefinition(key="j", tasks=())))[:2] == ("PUT", "/jobs/x")
    claim = calls.claim([task_id], limit=3, wait=19.2)
    assert claim.headers == {"Prefer": "wait=20"}
    assert sent(claim)[2]["requestId"]
    report = calls.report([ReportBody(id=task_id, status="COMPLETED", output={"result": 2**100})])
    assert sent(report)[2]["reports"][0]["output"] == {"result": 2**100}
    assert report.repeat == "always"
    assert calls.report([], claim=ClaimRequest(task_ids=(task_id,))).repeat == "unsent"
    assert calls.launch_job("x").headers["Idempotency-Key"] != calls.launch_job("x").headers["Idempotency-Key"]
    assert sent(calls.cancel_job_execution("x", reason="why")) == (
        "POST",
        "/job_executions/x/cancel",
        {"reason": "why"},
    )
    assert sent(calls.create_pipeline("p", slots=2))[2] == {"title": "p", "slots": 2}
    assert sent(calls.update_pipeline("x", "p"))[:2] == ("PUT", "/pipelines/x")
    assert sent(calls.create_api_key("ci", role="worker"))[2] == {
        "title": "ci",
        "role": "worker",
        "expiresAt": None,
        "rateLimit": None,
    }
    assert calls.revoke_api_key("x").method == "DELETE"


@pytest.mark.anyio
async def test_the_asynchronous_client_has_the_same_verbs(address: str, platform: HostedPlatform) -> None:
    async with AsyncClient(address, TOKEN) as client:
        task: Task = await client.tasks.create({"key": "power"})
        assert [one.id async for one in client.tasks.list()] == [task.id]
        assert await client.tasks.find("power") == task
        with pytest.raises(NotFound):
            await client.tasks.poll(task.id, wait=1)
        with pytest.raises(NotFound):
            await client.health()
        assert (await client.tasks.delete(task.id)).id == task.id


@pytest.mark.anyio
async def test_the_asynchronous_client_repeats_too(proxy: tuple[str, FaultProxy], platform: HostedPlatform) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    address, faults = proxy
    faults.plan("GET", Answer(503), Answer(429, {"Retry-After": "5"}))
    async with AsyncClient(address, TOKEN, sleep=sleep) as client:
        assert [task async for task in client.tasks.list()] == []
    assert pauses[1] == 5


def test_methods_keep_their_documentation(client: Client) -> None:
    assert client.tasks.get.__doc__ == "The task with this id."
    assert Client.__doc__ is not None


def test_importing_the_package_loads_nothing_but_itself() -> None:
    program = "import sys, data_factory; print(sorted(n for n in sys.modules if 'httpx' in n or 'data_factory' in n))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['data_factory']"


def test_everything_exported_exists() -> None:
    assert {getattr(data_factory, name).__name__ for name in data_factory.__all__} == set(data_factory.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = data_factory.nonsense
    assert set(data_factory.__all__) <= set(dir(data_factory))
