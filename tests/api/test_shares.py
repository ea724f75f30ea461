"""A job that is shared: launched by another account, worked on by its owner, and nothing else of either seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.contract import Contract
from tests.api.factory import NO_ID, Factory, made, new_key, paths_of, refused, step, told
from tests.running import Server

SECRET = "the-owner-s-own-token"


@pytest.fixture(scope="module")
def guest(server: Server, api: httpx.Client, contract: Contract) -> Iterator[tuple[str, httpx.Client]]:
    """Another account: its id, and a client."""
    account = made(api.post("/accounts", json={"title": "guest"}))
    with server.client(account["apiKey"]["key"]) as client:
        client.event_hooks = {"response": [contract.check]}
        yield account["id"], client


@pytest.fixture(scope="module")
def job(api: httpx.Client) -> dict[str, Any]:
    factory = Factory(api)
    task, secret, plain = factory.task(), new_key("secret"), new_key("plain")
    made(api.post("/variables", json={"key": secret, "value": SECRET, "secret": True}))
    made(api.post("/variables", json={"key": plain, "value": "EUR"}))
    given = {
        "token": "${workflow.variable.%s}" % secret,
        "currency": "${workflow.variable.%s}" % plain,
        "n": "${workflow.input.n}",
        "context": "${workflow.input.context}",
    }
    return {**factory.job(step(task, inputParameters=given)), "task": task}


def test_it_runs_for_the_guest_with_what_the_owner_has(
    api: httpx.Client, guest: tuple[str, httpx.Client], job: dict[str, Any]
) -> None:
    guest_id, theirs = guest
    refused(theirs.post("/job_executions", json={"jobId": job["id"]}), 400, "invalid")
    made(theirs.post("/variables", json={"key": "currency", "value": "USD"}))
    for _ in range(2):  # the second time changes nothing
        share = made(api.post(f"/jobs/{job['id']}/shares", json={"accountId": guest_id}))
        assert (share["jobId"], share["accountId"]) == (job["id"], guest_id)
    assert told(api.get(f"/jobs/{job['id']}/shares"))["data"] == [share]

    (shown,) = told(theirs.get("/shared_jobs"))["data"]
    assert (shown["id"], shown["key"], shown["title"]) == (job["id"], job["key"], job["title"])
    assert shown.keys().isdisjoint({"tasks", "output", "outputParameters", "pipelineId"})
    run = made(theirs.post("/job_executions", json={"jobId": job["id"], "input": {"n": 1}}))
    (pipeline,) = told(theirs.get("/pipelines"))["data"]
    assert (run["pipelineId"], run["status"]) == (pipeline["id"], "RUNNING")
    owner_id = run["input"]["context"]["jobAccountId"]
    assert run["input"]["context"]["userAccountId"] == guest_id != owner_id

    (held,) = Factory(api).claim(job["task"])  # the owner's workers do the work
    assert held["input"]["token"] == SECRET
    assert (held["input"]["currency"], held["input"]["n"]) == ("EUR", 1)
    assert held["input"]["context"]["userAccountId"] == guest_id
    refused(theirs.get(f"/task_executions/{held['id']}"), 404, "not_found")
    refused(theirs.patch(f"/task_executions/{held['id']}", json={"status": "COMPLETED"}), 404, "not_found")
    log = {"emitterName": "worker", "message": f"it says {SECRET}", "severity": "info"}
    made(api.post("/logs", json={**log, "eventCorrelationId": run["id"]}))
    told(api.patch(f"/task_executions/{held['id']}", json={"status": "COMPLETED", "output": {"said": SECRET}}))

    ended = told(theirs.get(f"/job_executions/{run['id']}"))
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"said": "***"})
    (line,) = told(theirs.get(f"/job_executions/{run['id']}/logs"))["data"]
    assert line["message"] == "it says ***"
    (done,) = told(theirs.get(f"/job_executions/{run['id']}/task_executions"))["data"]
    assert (done["id"], done["status"], done["output"]) == (held["id"], "COMPLETED", {})
    assert told(api.get(f"/task_executions/{held['id']}"))["output"] == {"said": "***"}
    of_run = {"type": "eq", "field": "jobExecutionId", "value": run["id"]}
    assert told(theirs.post("/task_executions/find", json=of_run))["data"] == [done]
    assert told(theirs.post("/logs/find", json=of_run))["data"] == [line]


def test_a_guest_is_told_why_it_waits_and_why_it_failed_and_nothing_that_is_the_owner_s(
    api: httpx.Client, guest: tuple[str, httpx.Client]
) -> None:
    guest_id, theirs = guest
    owner, hidden, variable = Factory(api), "the-owner-s-own-value", new_key("mode")
    made(api.post("/variables", json={"key": variable, "value": hidden}))
    key = made(api.post("/api_keys", json={"title": "the owner's own key", "role": "admin"}))
    task, limited = owner.task(retryCount=1, retryDelaySeconds=0), owner.task(concurrentExecLimit=1)
    owner.launch(owner.job(step(limited)))
    (blocking,) = owner.claim(limited)
    given = {"mode": "${workflow.variable.%s}" % variable, "n": "${workflow.input.n}"}
    shared = owner.job(
        step(task, inputParameters=given),
        {"name": "keep", "taskReferenceName": "keep", "type": "SET_VARIABLE", "inputParameters": given},
        {"name": "which", "taskReferenceName": "which", "type": "SWITCH", "evaluatorType": "value-param",
         "expression": "mode", "inputParameters": given, "decisionCases": {hidden: [step(limited, "last")]}},
        {"name": "ask", "taskReferenceName": "ask", "type": "HUMAN"},
    )  # fmt: skip
    made(api.post(f"/jobs/{shared['id']}/shares", json={"accountId": guest_id}))
    run = made(theirs.post("/job_executions", json={"jobId": shared["id"], "input": {"n": 7}}))
    path = f"/job_executions/{run['id']}"
    told_so_far: list[str] = []

    def look() -> dict[str, Any]:
        """Everything that there is to see, which is kept; and why it stands where it does."""
        places = ("", "/why", "/timeline?size=100", "/task_executions?size=100", "/report", "/retry", "/logs")
        told_so_far.extend(theirs.get(path + place).text for place in places)
        found = theirs.post(f"{path}/task_executions/find", json={"type": "and", "queries": []})
        told_so_far.append(found.text)
        mine = {"type": "eq", "field": "jobExecutionId", "value": run["id"]}
        everywhere = ("/task_executions/find?size=100", "/logs/find?size=100")
        told_so_far.extend(theirs.post(place, json=mine).text for place in everywhere)
        by = {"type": "eq", "field": "workerId", "value": "the-owner-s-own-machine"}
        assert told(theirs.post("/task_executions/find", json=by))["data"] == []
        (reason, *_) = told(theirs.get(f"{path}/why"))["reasons"]
        return dict(reason)

    assert look()["code"] == "no_worker"
    (held,) = owner.claim(task, workerId="the-owner-s-own-machine")
    assert look()["code"] == "running"
    told(owner.report(held, "SCHEDULED"))
    assert look()["code"] in ("no_worker", "waiting_for_worker")  # who asked is written down now and then
    (held,) = owner.claim(task, workerId="the-owner-s-own-machine")
    told(owner.report(held, "FAILED", output={"message": "no paper"}))
    (held,) = owner.claim(task, workerId="the-owner-s-own-machine")
    told(owner.report(held, output={"kept": hidden}))
    assert look()["code"] == "limit_reached"
    told(owner.report(blocking))
    (held,) = owner.claim(limited)
    told(owner.report(held))
    asked = look()
    assert asked["code"] == "waiting_for_person"
    answer = f"/task_executions/{asked['taskExecutionId']}"
    refused(theirs.patch(answer, json={"status": "COMPLETED"}), 404, "not_found")
    answered = {"status": "FAILED_WITH_TERMINAL_ERROR", "output": {"message": "not so"}}
    with httpx.Client(base_url=api.base_url, headers={"X-Api-Key": key["key"]}) as person:
        told(person.patch(answer, json=answered))
    assert look()["code"] == "ended"

    keys = (task["key"], limited["key"], variable, key["id"], key["title"])
    for one in told_so_far:
        for own in (hidden, "the-owner-s-own-machine", *keys):
            assert own not in one
    listed = told(theirs.get(f"{path}/task_executions?size=100"))["data"]
    assert [(one["taskReferenceName"], one["attempt"], one["status"]) for one in listed] == [
        ("first", 1, "FAILED"),
        ("first", 2, "COMPLETED"),
        ("keep", 1, "COMPLETED"),
        ("which", 1, "COMPLETED"),
        ("last", 1, "COMPLETED"),
        ("ask", 1, "FAILED_WITH_TERMINAL_ERROR"),
    ]
    assert listed[0]["failure"]["message"] == "no paper"
    of_run = {"type": "eq", "field": "jobExecutionId", "value": run["id"]}
    assert told(theirs.post("/task_executions/find?size=100&sortOrder=ASC", json=of_run))["data"] == listed
    assert told(api.post("/task_executions/find", json=of_run))["data"] == []  # the list is that of who has launched it
    messages = [one["message"] for one in told(theirs.get(f"{path}/timeline?size=100"))["data"]]
    assert "The HUMAN 'ask' was answered by the owner of the job: FAILED_WITH_TERMINAL_ERROR." in messages
    assert any(one.startswith("The task 'first' was handed back by a worker, which had it for") for one in messages)
    assert "no paper" in theirs.get(f"{path}/report").text
    made(api.delete(f"/jobs/{shared['id']}/shares/{guest_id}"))


def test_a_job_within_a_shared_one_tells_a_guest_not_what_it_was_given(
    api: httpx.Client, guest: tuple[str, httpx.Client], job: dict[str, Any]
) -> None:
    guest_id, theirs = guest
    owner = Factory(api)
    inner = {
        "name": "sub",
        "taskReferenceName": "sub",
        "type": "SUB_WORKFLOW",
        "subWorkflowParam": {"name": job["key"]},
    }
    outer = owner.job({**inner, "inputParameters": {"n": 12345}})
    made(api.post(f"/jobs/{outer['id']}/shares", json={"accountId": guest_id}))
    run = made(theirs.post("/job_executions", json={"jobId": outer["id"]}))
    (held,) = owner.claim(job["task"], wait=20)
    assert held["input"]["n"] == 12345
    told(owner.report(held, output={"found": 12345}))
    ended = told(theirs.get(f"/job_executions/{run['id']}", headers={"Prefer": "wait=20"}))
    assert ended["status"] == "COMPLETED"
    within = told(theirs.get(f"/job_executions/{held['jobExecutionId']}"))
    assert (within["parent"]["jobExecutionId"], within["status"]) == (run["id"], "COMPLETED")
    for place in ("", "/report", "/timeline", "/task_executions"):
        assert "12345" not in theirs.get(f"/job_executions/{within['id']}{place}").text
    made(api.delete(f"/jobs/{outer['id']}/shares/{guest_id}"))


def test_neither_sees_more_of_the_other(
    api: httpx.Client, guest: tuple[str, httpx.Client], job: dict[str, Any]
) -> None:
    guest_id, theirs = guest
    made(api.post(f"/jobs/{job['id']}/shares", json={"accountId": guest_id}))
    run = made(theirs.post("/job_executions", json={"jobId": job["id"]}))
    for path in ("", "/task_executions", "/why", "/logs"):
        refused(api.get(f"/job_executions/{run['id']}{path}"), 404, "not_found")
    refused(api.post(f"/job_executions/{run['id']}/cancel"), 404, "not_found")
    for query in ("", f"&jobId={job['id']}"):
        listed = told(api.get(f"/job_executions?size=100{query}"))["data"]
        assert run["id"] not in [one["id"] for one in listed]
    for method, path in (
        ("GET", ""), ("PUT", ""), ("GET", "/versions"), ("GET", "/schedule"), ("GET", "/shares"),
        ("POST", "/schedule/pause"), ("PUT", "/schedule"), ("GET", "/diff?from=1"), ("GET", "/versions/1"),
    ):  # fmt: skip
        bodies = {"": {"key": "x", "tasks": [step(job["task"])]}, "/schedule": {"periodicity": []}}
        body = bodies[path] if method == "PUT" else None
        refused(theirs.request(method, f"/jobs/{job['id']}{path}", json=body), 404, "not_found")
    assert job["id"] not in [one["id"] for one in told(theirs.get("/jobs?size=100"))["data"]]
    told(theirs.post(f"/job_executions/{run['id']}/cancel"))


def upload(client: httpx.Client, content: bytes) -> dict[str, Any]:
    return made(client.post("/files", files={"file": ("prices.csv", content)}))


def reads(client: httpx.Client, file: dict[str, Any]) -> bytes | None:
    """What an account reads of a file; None if there is none for it, as for a file that never was."""
    about, content = client.get(f"/files/{file['id']}"), client.get(f"/files/{file['id']}/content")
    if about.status_code == 404:
        refused(about, 404, "not_found")
        refused(content, 404, "not_found")
        return None
    assert told(about)["sha256"] == file["sha256"]
    assert content.status_code == 200
    return content.content


def test_the_files_of_an_execution_are_read_by_both_and_no_others(
    api: httpx.Client, guest: tuple[str, httpx.Client], stranger: httpx.Client
) -> None:
    guest_id, theirs = guest
    owner = Factory(api)
    task = owner.task()
    asked = [{"key": "source", "type": "FILE", "required": True}]
    shared = owner.job(step(task, inputParameters={"source": "${workflow.input.source}"}), userInputs=asked)
    made(api.post(f"/jobs/{shared['id']}/shares", json={"accountId": guest_id}))
    given, kept = upload(theirs, b"9.99"), upload(theirs, b"for nobody")
    assert reads(api, given) is None
    body = {"jobId": shared["id"], "input": {"source": {"url": given["url"]}}}
    run = made(theirs.post("/job_executions", json=body))
    assert run["input"]["source"]["id"] == given["id"]
    made(api.delete(f"/jobs/{shared['id']}/shares/{guest_id}"))  # what runs goes on
    (held,) = owner.claim(task)
    assert reads(api, held["input"]["source"]) == b"9.99"
    done, half = upload(api, b"19.98"), upload(api, b"half of it")
    assert reads(theirs, done) is None
    told(owner.report(held, output={"file": {"url": done["url"]}}))
    ended = told(theirs.get(f"/job_executions/{run['id']}"))
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"file": {"url": done["url"]}})
    assert (reads(theirs, done), reads(api, given)) == (b"19.98", b"9.99")
    assert reads(api, kept) is reads(theirs, half) is reads(stranger, done) is reads(stranger, given) is None

    for client, other in ((api, given), (theirs, done)):  # to read is all
        refused(client.delete(f"/files/{other['id']}"), 404, "not_found")
        assert other["id"] not in [one["id"] for one in told(client.get("/files?size=100"))["data"]]
        found = told(client.post("/files/find", json={"type": "eq", "field": "id", "value": other["id"]}))
        assert found["data"] == []
    made(theirs.delete(f"/job_executions/{run['id']}"))
    assert reads(theirs, done) is reads(api, given) is None
    assert (reads(theirs, given), reads(api, done)) == (b"9.99", b"19.98")


def test_to_name_a_file_of_the_owner_is_no_way_to_read_it(
    api: httpx.Client, guest: tuple[str, httpx.Client], job: dict[str, Any]
) -> None:
    guest_id, theirs = guest
    owner = Factory(api)
    echo = owner.job(
        step(job["task"]), outputParameters={"file": "${workflow.input.file}", "url": "${first.output.url}"}
    )
    made(api.post(f"/jobs/{echo['id']}/shares", json={"accountId": guest_id}))
    secret, mine = upload(api, b"the owner's"), upload(theirs, b"the guest's")
    for given in ({"url": secret["url"]}, secret["id"]):
        body = {"jobId": echo["id"], "input": {"file": given, "mine": f"see {mine['url']}"}}
        run = made(theirs.post("/job_executions", json=body))
        (held,) = owner.claim(job["task"])
        told(owner.report(held, output={"url": secret["url"]}))
        assert told(theirs.get(f"/job_executions/{run['id']}"))["output"]["url"] == secret["url"]
        assert reads(theirs, secret) is None
        assert reads(api, mine) == b"the guest's"
        made(theirs.delete(f"/job_executions/{run['id']}"))
    made(api.delete(f"/jobs/{echo['id']}/shares/{guest_id}"))


def test_a_job_within_a_shared_one_gives_nobody_a_file(api: httpx.Client, guest: tuple[str, httpx.Client]) -> None:
    guest_id, theirs = guest
    owner = Factory(api)
    task = owner.task()
    inner = owner.job(step(task))
    hidden, variable = upload(theirs, b"not given"), new_key("hidden")
    made(api.post("/variables", json={"key": variable, "value": hidden["url"]}))
    call = {
        "name": "sub",
        "taskReferenceName": "sub",
        "type": "SUB_WORKFLOW",
        "subWorkflowParam": {"name": inner["key"]},
    }
    outer = owner.job(
        {**call, "inputParameters": {"file": {"url": "${workflow.variable.%s}" % variable}}}, outputParameters={}
    )
    made(api.post(f"/jobs/{outer['id']}/shares", json={"accountId": guest_id}))
    run = made(theirs.post("/job_executions", json={"jobId": outer["id"]}))
    (held,) = owner.claim(task, wait=20)
    between = upload(api, b"between")
    told(owner.report(held, output={"file": {"url": between["url"]}}))
    assert told(theirs.get(f"/job_executions/{run['id']}", headers={"Prefer": "wait=20"}))["status"] == "COMPLETED"
    assert reads(api, hidden) is reads(theirs, between) is None
    made(api.delete(f"/jobs/{outer['id']}/shares/{guest_id}"))


def test_a_rerun_gives_its_files_anew(api: httpx.Client, guest: tuple[str, httpx.Client], job: dict[str, Any]) -> None:
    guest_id, theirs = guest
    owner = Factory(api)
    made(api.post(f"/jobs/{job['id']}/shares", json={"accountId": guest_id}))
    given = upload(theirs, b"9.99")
    first = made(theirs.post("/job_executions", json={"jobId": job["id"], "input": {"n": {"url": given["url"]}}}))
    (held,) = owner.claim(job["task"])
    told(owner.report(held))
    second = made(theirs.post(f"/job_executions/{first['id']}/rerun"))
    made(theirs.delete(f"/job_executions/{first['id']}"))
    (held,) = owner.claim(job["task"])
    assert reads(api, held["input"]["n"]) == b"9.99"
    made(theirs.delete(f"/files/{given['id']}"))  # it stays its owner's
    assert reads(api, given) is None
    told(owner.report(held))
    assert told(theirs.get(f"/job_executions/{second['id']}"))["status"] == "COMPLETED"
    made(api.delete(f"/jobs/{job['id']}/shares/{guest_id}"))


def test_a_guest_retries_what_the_owner_has_done(
    api: httpx.Client, guest: tuple[str, httpx.Client], job: dict[str, Any]
) -> None:
    guest_id, theirs = guest
    owner = Factory(api)
    two = owner.job(step(job["task"]), step(job["task"], "second"))
    made(api.post(f"/jobs/{two['id']}/shares", json={"accountId": guest_id}))
    run = made(theirs.post("/job_executions", json={"jobId": two["id"]}))
    for status in ("COMPLETED", "FAILED_WITH_TERMINAL_ERROR"):
        (held,) = owner.claim(job["task"])
        told(owner.report(held, status))
    path = f"/job_executions/{run['id']}/retry"
    plan = told(theirs.get(path))
    assert (plan["reusedCount"], plan["againCount"]) == (1, 1)
    assert [one["taskReferenceName"] for one in (*plan["reused"], *plan["again"])] == ["first", "second"]
    retried = made(theirs.post(path))
    (held,) = owner.claim(job["task"])
    assert held["taskReferenceName"] == "second"
    told(owner.report(held))
    assert told(theirs.get(f"/job_executions/{retried['id']}"))["status"] == "COMPLETED"
    refused(api.get(path), 404, "not_found")
    made(api.delete(f"/jobs/{two['id']}/shares/{guest_id}"))


def test_who_is_shared_with_no_more_launches_no_more(
    api: httpx.Client, guest: tuple[str, httpx.Client], job: dict[str, Any]
) -> None:
    guest_id, theirs = guest
    made(api.post(f"/jobs/{job['id']}/shares", json={"accountId": guest_id}))
    for _ in range(2):
        made(api.delete(f"/jobs/{job['id']}/shares/{guest_id}"))
        refused(theirs.post("/job_executions", json={"jobId": job["id"]}), 400, "invalid")
    assert told(theirs.get("/shared_jobs"))["data"] == told(api.get(f"/jobs/{job['id']}/shares"))["data"] == []


def test_with_whom_a_job_cannot_be_shared(api: httpx.Client, job: dict[str, Any]) -> None:
    mine = next(one["id"] for one in told(api.get("/accounts?size=100"))["data"] if one["title"] == "default")
    for id in (mine, NO_ID, "x", 1, None):
        problem = refused(api.post(f"/jobs/{job['id']}/shares", json={"accountId": id}), 400, "invalid")
        assert paths_of(problem) == {"accountId"}
