"""Short ways to say what a test needs of a factory. Keys are new each time, so that tests do not meet."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx

SECRET = "never-log-this"
NO_ID = "0" * 24

Json = dict[str, Any]


def new_key(word: str = "key") -> str:
    return f"{word}-{uuid4().hex[:12]}"


def made(response: httpx.Response) -> Json:
    """What a POST or a PUT has made."""
    assert response.status_code == 201, response.text
    body: Json = response.json()
    return body


def told(response: httpx.Response) -> Json:
    """What a GET, a PATCH or a verb has answered."""
    assert response.status_code == 200, response.text
    body: Json = response.json()
    return body


def refused(response: httpx.Response, status: int, code: str) -> Json:
    """A problem document, complete."""
    assert response.status_code == status, response.text
    problem: Json = response.json()
    assert problem["code"] == code
    assert problem["status"] == problem["statusCode"] == status
    assert problem["detail"] == problem["message"] != ""
    assert problem["type"] == f"urn:data-factory:problem:{code}"
    return problem


def paths_of(problem: Json) -> set[str]:
    return {error["path"] for error in problem["errors"]}


def step(task: Json, reference: str = "first", **more: Any) -> Json:
    return {"name": f"${{account}}/{task['key']}", "taskReferenceName": reference, **more}


class Factory:
    """The API of one account."""

    def __init__(self, api: httpx.Client) -> None:
        self.api = api

    def task(self, **definition: Any) -> Json:
        return made(self.api.post("/tasks", json={"key": new_key("task"), **definition}))

    def pipeline(self, slots: int = 1_000) -> Json:
        return made(self.api.post("/pipelines", json={"title": "p", "slots": slots}))

    def job(self, *steps: Json, slots: int = 1_000, **definition: Any) -> Json:
        """A job in a pipeline of its own."""
        given = {"key": new_key("job"), "tasks": steps, "pipelineId": self.pipeline(slots)["id"], **definition}
        return made(self.api.post("/jobs", json=given))

    def launch(self, job: Json, **input: Any) -> Json:
        return made(self.api.post("/job_executions", json={"jobId": job["id"], "input": {"note": SECRET, **input}}))

    def waiting(self, **definition: Any) -> tuple[Json, Json]:
        """A task, and an execution of a job whose only step is one of it."""
        task = self.task(**definition)
        return task, self.launch(self.job(step(task)))

    def held(self, **definition: Any) -> tuple[Json, Json, Json]:
        """A task, a running execution, and its task execution as its worker holds it."""
        task, run = self.waiting(**definition)
        [held] = self.claim(task)
        return task, run, held

    def claim(self, *tasks: Json, wait: int = 0, **request: Any) -> list[Json]:
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        given = {"taskIds": [task["id"] for task in tasks], **request}
        data: list[Json] = told(self.api.post("/task_executions/claim", json=given, headers=headers))["data"]
        return data

    def poll(self, task: Json, wait: int = 0) -> httpx.Response:
        return self.api.get(f"/tasks/{task['id']}/poll", headers={"Prefer": f"wait={wait}"} if wait else {})

    def report(self, held: Json, status: str = "COMPLETED", **more: Any) -> httpx.Response:
        return self.api.patch(f"/task_executions/{held['id']}", json={"status": status, **more})

    def run(self, execution: Json) -> Json:
        """A job execution as it is now."""
        return told(self.api.get(f"/job_executions/{execution['id']}"))

    def steps(self, execution: Json) -> list[Json]:
        data: list[Json] = told(self.api.get(f"/job_executions/{execution['id']}/task_executions?size=100"))["data"]
        return data
