"""Variables and secrets, over HTTP: what workers are given, and what nobody else ever sees."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from data_factory.model.resources import Page, Variable
from tests.api.contract import decoded
from tests.api.factory import Factory, Json, made, new_key, paths_of, refused, step, told
from tests.running import Server

HUSH = 'p"ss\nwörd-of-the-supplier'
"""A secret that is written in another way in JSON, in a URL and in Base64."""


def variable(api: httpx.Client, value: str, **more: Any) -> Json:
    return made(api.post("/variables", json={"key": new_key("v"), "value": value, **more}))


def secret(api: httpx.Client, value: str = HUSH, **more: Any) -> Json:
    return variable(api, value, isSecret=True, **more)


def reads(variable: Json) -> str:
    return "${workflow.variable.%s}" % variable["key"]


def done(api: httpx.Client, held: Json, status: str = "COMPLETED", **output: Any) -> Json:
    return told(
        api.patch(f"/task_executions/{held['id']}", json={"status": status, "output": output, "lease": held["lease"]})
    )


def everything_told(api: httpx.Client, run: Json, factory: Factory) -> str:
    """All that the API says of an execution."""
    steps = factory.steps(run)
    paths = [f"/job_executions/{run['id']}{more}" for more in ("", "/task_executions", "/why", "/logs")]
    paths += [f"/task_executions/{one['id']}" for one in steps]
    paths += ["/job_executions?size=100", "/variables?size=100", "/jobs?size=100"]
    return "".join(json.dumps(told(api.get(path)), ensure_ascii=False) for path in paths)


# -- the resource


def test_a_variable_as_the_platform_has_it(api: httpx.Client) -> None:
    answer = api.post("/variables", json={"key": new_key("v"), "name": "The currency", "value": "EUR"})
    shown = decoded(answer, Variable)
    assert (shown.name, shown.value, shown.status) == ("The currency", "EUR", "ACTIVE")
    assert (shown.is_secret, shown.secret) == (False, False)
    assert told(api.get(f"/variables/{shown.id}")) == made(answer)
    listed = decoded(api.get("/variables", params={"key": shown.key}), Page[Variable])
    assert listed.data == (shown,)
    assert decoded(api.get("/variables?size=1"), Page[Variable]).data == (shown,)


@pytest.mark.parametrize("spelling", [{"isSecret": True}, {"secret": True}, {"secret": True, "isSecret": True}])
def test_a_secret_in_either_spelling_is_never_shown(api: httpx.Client, spelling: Json) -> None:
    made_now = variable(api, HUSH, **spelling)
    assert (made_now["value"], made_now["isSecret"], made_now["secret"]) == ("", True, True)
    path = f"/variables/{made_now['id']}"
    for answer in (api.get(path), api.get("/variables?size=100"), api.delete(path)):
        assert "supplier" not in answer.text


def test_what_is_wrong_is_refused_with_its_path(api: httpx.Client) -> None:
    wrong = {"key": "not a key", "value": 7, "status": "OFF", "isSecret": "yes"}
    problem = refused(api.post("/variables", json=wrong), 400, "invalid")
    assert paths_of(problem) == set(wrong)
    contradicting = {"key": new_key(), "secret": True, "isSecret": False}
    assert paths_of(refused(api.post("/variables", json=contradicting), 400, "invalid")) == {"secret"}
    there = variable(api, "a")
    refused(api.post("/variables", json={"key": there["key"]}), 409, "key_taken")
    other = variable(api, "b")
    refused(api.put(f"/variables/{other['id']}", json={"key": there["key"]}), 409, "key_taken")


def test_a_put_replaces_all_of_it(api: httpx.Client) -> None:
    one = variable(api, "a", name="first", status="INACTIVE")
    now = made(api.put(f"/variables/{one['id']}", json={"key": one["key"]}))
    assert (now["name"], now["value"], now["status"]) == ("", "", "ACTIVE")


def test_an_idempotency_key_makes_a_secret_once(api: httpx.Client) -> None:
    body, headers = {"key": new_key(), "value": HUSH, "secret": True}, {"Idempotency-Key": new_key()}
    first, again = (made(api.post("/variables", json=body, headers=headers)) for _ in range(2))
    assert first == again
    other = {**body, "value": "other"}
    refused(api.post("/variables", json=other, headers=headers), 409, "idempotency_key_reused")


# -- in a job


def test_a_worker_is_given_what_nobody_else_sees(api: httpx.Client, factory: Factory) -> None:
    token, currency = secret(api), variable(api, "EUR")
    task = factory.task(retryCount=1, retryDelaySeconds=0)
    given = {
        "token": reads(token), "header": f"Bearer {reads(token)}", "in": [{"currency": reads(currency)}],
        "missing": "${workflow.variable.nothing}", "deep": reads(token).replace("}", ".a}"),
    }  # fmt: skip
    run = factory.launch(factory.job(step(task, inputParameters=given), outputParameters={"used": reads(token)}))
    assert factory.steps(run)[0]["input"]["token"] == "***"
    for attempt in (1, 2):
        claim = {"taskIds": [task["id"]], "requestId": f"{run['id']}-{attempt}"}
        [held] = told(api.post("/task_executions/claim", json=claim))["data"]
        [again] = told(api.post("/task_executions/claim", json=claim))["data"]
        assert held["input"] == again["input"]
        assert held["input"].pop("eventCorrelationId") == run["id"]
        assert held["input"] == {
            "token": HUSH, "header": f"Bearer {HUSH}", "in": [{"currency": "EUR"}], "missing": "", "deep": "",
        }  # fmt: skip
        told_by_worker = {"message": f"401 for {HUSH}", HUSH: [HUSH], "json": json.dumps({"t": HUSH})}
        beat = {"status": "IN_PROGRESS", "lease": again["lease"], "progress": {"message": HUSH}}
        told(api.patch(f"/task_executions/{held['id']}", json=beat))
        encoded = b64encode(HUSH.encode()).decode()
        made(api.post("/logs", json={"message": encoded, "emitterName": HUSH, "eventCorrelationId": run["id"]}))
        status = "FAILED" if attempt == 1 else "COMPLETED"
        answer = done(api, again, status, **told_by_worker)
        assert answer == done(api, again, status, **told_by_worker), "the same report is taken once"
    ended = told(api.get(f"/job_executions/{run['id']}"))
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"used": "***"})
    first = factory.steps(run)[0]
    assert first["input"]["header"] == "Bearer ***" and first["input"]["in"] == [{"currency": "EUR"}]
    assert first["output"] == {"message": "401 for ***", "***": ["***"], "json": '{"t": "***"}'}
    assert first["failure"]["message"] == "401 for ***"
    assert "supplier" not in everything_told(api, run, factory)
    assert encoded not in everything_told(api, run, factory)


def test_the_poll_of_the_platform_gives_it_too(api: httpx.Client, factory: Factory) -> None:
    token, task = secret(api), factory.task()
    factory.launch(factory.job(step(task, inputParameters={"token": reads(token)})))
    assert told(api.get(f"/tasks/{task['id']}/poll"))["input"]["token"] == HUSH


def test_a_change_counts_from_the_next_hand_out_and_what_was_given_stays_hidden(
    api: httpx.Client, factory: Factory
) -> None:
    token, task = secret(api), factory.task()
    job = factory.job(step(task, inputParameters={"token": reads(token)}))
    before, after, without = factory.launch(job), factory.launch(job), factory.launch(job)
    [held] = factory.claim(task)
    path = f"/variables/{token['id']}"
    made(api.put(path, json={**token, "value": "another one"}))
    [held_after] = factory.claim(task)
    assert (held["input"]["token"], held_after["input"]["token"]) == (HUSH, "another one")
    made(api.delete(path))
    assert factory.claim(task)[0]["input"]["token"] == ""
    for one, run in ((held, before), (held_after, after)):
        done(api, one, said=one["input"]["token"])
        assert told(api.get(f"/job_executions/{run['id']}"))["output"] == {"said": "***"}
    assert told(api.get(f"/job_executions/{without['id']}"))["status"] == "RUNNING"


def test_what_stays_secret_keeps_its_value_and_what_does_not_loses_it(api: httpx.Client, factory: Factory) -> None:
    token, task = secret(api), factory.task()
    job = factory.job(step(task, inputParameters={"token": reads(token)}))
    path = f"/variables/{token['id']}"
    made(api.put(path, json={**told(api.get(path)), "name": "The token"}))
    factory.launch(job)
    assert factory.claim(task)[0]["input"]["token"] == HUSH
    made(api.put(path, json={**told(api.get(path)), "status": "INACTIVE"}))
    factory.launch(job)
    assert factory.claim(task)[0]["input"]["token"] == ""
    plain = made(api.put(path, json={"key": token["key"], "secret": False}))
    assert plain["value"] == ""
    factory.launch(job)
    assert factory.claim(task)[0]["input"]["token"] == ""


def test_the_next_task_may_be_given_it_from_the_input_of_the_one_before(api: httpx.Client, factory: Factory) -> None:
    token, first, second = secret(api), factory.task(), factory.task()
    steps = (
        step(first, inputParameters={"token": reads(token), "all": {"token": reads(token)}}),
        step(second, "second", inputParameters={"same": "${first.input.token}", "text": "${first.input.all}!"}),
    )
    run = factory.launch(factory.job(*steps))
    done(api, factory.claim(first)[0])
    [held] = factory.claim(second)
    assert held["input"]["same"] == HUSH
    assert held["input"]["text"] == '{"token":"***"}!'
    done(api, held, said=HUSH)
    assert "supplier" not in everything_told(api, run, factory)


def test_control_flow_sees_variables_but_not_what_secrets_say(api: httpx.Client, factory: Factory) -> None:
    mode, token, task = variable(api, "fast"), secret(api), factory.task()

    def choose(reference: str, what: Json) -> Json:
        return {
            "name": reference, "taskReferenceName": reference, "type": "SWITCH", "evaluatorType": "value-param",
            "expression": "case", "inputParameters": {"case": reads(what)}, "decisionCases": {"fast": [], "***": []},
        }  # fmt: skip

    end = {
        "name": "end", "taskReferenceName": "end", "type": "TERMINATE",
        "inputParameters": {
            "terminationStatus": "COMPLETED", "outputParameters": {"mode": reads(mode), "token": reads(token)},
        },
    }  # fmt: skip
    loop = {
        "name": "loop", "taskReferenceName": "loop", "type": "DO_WHILE", "loopOver": [choose("inside", mode)],
        "inputParameters": {"mode": reads(mode), "token": reads(token)},
        "loopCondition": "$.mode !== 'fast' || $.token !== '***'",
    }  # fmt: skip
    run = factory.launch(factory.job(choose("by_mode", mode), choose("by_token", token), loop, end))
    assert task
    ended = told(api.get(f"/job_executions/{run['id']}"))
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"mode": "fast", "token": "***"})
    cases = {one["taskReferenceName"]: one["output"].get("selectedCase") for one in factory.steps(run)}
    assert (cases["by_mode"], cases["by_token"], cases["inside[1]"]) == ("fast", "***", "fast")


def test_nobody_can_write_a_variable_s_mark_into_an_input(api: httpx.Client, factory: Factory) -> None:
    token, task = secret(api), factory.task()
    job = factory.job(step(task, inputParameters={"note": "${workflow.input.note}"}))
    forged = f"\0{token['key']}\0***\0"
    refused(api.post("/job_executions", json={"jobId": job["id"], "input": {"note": forged}}), 400, "invalid")
    text = forged.replace("\0", "\\u0000")
    factory.launch(job, note=text)
    assert factory.claim(task)[0]["input"]["note"] == text
    script = "$.code.map(c => String.fromCharCode(c)).join('')"
    choose = {
        "name": "choose", "taskReferenceName": "choose", "type": "SWITCH", "expression": script,
        "inputParameters": {"code": "${workflow.input.code}"}, "decisionCases": {},
    }  # fmt: skip
    after = step(task, "after", inputParameters={"case": "${choose.output.selectedCase}"})
    run = factory.launch(factory.job(choose, after), code=[ord(letter) for letter in forged])
    assert factory.run(run)["failure"]["code"] == "script_failed"
    assert factory.claim(task) == []


def test_another_account_is_given_nothing(api: httpx.Client, stranger: httpx.Client) -> None:
    token, theirs = secret(api), Factory(stranger)
    task = theirs.task()
    theirs.launch(theirs.job(step(task, inputParameters={"token": reads(token)})))
    assert theirs.claim(task)[0]["input"]["token"] == ""
    assert told(stranger.get("/variables", params={"key": token["key"]}))["data"] == []


# -- at rest


@pytest.fixture
def own(tmp_path: Any) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    with server:
        yield server


def test_no_byte_of_it_is_in_the_data_nor_in_the_log(own: Server) -> None:
    hush = "nobody-finds-this-text"
    with own.client() as api:
        factory, token = Factory(api), secret(api, hush)
        task = factory.task()
        run = factory.launch(factory.job(step(task, inputParameters={"token": reads(token)})))
        [held] = factory.claim(task)
        assert held["input"]["token"] == hush
        made(api.post("/logs", json={"message": hush, "emitterName": "t", "eventCorrelationId": run["id"]}))
        done(api, held, said=hush)
        made(api.put(f"/variables/{token['id']}", json={**token, "value": "nobody-finds-this-text-2"}))
    assert own.stop() == 0
    files = [path for path in own.directory.rglob("*") if path.is_file()]
    assert any(path.name == "secret-key" and path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert not [path for path in files if hush.encode() in path.read_bytes()]
    assert hush not in own.log


def test_a_server_that_cannot_read_the_secrets_says_so_and_does_not_start(own: Server) -> None:
    with own.client() as api:
        secret(api)
    assert own.stop() == 0
    key = own.directory / "secret-key"
    kept = key.read_text()
    key.unlink()
    with pytest.raises(Exception, match=r"(?s)another key.*DATA_FACTORY_SECRET_KEY"):
        own.start()
    key.write_text(kept)
    own.start()
