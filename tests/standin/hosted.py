"""A stand-in of the hosted platform: what is documented of it, and nothing that we add.

50 requests a minute with 429 and Retry-After, 404 when nothing waits, PATCH only, no claim, no report, no look-up by
key, lists without cursors in pages of at most 50, errors in the manner of NestJS.
"""

from __future__ import annotations

import itertools
import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from hashlib import sha256
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.standin.listening import listen

TOKEN = "hosted-key"
ROOT = "/v1/data_factory"
WINDOW = 60.0
NOW = "2023-07-31T09:11:33.236Z"


class HostedPlatform:
    """The state of the stand-in, and what it was asked. `now` is the clock of its rate limit."""

    def __init__(self, now: Callable[[], float] = time.monotonic, limit: int = 50) -> None:
        self.now = now
        self.limit = limit
        self.tasks: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.job_executions: dict[str, dict[str, Any]] = {}
        self.task_executions: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.refused = 0
        self.keeps_logs = True
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.logs: list[dict[str, Any]] = []
        self.heartbeats = threading.Event()
        self._of_job: dict[str, str] = {}
        self._sent: deque[float] = deque()
        self._ids = itertools.count(1)
        self._ended = threading.Condition()

    # What tests do

    def add_task(self, key: str, **fields: Any) -> str:
        task_id = self._id()
        self.tasks[task_id] = {
            "object": "task", "id": task_id, "key": key, "createdAt": NOW, "updatedAt": NOW, "description": "",
            "retryCount": 0, "responseTimeoutSeconds": 3600, "inputKeys": [], "outputKeys": [], **fields,
        }  # fmt: skip
        return task_id

    def enqueue(self, task_id: str, input: dict[str, Any]) -> str:
        execution_id = self._id()
        self.task_executions[execution_id] = {
            "object": "task_execution", "id": execution_id, "taskId": task_id, "createdAt": NOW, "updatedAt": NOW,
            "status": "SCHEDULED", "input": {**input, "eventCorrelationId": f"cid-{execution_id}"}, "output": {},
        }  # fmt: skip
        return execution_id

    def wait_until_ended(self, *execution_ids: str, seconds: float = 10) -> list[dict[str, Any]]:
        def ended() -> bool:
            return all(self.task_executions[one]["status"] in ("COMPLETED", "FAILED") for one in execution_ids)

        with self._ended:
            assert self._ended.wait_for(ended, seconds), [self.task_executions[one] for one in execution_ids]
        return [self.task_executions[one] for one in execution_ids]

    def wait_until_logged(self, text: str, times: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        def logged() -> bool:
            return sum(text in one["message"] for one in self.logs) >= times

        with self._ended:
            assert self._ended.wait_for(logged, seconds), self.logs
        return self.logs

    def bodies(self, method: str) -> list[Any]:
        return [body for verb, _, body in self.requests if verb == method]

    # What clients ask

    def app(self) -> Starlette:
        routes = [
            ("GET", "/tasks", self._list(self.tasks)), ("POST", "/tasks", self._create_task),
            ("GET", "/tasks/{id}", self._get(self.tasks)), ("PUT", "/tasks/{id}", self._put(self.tasks)),
            ("DELETE", "/tasks/{id}", self._delete_task), ("GET", "/tasks/{id}/poll", self._poll),
            ("GET", "/task_executions/{id}", self._get(self.task_executions)),
            ("PATCH", "/task_executions/{id}", self._patch),
            ("GET", "/jobs", self._list(self.jobs)), ("POST", "/jobs", self._create_job),
            ("GET", "/jobs/{id}", self._get(self.jobs)), ("PUT", "/jobs/{id}", self._put(self.jobs)),
            ("GET", "/job_executions", self._list(self.job_executions)),
            ("POST", "/job_executions", self._launch),
            ("GET", "/job_executions/{id}", self._get(self.job_executions)),
            *([("POST", "/logs", self._log)] if self.keeps_logs else []),
            ("GET", "/files/{id}", self._get(self.files)),
        ]  # fmt: skip
        handlers = [Route(ROOT + path, self._guarded(handle), methods=[method]) for method, path, handle in routes]
        handlers += [
            Route(ROOT + "/files", self._keep_file, methods=["POST"]),
            Route(ROOT + "/files/{id}/content", self._content, methods=["GET"]),
        ]
        nothing = self._guarded(lambda request, body: (404, f"Cannot {request.method} {request.url.path}"))
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(routes=[*handlers, Route("/{path:path}", nothing, methods=methods)])

    def _guarded(self, handle: Callable[[Request, Any], tuple[int, Any]]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            raw = await request.body()
            self.requests.append((request.method, request.url.path, json.loads(raw) if raw else None))
            if request.headers.get("x-api-key") != TOKEN:
                return nest(401, "Unauthorized")
            if wait := self._over_limit():
                self.refused += 1
                return nest(429, "Too Many Requests", {"Retry-After": str(math.ceil(wait))})
            status, value = handle(request, json.loads(raw) if raw else None)
            return nest(status, value) if isinstance(value, str) else JSONResponse(value, status)

        return endpoint

    def _over_limit(self) -> float:
        now = self.now()
        while self._sent and self._sent[0] <= now - WINDOW:
            self._sent.popleft()
        if len(self._sent) >= self.limit:
            return self._sent[0] + WINDOW - now
        self._sent.append(now)
        return 0.0

    def _list(self, things: dict[str, dict[str, Any]]) -> Any:
        def handle(request: Request, body: Any) -> tuple[int, Any]:
            page, size = int(request.query_params.get("page", 0)), min(50, int(request.query_params.get("size", 10)))
            newest_first = list(things.values())[::-1]
            return 200, {"object": "list", "data": newest_first[page * size : (page + 1) * size]}

        return handle

    def _get(self, things: dict[str, dict[str, Any]]) -> Any:
        return lambda request, body: _found(things, request)

    def _put(self, things: dict[str, dict[str, Any]]) -> Any:
        def handle(request: Request, body: Any) -> tuple[int, Any]:
            if body.get("id") != request.path_params["id"]:
                return 400, "id should not be empty"
            things[body["id"]].update(body)
            return 201, things[body["id"]]

        return handle

    def _create_task(self, request: Request, body: Any) -> tuple[int, Any]:
        return 201, self.tasks[self.add_task(**body)]

    def _delete_task(self, request: Request, body: Any) -> tuple[int, Any]:
        task = self.tasks.pop(request.path_params["id"], None)
        return (201, task) if task else (404, "Task not found")

    def _create_job(self, request: Request, body: Any) -> tuple[int, Any]:
        job = {"object": "job", "id": self._id(), "createdAt": NOW, "status": "DRAFT", "title": "", **body}
        self.jobs[job["id"]] = job
        return 201, job

    def _launch(self, request: Request, body: Any) -> tuple[int, Any]:
        job = self.jobs.get(body["jobId"])
        if job is None:
            return 400, "Job not found"
        execution = {
            "object": "job_execution", "jobId": job["id"], "id": self._id(), "pipelineId": "0" * 24, "createdAt": NOW,
            "input": {**body.get("input", {}), "context": {"jobId": job["id"]}}, "startedAt": NOW,
            "status": "RUNNING", "output": {}, "info": {"title": job["title"]},
        }  # fmt: skip
        self.job_executions[execution["id"]] = execution
        key = job["tasks"][0]["name"].removeprefix("${account}/")
        task_id = next(task["id"] for task in self.tasks.values() if task["key"] == key)
        self._of_job[self.enqueue(task_id, body.get("input", {}))] = execution["id"]
        return 201, execution

    def _poll(self, request: Request, body: Any) -> tuple[int, Any]:
        for execution in self.task_executions.values():
            if execution["taskId"] == request.path_params["id"] and execution["status"] == "SCHEDULED":
                execution["status"] = "IN_PROGRESS"
                return 200, execution
        return 404, "No task available"

    def _patch(self, request: Request, body: Any) -> tuple[int, Any]:
        status, execution = _found(self.task_executions, request)
        if status != 200:
            return status, execution
        if set(body) - {"id", "status", "output"} or body["status"] not in ("COMPLETED", "FAILED", "IN_PROGRESS"):
            return 400, ["status must be one of the following values: COMPLETED, FAILED, IN_PROGRESS"]
        if execution["status"] not in ("IN_PROGRESS", body["status"]):
            return 400, f"Task execution is {execution['status']}"
        with self._ended:
            execution.update(status=body["status"], output=body.get("output", {}))
            job_execution = self.job_executions.get(self._of_job.get(execution["id"], ""))
            if job_execution and body["status"] != "IN_PROGRESS":
                job_execution.update(status=body["status"], output=body["output"], endedAt=NOW)
            self._ended.notify_all()
        if body["status"] == "IN_PROGRESS":
            self.heartbeats.set()
        return 200, execution

    async def _keep_file(self, request: Request) -> Response:
        raw = await request.body()
        self.requests.append((request.method, request.url.path, None))
        if request.headers.get("x-api-key") != TOKEN:
            return nest(401, "Unauthorized")
        form: Any = message_from_bytes(b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n" + raw)
        (part,) = form.get_payload()
        if part.get_param("name", header="content-disposition") != "file":
            return nest(400, "file is required")
        content = part.get_payload(decode=True)
        id = sha256(content).hexdigest()
        self.contents[id] = content
        url = f"{request.base_url}{ROOT[1:]}/files/{id}/content"
        self.files[id] = {"object": "data_factory_file", "id": id, "createdAt": NOW, "updatedAt": NOW, "url": url}
        return JSONResponse({**self.files[id], "filename": part.get_filename()}, 201)

    async def _content(self, request: Request) -> Response:
        self.requests.append((request.method, request.url.path, None))
        if request.headers.get("x-api-key") != TOKEN:
            return nest(401, "Unauthorized")
        content = self.contents.get(request.path_params["id"])
        return nest(404, "Not found") if content is None else Response(content, media_type="application/octet-stream")

    def _log(self, request: Request, body: Any) -> tuple[int, Any]:
        severities, kinds = ("info", "warning", "error"), ("DEFAULT", "MARKDOWN")
        known = {"message", "emitterName", "eventCorrelationId", "severity", "messageType"}
        wrong = set(body) - known or not all(body.get(one) for one in ("message", "emitterName", "eventCorrelationId"))
        if wrong or body.get("severity", "info") not in severities or body.get("messageType", "DEFAULT") not in kinds:
            return 400, ["message should not be empty"]
        if request.headers.get("cid") != body["eventCorrelationId"]:
            return 400, "cid should be the correlation id"
        with self._ended:
            self.logs.append(body)
            self._ended.notify_all()
        return 201, {"object": "log", "id": self._id(), "createdAt": NOW, **body}

    def _id(self) -> str:
        return f"64c77a{next(self._ids):018x}"


def _found(things: dict[str, dict[str, Any]], request: Request) -> tuple[int, Any]:
    thing = things.get(request.path_params["id"])
    return (200, thing) if thing else (404, "Not found")


def nest(status: int, message: Any, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"statusCode": status, "message": message}, status, headers)


class Stage:
    """An application whose place another can take, so that one server does for many tests."""

    address = ""
    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application on a free port of the loopback, in a thread; gives its address."""
    listener = listen()
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join()
        listener.close()
