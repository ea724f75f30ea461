"""Waiting where it is not so easy: the server goes away, or is the hosted platform, or the job is very long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_factory.cli.connection import Connection
from data_factory.cli.watching import watch
from data_factory.client import Client
from tests.cli.conftest import CommandLine, Desk
from tests.running import KEY, running_server
from tests.standin.hosted import TOKEN, HostedPlatform, served


def test_a_server_that_restarts_is_waited_for(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, Client(server.address, KEY) as api:
        desk = Desk(api)
        user = CommandLine(tmp_path, API_BASE_PATH=server.address, API_ACCESS_TOKEN=KEY)
        with user.start("run", desk.job, "--wait") as process:
            assert process.stdout and process.stderr
            said = iter(process.stderr.readline, "")
            assert "RUNNING" in next(said)
            execution = desk.claim()
            server.kill()
            assert any(line == "the server does not answer; trying again\n" for line in said)
            server.start()
            desk.report(execution, "COMPLETED", result=1)
            assert "COMPLETED" in list(said)[-1]
            assert json.loads(process.stdout.read()) == {"result": 1}
    assert process.returncode == 0


def test_only_the_end_of_a_long_job_is_read_again(api: Client) -> None:
    desk = Desk(api)
    steps = [
        {"name": f"${{account}}/{desk.task}", "taskReferenceName": f"t{number}", "isOptional": True}
        for number in range(250)
    ]
    job = api.jobs.create({"key": f"long-{desk.job}", "tasks": steps, "pipelineId": desk.pipeline_id})
    id = api.job_executions.launch(job.id).id
    for _ in range(249):
        desk.complete()
    sights = watch(Connection(api, None), id)
    assert (next(sights).earlier, len(next(sights).tasks)) == (200, 50)
    desk.complete()
    *_, last = sights
    assert last.has_ended
    assert last.earlier + len(last.tasks) == 250


@pytest.fixture
def platform() -> HostedPlatform:
    return HostedPlatform()


@pytest.fixture
def hosted(platform: HostedPlatform, tmp_path: Path) -> Iterator[CommandLine]:
    """The command line of a user of the hosted platform, which has nothing of what we add."""
    with served(platform.app()) as address:
        yield CommandLine(tmp_path, API_BASE_PATH=address, API_ACCESS_TOKEN=TOKEN)


def test_the_hosted_platform(hosted: CommandLine, platform: HostedPlatform) -> None:
    hosted("task", "create", "example-task", "--description", "2 to the power")
    assert platform.bodies("POST")[0] == {
        "key": "example-task",
        "description": "2 to the power",
        "retryCount": 0,
        "inputKeys": [],
        "outputKeys": [],
    }
    step = {"name": "${account}/example-task", "taskReferenceName": "task", "isOptional": False, "input": {}}
    (hosted.folder / "job.json").write_text(json.dumps({"key": "run-task", "title": "Run my task", "tasks": [step]}))
    id = "64c77a000000000000000002"
    assert hosted("job", "push", ".", "--pipeline", "0" * 24).out == f"Created the job run-task: {id}\n"
    assert hosted("job", "push", ".").out == f"Updated the job run-task: {id}\n"
    assert platform.jobs[id]["pipelineId"] == "0" * 24
    for words in (["task", "list"], ["task", "get", "example-task"], ["job", "list"], ["job", "get", "run-task"]):
        assert hosted(*words).out

    with hosted.start("run", "run-task", "--input", "power=10", "--wait", "--json") as process:
        assert process.stdout and process.stderr
        execution = process.stderr.readline().split()[0]
        platform.job_executions[execution].update(
            status="COMPLETED", output={"result": 1024}, endedAt="2023-07-31T09:12:23.044Z"
        )
        assert json.loads(process.stdout.read()) == platform.job_executions[execution]
    assert process.returncode == 0
    assert execution in hosted("execution", "list").out
    assert '"result": 1024' in hosted("execution", "get", execution).out
    assert "Cannot POST" in hosted("execution", "cancel", execution, code=2).err
