"""The client against our real server: every verb, and the errors as they come."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from data_factory.client import AsyncClient, BadRequest, Client, Conflict, NotFound, Unauthorized
from data_factory.model.definitions import TaskDefinition
from data_factory.model.requests import ClaimRequest, ReportBody
from data_factory.model.resources import Job, Task
from tests.standin.ours import KEY, factory

_numbers = count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with factory(tmp_path_factory.mktemp("factory")) as address:
        yield address


@pytest.fixture
def api(server: str) -> Iterator[Client]:
    with Client(server, KEY) as client:
        yield client


@pytest.fixture
def task(api: Client) -> Task:
    return api.tasks.create(TaskDefinition(key=f"task-{next(_numbers)}", description="of a test"))


@pytest.fixture
def job(api: Client, task: Task) -> Job:
    step = {"name": f"${{account}}/{task.key}", "taskReferenceName": "task", "inputParameters": {}}
    pipeline = api.pipelines.create(f"pipeline {task.key}", slots=10)
    return api.jobs.create({"key": f"job-of-{task.key}", "pipelineId": pipeline.id, "tasks": [step]})


def test_health(server: str) -> None:
    with Client(server) as nobody:
        assert nobody.health() == {"status": "ready"}


def test_tasks(api: Client, task: Task) -> None:
    assert api.tasks.get(task.id) == task == api.tasks.find(task.key)
    assert task.created_at.tzinfo is not None
    changed = api.tasks.update(task.id, {"key": task.key, "retryCount": 3})
    assert (changed.retry_count, changed.description) == (3, "")
    assert api.tasks.delete(task.id).id == task.id
    assert api.tasks.find(task.key) is None
    with pytest.raises(NotFound):
        api.tasks.get(task.id)


def test_jobs_are_published_by_key(api: Client, job: Job) -> None:
    assert api.jobs.get(job.id) == job == api.jobs.find(job.key)
    steps = [{"name": step.name, "taskReferenceName": step.task_reference_name} for step in job.tasks]
    again = api.jobs.publish({"key": job.key, "title": "Better", "tasks": steps})
    assert (again.id, again.version, again.title) == (job.id, 2, "Better")
    other = api.jobs.publish({"key": f"other-{job.key}", "tasks": steps})
    assert other.version == 1


def test_every_error_of_a_definition_comes_with_its_path(api: Client) -> None:
    with pytest.raises(BadRequest) as caught:
        api.jobs.create({"key": "two words", "tasks": [{"name": "${account}/nobody", "taskReferenceName": "t"}]})
    assert caught.value.code == "invalid"
    assert "key" in [error.path for error in caught.value.errors]


def test_an_execution_from_launch_to_end(api: Client, task: Task, job: Job) -> None:
    launched = api.job_executions.launch(job.id, {"power": 2**70}, title="Mine")
    assert launched.info.title == "Mine"
    (claimed,) = api.task_executions.claim([task.id], limit=5, wait=20).data
    assert claimed.input["power"] == 2**70
    waiting = api.job_executions.launch(job.id)
    reported = api.task_executions.report(
        [ReportBody(id=claimed.id, status="COMPLETED", output={"result": 2**100}, lease=claimed.lease)],
        claim=ClaimRequest(task_ids=(task.id,)),
    )
    assert [verdict.accepted for verdict in reported.results] == [True]
    assert [one.job_execution_id for one in reported.claimed] == [waiting.id]
    done = api.job_executions.get(launched.id, wait=20)
    assert (done.status, done.output) == ("COMPLETED", {"result": 2**100})
    assert [one.id for one in api.job_executions.task_executions(launched.id)] == [claimed.id]
    assert api.task_executions.get(claimed.id).status == "COMPLETED"
    assert [one.id for one in api.job_executions.list(job_id=job.id)] == [waiting.id, launched.id]


def test_a_human_task_is_answered_and_the_same_answer_may_be_sent_again(api: Client) -> None:
    human = {"name": "ask", "taskReferenceName": "ask", "type": "HUMAN"}
    job = api.jobs.create({"key": "ask", "pipelineId": api.pipelines.create("people").id, "tasks": [human]})
    for answer in (api.task_executions.complete, lambda id, output: api.task_executions.fail(id, output["message"])):
        run = api.job_executions.launch(job.id)
        (reason,) = api.job_executions.why(run.id).reasons
        for _ in range(2):
            answered = answer(str(reason.task_execution_id), {"message": "so be it"})
        ended = api.job_executions.get(run.id, wait=20)
        assert (answered.output, ended.output, answered.status) == (ended.output, {"message": "so be it"}, ended.status)


def test_poll_and_patch_as_the_hosted_platform_has_them(api: Client, task: Task, job: Job) -> None:
    with pytest.raises(NotFound) as caught:
        api.tasks.poll(task.id)
    assert caught.value.code == "nothing_to_do"
    api.job_executions.launch(job.id)
    polled = api.tasks.poll(task.id, wait=20)
    api.task_executions.patch(polled.id, {"id": polled.id, "status": "COMPLETED", "output": {}})
    with pytest.raises(Conflict) as stale:
        api.task_executions.patch(polled.id, {"id": polled.id, "status": "FAILED", "output": {}})
    assert stale.value.code == "task_execution_ended"


def test_a_launch_is_made_once_for_its_key(api: Client, job: Job) -> None:
    first = api.job_executions.launch(job.id, {"n": 1}, idempotency_key=f"once-{job.id}")
    assert api.job_executions.launch(job.id, {"n": 1}, idempotency_key=f"once-{job.id}").id == first.id
    with pytest.raises(Conflict) as caught:
        api.job_executions.launch(job.id, {"n": 2}, idempotency_key=f"once-{job.id}")
    assert caught.value.code == "idempotency_key_reused"


def test_a_launch_can_wait_for_the_end(api: Client) -> None:
    end = {"terminationStatus": "COMPLETED", "outputParameters": {"n": "${workflow.input.n}"}}
    stop = {"name": "stop", "taskReferenceName": "stop", "type": "TERMINATE", "inputParameters": end}
    job = api.jobs.create({"key": "at-once", "pipelineId": api.pipelines.create("at once").id, "tasks": [stop]})
    ended = api.job_executions.launch(job.id, {"n": 1}, wait=20)
    assert (ended.status, ended.output) == ("COMPLETED", {"n": 1})


def test_cancel(api: Client, job: Job) -> None:
    launched = api.job_executions.launch(job.id)
    assert api.job_executions.cancel(launched.id, reason="enough").status == "TERMINATED"


def test_lists_are_read_to_their_end(api: Client, job: Job) -> None:
    launched = [api.job_executions.launch(job.id).id for _ in range(7)]
    assert [one.id for one in api.job_executions.list(job_id=job.id, size=3)] == launched[::-1]


def test_what_job_executions_have_is_found(api: Client, task: Task, job: Job) -> None:
    runs = [api.job_executions.launch(job.id) for _ in range(3)]
    of_task = {"type": "eq", "field": "taskId", "value": task.id}
    found = list(api.task_executions.search(of_task, size=2))
    assert [one.job_execution_id for one in found] == [run.id for run in reversed(runs)]
    assert list(api.task_executions.search(of_task, order="ASC", size=1)) == found[::-1]
    assert list(api.task_executions.search({}, job_execution_id=runs[1].id, sort="status")) == [found[1]]
    for run in runs:
        api.job_executions.log(run.id, f"told of {run.id}", emitter_name="tests")
    told = {"type": "contains", "field": "message", "value": runs[2].id}
    assert [log.job_execution_id for log in api.job_executions.search_logs(told)] == [runs[2].id]
    assert list(api.job_executions.search_logs(told, job_execution_id=runs[0].id)) == []


def test_every_list_is_searched_where_it_is(api: Client, job: Job) -> None:
    webhook = api.webhooks.create("https://example.invalid/hook", is_active=False)
    sent = api.webhooks.test(webhook.id)
    run = api.job_executions.launch(job.id)
    mine = {"type": "eq", "field": "id", "value": webhook.id}
    assert [one.url for one in api.webhooks.search(mine)] == [webhook.url]
    assert [one.id for one in api.webhooks.search_deliveries(webhook.id, {})] == [sent.id]
    assert list(api.webhooks.search_of_execution(run.id, {})) == []
    assert list(api.jobs.search_versions(job.id, {}, sort="version")) == list(api.jobs.versions(job.id))
    assert list(api.jobs.search_shares(job.id, {})) == list(api.jobs.search_shared({})) == []
    deeds = api.audit.search({"type": "eq", "field": "objectId", "value": webhook.id}, order="ASC")
    assert next(deeds).action == "webhook.created"
    assert [one.id for one in api.accounts.search({}, sort="title")] == [one.id for one in api.accounts.list()]
    assert [one.id for one in api.api_keys.search({})] == [one.id for one in api.api_keys.list()]


def test_pipelines(api: Client) -> None:
    pipeline = api.pipelines.create("slow", slots=2)
    assert api.pipelines.get(pipeline.id) == pipeline
    assert api.pipelines.update(pipeline.id, "slower", slots=1).slots == 1
    assert pipeline.id in [one.id for one in api.pipelines.list()]


def test_api_keys(api: Client, server: str) -> None:
    made = api.api_keys.create("for a test")
    assert made.key is not None
    with Client(server, made.key) as other:
        assert made.id in [one.id for one in other.api_keys.list()]
        api.api_keys.revoke(made.id)
        with pytest.raises(Unauthorized):
            list(other.tasks.list())


@pytest.mark.anyio
async def test_the_asynchronous_client(server: str, job: Job) -> None:
    async with AsyncClient(server, KEY) as client:
        assert await client.health() == {"status": "ready"}
        execution = await client.job_executions.launch(job.id, {"power": 1})
        assert [one.id async for one in client.job_executions.list(job_id=job.id)] == [execution.id]
        of_it = {"type": "eq", "field": "jobExecutionId", "value": execution.id}
        (waiting,) = [one async for one in client.task_executions.search(of_it)]
        assert (waiting.job_execution_id, waiting.status) == (execution.id, "SCHEDULED")
        assert [one async for one in client.job_executions.search_logs(of_it)] == []
        assert (await client.job_executions.cancel(execution.id)).status == "TERMINATED"


def test_variables(api: Client) -> None:
    token = api.variables.create("client_token", "hush", secret=True, name="The token")
    assert (token.value, token.is_secret, token.secret) == ("", True, True)
    assert api.variables.get(token.id) == api.variables.find("client_token") == token
    again = api.variables.set("client_token", "other")
    assert (again.id, again.name, again.is_secret) == (token.id, "The token", True)
    assert api.variables.update(token.id, "client_token", secret=True, status="INACTIVE").status == "INACTIVE"
    assert api.variables.set("client_plain", "open").value == "open"
    assert {"client_token", "client_plain"} <= {one.key for one in api.variables.list()}
    api.variables.delete(token.id)
    assert api.variables.find("client_token") is None
