"""The founding document's calls, as they are written there: only the host, the key and the `<…>` are filled in."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import httpx
import pytest

from tests.api.factory import Factory, made, new_key, refused, told
from tests.running import KEY, Server

CREATE_TASK = """
curl -X 'POST' \\
  'https://api.product-live.com/v1/data_factory/tasks' \\
  -H 'accept: application/json' \\
  -H 'Content-Type: application/json' \\
  -H 'X-Api-Key: <your-api-access-token>' \\
  -d '{
  "key": "<your-task-key>",
  "description": "<your task description>",
  "retryCount": 0,
  "inputKeys": [],
  "outputKeys": []
}'
"""
JOB = """
{
  "schema": "1.0",
  "key": "run-task",
  "title": "Run my task",
  "tasks": [
    {
      "name": "${account}/example-task",
      "taskReferenceName": "task",
      "description": "Process my data",
      "optional": false,
      "type": "SUB_WORKFLOW",
      "inputParameters": {}
    }
  ]
}
"""
LAUNCH = """
curl -X 'POST' \\
  'https://api-next.stage.product-live.com/v1/data_factory/job_executions' \\
  -H 'accept: application/json' \\
  -H 'X-Api-Key: <your-api-access-token>' \\
  -H 'Content-Type: application/json' \\
  -d '{
  "jobId": "<the previously created job id>",
  "input": {
    # The input data for the task, this is an example
    "power": 10
  }
}'
"""
RESULT = """
curl -X 'GET' \\
  'https://api-next.stage.product-live.com/v1/data_factory/job_executions/<the id of the job execution created in the previous step>' \\
  -H 'accept: application/json' \\
  -H 'X-Api-Key: <your-api-access-token>'
"""  # noqa: E501
SHOWN = """
{
  "object": "job_execution",
  "jobId": "<the id your job>",
  "id": "<the job execution id>",
  "pipelineId": "<your pipeline id>",
  "createdAt": "2023-07-31T09:11:33.236Z",
  "endedAt": "2023-07-31T09:12:23.044Z",
  "input": {
    "power": 10,
    "context": {
      "jobAccountId": "<the id of the ower of the job, a job may be share with several accounts>",
      "jobId": "<your job id>",
      "userAccountId": "<your account id>",
      "userId": "<your user id>"
    }
  },
  "startedAt": "2023-07-31T09:11:33.146Z",
  "status": "COMPLETED",
  "output": {
    "result": 524288
  },
  "info": {
    "title": "Run my task"
  }
}
"""
ADDED = {"jobVersion", "origin", "failure"}
"""What a job execution has here beside what is shown there."""


def curl(server: Server, command: str, **filled: str) -> Any:
    """Run the command in a shell, and give the JSON that it prints."""
    command = re.sub(r"https://api[\w.-]*product-live\.com", server.address, command)
    command = command.replace("<your-api-access-token>", KEY)
    for hole, value in filled.items():
        command = re.sub(f"<[^>]*{hole}[^>]*>", value, command)
    assert "<" not in command
    done = subprocess.run(["bash", "-c", f"{command.strip()} -sS --fail-with-body"], capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def job_and_task(api: httpx.Client) -> tuple[dict[str, Any], dict[str, Any]]:
    """Its task and its job, under keys of their own."""
    task = made(api.post("/tasks", json={"key": new_key("example-task"), "inputKeys": [], "outputKeys": []}))
    text = JOB.replace("example-task", task["key"]).replace("run-task", new_key("run-task"))
    return made(api.post("/jobs", content=text)), task


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_three_calls_and_what_the_last_one_shows(
    server: Server, job_and_task: tuple[dict[str, Any], dict[str, Any]], factory: Factory
) -> None:
    created = curl(server, CREATE_TASK, **{"task-key": new_key("example-task"), "description": "power of 2"})
    assert created["object"] == "task" and created["retryCount"] == 0

    job, task = job_and_task
    launched = curl(server, LAUNCH, **{"job id": job["id"]})
    [held] = factory.claim(task)
    assert held["input"] == {"power": 10, "eventCorrelationId": launched["id"]}
    factory.report(held, "COMPLETED", output={"result": 2**10})

    shown = json.loads(SHOWN)
    found = curl(server, RESULT, **{"the id of": launched["id"]})
    assert found.keys() - ADDED == shown.keys()
    assert shape(found, ADDED) == shape(shown, set())
    assert found["output"] == {"result": 1024}
    assert (found["id"], found["jobId"], found["pipelineId"]) == (launched["id"], job["id"], job["pipelineId"])
    assert found["info"] == shown["info"]
    assert found["input"]["context"]["jobId"] == job["id"]
    assert found["input"]["context"]["jobAccountId"] == found["input"]["context"]["userAccountId"]


def test_the_worker_polls_and_patches_as_it_is_told(
    api: httpx.Client, job_and_task: tuple[dict[str, Any], dict[str, Any]], factory: Factory
) -> None:
    """`data_factory/task/{id}/poll`, as written there; then the PATCH that the official worker sends."""
    job, task = job_and_task
    path = f"/task/{task['id']}/poll"
    refused(api.get(path, headers={"accept": "application/json"}), 404, "nothing_to_do")
    run = factory.launch(job, power=3)
    polled = told(api.get(path, headers={"accept": "application/json"}))
    assert (polled["object"], polled["status"], polled["taskId"]) == ("task_execution", "IN_PROGRESS", task["id"])
    assert polled["input"]["power"] == 3 and "context" not in polled["input"]
    body = {"id": polled["id"], "status": "COMPLETED", "output": {"result": 8}}
    patched = told(api.patch(f"/task_executions/{polled['id']}", json=body))
    assert (patched["status"], patched["output"]) == ("COMPLETED", {"result": 8})
    assert factory.run(run)["status"] == "COMPLETED"


def shape(value: Any, added: set[str]) -> Any:
    """Names and kinds, without the values."""
    if isinstance(value, dict):
        return {name: shape(member, set()) for name, member in value.items() if name not in added}
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z", value):
        return "a time"
    return type(value).__name__
