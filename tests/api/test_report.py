"""The XML report of a job execution: what is in it, that it is as its schema says, and that every text can be in it."""

from __future__ import annotations

import json
from typing import Any, get_args
from xml.etree import ElementTree as Tree

import httpx
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from data_factory.api.reports import allowed, schema
from data_factory.model.status import JobExecutionStatus, Severity, TaskExecutionStatus, TaskType
from data_factory.service.reports import AT_A_TIME
from tests.api.factory import NO_ID, Factory, Json, made, new_key, refused, step, told
from tests.running import Server

SCHEMA = xmlschema.XMLSchema(schema().decode())
STRANGE = "a bell \x07, <&\"'>]]>, \ud7ff\ue000\ufffe\U0001f600"
READ = "a bell \ufffd, <&\"'>]]>, \ud7ff\ue000\ufffd\U0001f600"


def report(api: httpx.Client, run: Json) -> Tree.Element:
    """A report, which is as the schema says."""
    answer = api.get(f"/job_executions/{run['id']}/report")
    assert answer.headers["content-type"] == "application/xml"
    SCHEMA.validate(answer.text)
    return Tree.fromstring(answer.content)  # noqa: S314


def values(element: Tree.Element, name: str) -> dict[str | None, object]:
    found = element.findall(name)
    return {
        one.get("name"): one.text or "" if one.get("type") == "string" else json.loads(one.text or "") for one in found
    }


def messages(element: Tree.Element) -> list[tuple[str | None, str | None, str | None]]:
    return [(log.get("type"), log.get("code"), log.findtext("Message")) for log in element.findall("Log")]


def test_a_job_that_was_retried_and_completed(api: httpx.Client, factory: Factory) -> None:
    task, run, held = factory.held(retryCount=1, retryDelaySeconds=0)
    told(factory.report(held, "FAILED", output={"message": STRANGE}))
    [again] = factory.claim(task, workerId="vm-1")
    told(factory.report(again, output={"text": STRANGE, "number": 1.5, "none": None, "list": [True, {"a": "é"}]}))
    root = report(api, run)
    now = factory.run(run)
    assert (root.tag, root.get("status"), root.get("job-cid")) == ("Job-Report", "COMPLETED", run["id"])
    assert (root.get("start-at"), root.get("end-at")) == (now["startedAt"], now["endedAt"])
    assert values(root, "Input") == {key: value for key, value in now["input"].items() if key != "context"}
    first, second = root.findall("Report")
    assert [(one.get("task"), one.get("attempt"), one.get("status")) for one in (first, second)] == [
        (task["key"], "1", "FAILED"),
        (task["key"], "2", "COMPLETED"),
    ]
    assert [(type, message) for type, _, message in messages(first)] == [("error", READ)]
    assert second.get("worker") == "vm-1"
    assert second.get("duration-ms") is not None
    assert values(second, "Output") == values(root, "Output")
    assert values(root, "Output") == {"text": READ, "number": 1.5, "none": None, "list": [True, {"a": "é"}]}


def test_what_is_told_stands_by_severity_the_worst_first(api: httpx.Client, factory: Factory) -> None:
    _, run, held = factory.held()
    lines: list[tuple[Severity, str]] = [("info", "1"), ("error", "2"), ("warning", "3"), ("error", "4")]
    lines += [("info", f"row {number}") for number in range(AT_A_TIME + 1)]
    about = {"emitterName": STRANGE, "eventCorrelationId": run["id"], "taskExecutionId": held["id"]}
    logs = [{**about, "severity": severity, "message": text, "messageType": "MARKDOWN"} for severity, text in lines]
    for at in range(0, len(logs), 100):
        told(api.post("/logs/batch", json={"logs": logs[at : at + 100]}))
    root = report(api, run)
    assert root.get("end-at") is None
    ordered = [text for wanted in ("error", "warning", "info") for severity, text in lines if severity == wanted]
    assert [message for _, _, message in messages(root)] == ordered
    log = root.find("Log")
    assert log is not None
    assert (log.get("emitter"), log.get("task-cid")) == (READ, held["id"])
    assert [one.get("format") for one in log] == ["MARKDOWN"]


def test_control_flow_and_a_job_that_failed(api: httpx.Client, factory: Factory) -> None:
    end = {"name": "end", "taskReferenceName": "end", "type": "TERMINATE"}
    end["inputParameters"] = {"terminationStatus": "FAILED", "terminationReason": "no prices"}  # type: ignore[assignment]
    run = factory.launch(factory.job(end))
    root = report(api, run)
    [at_its_end] = root.findall("Report")
    assert (at_its_end.get("type"), at_its_end.get("task")) == ("TERMINATE", None)
    assert (root.get("status"), messages(root)[0][0]) == ("FAILED", "error")


def test_one_that_waits(api: httpx.Client, factory: Factory) -> None:
    job = factory.job(step(factory.task()), slots=1)
    factory.launch(job)
    root = report(api, factory.launch(job))
    assert (root.get("status"), root.get("start-at"), root.findall("Report")) == ("PENDING", None, [])


