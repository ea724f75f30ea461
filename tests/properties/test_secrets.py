"""Whatever becomes of secrets, and whatever workers say of them: a worker is given what they say, and nobody else is.

Random verbs on random jobs that read secrets, over the API. Each answer but a hand-out is looked through for what a
secret has ever said; in the end so is all that a GET or a find of the API gives, and the files of the store.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from typing import Any, Literal
from urllib.parse import quote

import httpx
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from data_factory.api.application import RESOURCES, application
from data_factory.api.openapi import openapi
from tests.factory import Factory, factory
from tests.workshop import KEY

Json = dict[str, Any]

PREFIX = "/v1/data_factory"
DOCUMENT = openapi(RESOURCES, key_in_query=False)["paths"]
"""What the API has, by path."""

KEYS = ("a", "b")
A, B = "${workflow.variable.a}", "${workflow.variable.b}"
GIVEN = {"a": "{a}", "b": "{b}", "header": "Bearer {a}, {b}", "same": "{a}", "set": "{a}"}
"""What a worker is given under these names, by what the variables say; under others, nothing of a secret."""

CORES = ("hush", "7700770077")
"""What no text has but a secret."""


# -- the jobs


def works(name: str, before: list[str], is_set: bool) -> Json:
    """A task for a worker, which is given secrets in every way there is."""
    given = {"a": A, "b": B, "header": f"Bearer {A}, {B}"}
    if before:
        first = before[-1]
        given |= {"same": "${%s.input.a}" % first, "said": "${%s.output.said}" % first, "all": "${%s.output}" % first}
        given |= {"text": "all: ${%s.input}" % first, "why": "${%s.reasonForIncompletion}" % first}
    if is_set:
        given["set"] = "${workflow.variables.kept}"
    return {"name": "${account}/work", "taskReferenceName": name, "inputParameters": given}


CONTROL: dict[str, Json] = {
    "ask": {"type": "HUMAN", "inputParameters": {"a": A}},
    "set": {"type": "SET_VARIABLE", "inputParameters": {"kept": A}},
    "choose": {"type": "SWITCH", "expression": "$.v", "inputParameters": {"v": A}, "decisionCases": {}},
    "inside": {"subWorkflowParam": {"name": "inner"}, "inputParameters": {"of": A}},
    "start": {
        "type": "START_WORKFLOW",
        "inputParameters": {"startWorkflow": {"name": "inner", "input": {"of": A}}},
    },
}
INNER = {
    "name": "${account}/work",
    "taskReferenceName": "only",
    "inputParameters": {"of": "${workflow.input.of}", "b": B},
}


@st.composite
def jobs(draw: st.DrawFn) -> list[Json]:
    """The tasks of a job; the first and the last are for a worker."""
    tasks: list[Json] = [works("w0", [], is_set=False)]
    before, kinds = ["w0"], draw(st.lists(st.sampled_from(["work", *CONTROL]), max_size=3))
    for number, kind in enumerate([*kinds, "work"], 1):
        name = f"w{number}"
        if kind == "work":
            tasks.append(works(name, before, is_set="set" in kinds[: number - 1]))
            before.append(name)
        else:
            tasks.append({"name": kind, "taskReferenceName": name, **CONTROL[kind]})
        tasks[-1]["optional"] = draw(st.sampled_from([True, False, False])) and kind != "set"
    return tasks


# -- what may happen


class Launch(msgspec.Struct, frozen=True):
    pass


class Take(msgspec.Struct, frozen=True):
    """Workers claim what there is."""

    limit: int


class Say(msgspec.Struct, frozen=True):
    """A worker says something of what it was given."""

    last_but: int
    status: Literal["COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "IN_PROGRESS", "SCHEDULED"]


class Log(msgspec.Struct, frozen=True):
    """The same, in a log."""

    last_but: int


class Answer(msgspec.Struct, frozen=True):
    """People answer what they are asked."""

    status: Literal["COMPLETED", "FAILED"]


class Change(msgspec.Struct, frozen=True):
    """Somebody has a variable say, or be, something else."""

    key: str
    how: Literal["replace", "keep", "rename", "deactivate", "open", "delete"]
    kind: int
    spelling: Literal["secret", "isSecret"]


class Verb(msgspec.Struct, frozen=True):
    """Somebody does this to a job execution."""

    last_but: int
    verb: Literal["rerun", "retry", "cancel", "pause", "resume"]


Move = Launch | Take | Say | Log | Answer | Change | Verb


def echo(text: str) -> Json:
    """What a worker says of a text that it was given: it passes it on in every spelling."""
    url = f"https://{quote(text)}@x?t={quote(text, safe='')}"
    spelled = [json.dumps({"t": text}), msgspec.json.encode([text]).decode(), url, b64encode(text.encode()).decode()]
    lines = [json.dumps(text.splitlines()[-1:]), *text.splitlines()[-1:]]
    return {
        "message": f"401 for {text}!",
        "said": [text, {text: text}, *lines, *spelled, *map(int, [text][: text.isdecimal()])],
    }


last = st.sampled_from([0, 0, 0, 1, 2, 4])
statuses = st.sampled_from(
    ["COMPLETED", "COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "IN_PROGRESS", "SCHEDULED"]
)
hows = st.sampled_from(["replace", "replace", "keep", "rename", "deactivate", "open", "delete"])
MOVES: list[st.SearchStrategy[Any]] = [
    *[st.just(Launch())] * 2,
    *[st.builds(Take, st.sampled_from([1, 2, 10]))] * 3,
    *[st.builds(Say, last, statuses)] * 4,
    *[st.builds(Log, last)] * 2,
    st.builds(Answer, st.sampled_from(["COMPLETED", "FAILED"])),
    *[st.builds(Change, st.sampled_from(KEYS), hows, st.integers(0, 2), st.sampled_from(["secret", "isSecret"]))] * 2,
    *[st.builds(Verb, last, st.sampled_from(["rerun", "retry", "retry", "retry", "cancel", "pause", "resume"]))] * 2,
]
moves = st.lists(st.sampled_from(MOVES).flatmap(lambda kind: kind), min_size=20, max_size=50)


# -- what there is


class Scene:
    """An account with its secrets, and one who looks for them where they should not be."""

    def __init__(self, here: Factory, api: httpx.AsyncClient) -> None:
        self.here = here
        self.api = api
        self.task_id = self.job_id = ""
        self.held: list[Json] = []
        """What workers were given, oldest first."""
        self.says = dict.fromkeys(KEYS, "")
        """What a worker is given for each variable now."""
        self.kept = dict.fromkeys(KEYS, "")
        """What each secret says, whether it is given now or not; empty if it is none."""
        self.ids = dict.fromkeys(KEYS, "")
        self.ever: list[str] = []
        """What secrets have ever said."""

    async def open(self, tasks: list[Json]) -> None:
        for key in KEYS:
            await self.change(Change(key, "replace", 0, "secret"))
        self.task_id = (await self.post("/tasks", {"key": "work", "retryCount": 1, "retryDelaySeconds": 0}))["id"]
        line = (await self.post("/pipelines", {"title": "line", "slots": 50}))["id"]
        await self.post("/jobs", {"key": "inner", "tasks": [INNER], "pipelineId": line})
        outer: Json = {"key": "outer", "tasks": tasks, "pipelineId": line}
        outer["outputParameters"] = {"a": A, "said": "${w0.output.said}"}
        self.job_id = (await self.post("/jobs", outer))["id"]

    # -- requests

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the API, and look through what it says."""
        answer = await self.api.request(method, PREFIX + path, json=body)
        assert answer.status_code < 500, answer.text
        self.look_through(answer.text, f"{method} {path}")
        return answer

    async def post(self, path: str, body: Any = None) -> Json:
        answer: Json = (await self.ask("POST", path, body)).json()
        return answer

    async def listed(self, path: str) -> list[Json]:
        data: list[Json] = (await self.ask("GET", f"{path}?size=100")).json()["data"]
        return data

    def look_through(self, text: str, where: str) -> None:
        for core in (*CORES, *(b64encode(one.encode()).decode() for one in self.ever)):
            assert core not in text, f"{where} tells a secret: {text}"

    # -- moves

    async def make(self, move: Move) -> None:
        match move:
            case Launch():
                await self.post("/job_executions", {"jobId": self.job_id})
            case Take(limit=limit):
                await self.take(limit)
            case Say() if self.held:
                await self.say(move)
            case Log() if self.held:
                held = self.held[-1 - move.last_but % len(self.held)]
                run = held["input"]["eventCorrelationId"]
                told = [text for said in told_of(held) for text in said["said"] if isinstance(text, str)]
                for text in told:
                    await self.post("/logs", {"message": text, "emitterName": text, "eventCorrelationId": run})
            case Answer(status=status):
                asked = {"type": "eq", "field": "type", "value": "HUMAN"}
                for one in (await self.post("/task_executions/find", asked))["data"]:
                    await self.ask("PATCH", f"/task_executions/{one['id']}", {"status": status})
            case Change():
                await self.change(move)
                await self.take(1)
            case Verb(verb=verb):
                if runs := await self.listed("/job_executions"):
                    await self.do(f"/job_executions/{runs[move.last_but % len(runs)]['id']}", verb)
        await self.here.settle()

    async def do(self, run: str, verb: str) -> None:
        """A verb of a job execution; what it runs again is claimed at once."""
        if verb == "retry":
            await self.ask("POST", f"{run}/cancel", {})
        await self.ask("POST", f"{run}/{verb}", {})
        if verb in ("rerun", "retry"):
            await self.here.settle()
            await self.take(2)

    async def take(self, limit: int) -> None:
        """What is claimed has in it what the variables say at this moment, and nothing else of a secret."""
        claim = {"taskIds": [self.task_id], "limit": limit}
        answer = await self.api.post(f"{PREFIX}/task_executions/claim", json=claim)
        for held in answer.json()["data"]:
            for name, value in held["input"].items():
                if name in GIVEN:
                    assert value == GIVEN[name].format(**self.says), name
                else:
                    self.look_through(json.dumps(value), f"the input {name!r}")
            self.held.append(held)

    async def say(self, move: Say) -> None:
        held = self.held[-1 - move.last_but % len(self.held)]
        for said in told_of(held):
            report = {"status": move.status, "lease": held["lease"], "output": said}
            if move.status == "IN_PROGRESS":
                report["progress"] = {"message": said["message"]}
            await self.ask("PATCH", f"/task_executions/{held['id']}", report)

    async def change(self, move: Change) -> None:
        key, kept = move.key, self.kept[move.key]
        body: Json = {"key": key, move.spelling: True}
        match move.how:
            case "replace":
                kept = body["value"] = self.new_secret(move.kind)
            case "open":
                kept, body = "", {**body, move.spelling: False, "value": "for all to see"}
            case "rename":
                body["key"] = f"{key}-put-aside"
            case "deactivate":
                body["status"] = "INACTIVE"
        self.ever += [kept] if kept else []
        if move.how == "delete":
            kept = ""
            if self.ids[key]:
                await self.ask("DELETE", f"/variables/{self.ids[key]}")
            self.ids[key] = ""
        elif self.ids[key]:
            await self.ask("PUT", f"/variables/{self.ids[key]}", body)
        else:
            self.ids[key] = (await self.post("/variables", body))["id"]
        self.kept[key] = kept
        self.says[key] = "" if move.how in ("rename", "deactivate", "delete") else body.get("value", kept)

    def new_secret(self, kind: int) -> str:
        number = len(self.ever)
        return [f"hush-{number}", f'p"ss\nhush-wörd {number}/ü+%', f"{CORES[1]}{number:04}"][kind]

    # -- what can be read

    async def close(self) -> None:
        """End what goes on, and read everything there is."""
        for run in await self.listed("/job_executions"):
            await self.ask("POST", f"/job_executions/{run['id']}/cancel", {})
        await self.here.settle()
        known = {
            name: [one["id"] for one in await self.listed(f"/{name}")]
            for name in ("job_executions", "jobs", "tasks", "variables", "pipelines")
        }
        found = await self.ask("POST", "/task_executions/find?size=100", {})
        known["task_executions"] = [one["id"] for one in found.json()["data"]]
        for path, methods in DOCUMENT.items():
            path = path.removeprefix(PREFIX)
            if path.endswith("/find") and "{id}" not in path:
                await self.ask("POST", f"{path}?size=100", {})
            if "get" not in methods or path.endswith("/poll") or path == "/events":
                continue
            for id in known.get(path.split("/")[1], ()) if "{id}" in path else ("",):
                await self.ask("GET", path.replace("{id}", id).replace("{version}", "1"))
        for id in known["job_executions"]:
            await self.ask("GET", f"/events?jobExecutionId={id}&kinds=job_execution,task_execution,log")
        for file in self.here.directory.rglob("*"):
            if file.is_file():
                self.look_through(file.read_bytes().decode("latin-1"), file.name)


def told_of(held: Json) -> list[Json]:
    """What a worker says of each text that it was given."""
    texts = [held["input"].get(name, "") for name in ("a", "b")]
    return [echo(text) for text in texts if text]


async def play(tasks: list[Json], each: list[Move]) -> None:
    async with factory() as here:
        transport = httpx.ASGITransport(application(here.platform))
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers={"X-Api-Key": KEY}) as api:
            scene = Scene(here, api)
            await scene.open(tasks)
            for move in (Launch(), *each):
                await scene.make(move)
            await scene.close()


@settings(max_examples=20)
@given(jobs(), moves)
def test_nobody_but_a_worker_ever_reads_a_secret(tasks: list[Json], each: list[Move]) -> None:
    asyncio.run(asyncio.wait_for(play(tasks, each), timeout=60))