def test_every_attempt_of_a_long_one_is_there_once_and_in_order(api: httpx.Client, factory: Factory) -> None:
    count = AT_A_TIME + 5
    waits = [
        {"name": "w", "taskReferenceName": f"w{n}", "type": "SET_VARIABLE", "inputParameters": {"n": n}}
        for n in range(count)
    ]
    run = factory.launch(factory.job(*waits))
    told(api.get(f"/job_executions/{run['id']}", headers={"Prefer": "wait=20"}))
    assert [one.get("task-reference-name") for one in report(api, run).findall("Report")] == [
        f"w{n}" for n in range(count)
    ]


def test_a_secret_is_not_in_it(api: httpx.Client, factory: Factory) -> None:
    secret = f"s3cr3t-{new_key()}"
    variable = made(api.post("/variables", json={"key": new_key("token"), "value": secret, "isSecret": True}))
    task = factory.task()
    used = f"${{workflow.variable.{variable['key']}}}"
    run = factory.launch(factory.job(step(task, inputParameters={"token": f"Bearer {used}"})))
    [held] = factory.claim(task)
    assert held["input"]["token"] == f"Bearer {secret}"
    told(factory.report(held, output={"echo": secret}))
    answer = api.get(f"/job_executions/{run['id']}/report").text
    assert secret not in answer
    assert "Bearer ***" in answer


def test_who_asks_for_what_is_not_there_or_only_for_its_headers(api: httpx.Client, factory: Factory) -> None:
    refused(api.get(f"/job_executions/{NO_ID}/report"), 404, "not_found")
    _, run = factory.waiting()
    answer = api.head(f"/job_executions/{run['id']}/report")
    assert (answer.status_code, answer.content) == (200, b"")
    assert f"report-{run['id']}.xml" in answer.headers["content-disposition"]


def test_the_schema_is_served_and_knows_every_status(server: Server) -> None:
    answer = httpx.get(f"{server.address}/schemas/report.xsd")
    assert (answer.status_code, answer.content) == (200, schema())
    assert answer.headers["content-type"].startswith("application/xml")
    known = {one.get("value") for one in Tree.fromstring(schema()).iter() if one.tag.endswith("}enumeration")}  # noqa: S314
    assert known >= {*get_args(JobExecutionStatus), *get_args(TaskExecutionStatus), *get_args(Severity)}


@given(st.text())
def test_every_text_can_be_in_it(text: str) -> None:
    found = Tree.fromstring(f"<a>{allowed(text).replace('&', '&amp;').replace('<', '&lt;')}</a>").text or ""  # noqa: S314
    assert found == allowed(text).replace("\r\n", "\n").replace("\r", "\n")


def flow(type: str, **fields: Any) -> Json:
    return {"name": type.lower(), "taskReferenceName": type.lower(), "type": type, **fields}


def test_every_kind_of_task(api: httpx.Client, factory: Factory) -> None:
    work = factory.task()
    other = factory.job(step(work))
    dynamic = {"forkTaskName": work["key"], "forkTaskInputs": [{"v": 1}, {"v": 2}]}
    job = factory.job(
        flow("SET_VARIABLE", inputParameters={"a": 1}),
        flow("SWITCH", expression="'x'", decisionCases={"x": [step(work, "chosen")]}),
        flow("DECISION", caseValueParam="c", inputParameters={"c": "y"}, decisionCases={"y": [step(work, "decided")]}),
        flow("DO_WHILE", loopCondition="$.do_while.iteration < 2", loopOver=[step(work, "looped")]),
        flow("FORK_JOIN", forkTasks=[[step(work, "left")], [step(work, "right")]]),
        flow("JOIN"),
        flow("FORK_JOIN_DYNAMIC", inputParameters=dynamic),
        {**flow("JOIN"), "taskReferenceName": "join_dynamic"},
        {"name": "inner", "taskReferenceName": "inner", "subWorkflowParam": {"name": other["key"]}},
        flow("START_WORKFLOW", inputParameters={"startWorkflow": {"name": other["key"]}}),
        flow("WAIT", inputParameters={"duration": "0 seconds"}),
        flow("HUMAN"),
        flow("TERMINATE", inputParameters={"terminationStatus": "COMPLETED"}),
    )
    run = factory.launch(job)
    while not (waiting := [one for one in factory.steps(run) if one["type"] == "HUMAN"]):
        for held in factory.claim(work, wait=10, limit=10):
            told(factory.report(held, output={"done": True}))
    report(api, run)
    told(factory.report(waiting[0], output={"said": "yes"}))
    root = report(api, run)
    assert root.get("status") == "COMPLETED", factory.run(run)
    shown = [one.get("type") or "SUB_WORKFLOW" for one in root.findall("Report")]
    assert {*shown} == {*get_args(TaskType)}
    assert len(shown) == len(factory.steps(run))
