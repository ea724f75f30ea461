"""`Prefer: wait=…`: an answer waits until there is something to say, and nothing is lost with who goes away.

`wait=20` and an answer long before: what it waited for has woken it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.api.factory import Factory, Json, new_key, refused, step, told
from tests.api.wire import Wire, wires
from tests.running import Server

AT_ONCE = 20.0


@contextmanager
def at_once() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_ONCE


def settle(factory: Factory, *tasks: Json) -> None:
    """Return when the server has taken in all that was sent before: a later claim was answered after them."""
    told(factory.api.get("/tasks?size=1"))
    for task in tasks:
        assert factory.claim(task) == []


def poll(wire: Wire, task: Json, wait: int = 20) -> None:
    wire.send("GET", f"/tasks/{task['id']}/poll", Prefer=f"wait={wait}")


def claim(wire: Wire, *tasks: Json, wait: int = 20, **more: Any) -> None:
    body = {"taskIds": [task["id"] for task in tasks], **more}
    wire.send("POST", "/task_executions/claim", body, Prefer=f"wait={wait}")


def test_what_is_there_is_answered_at_once(server: Server, factory: Factory) -> None:
    task, run = factory.waiting()
    with Wire(server) as wire, at_once():
        poll(wire, task)
        status, headers, body = wire.answer()
        assert (status, body["jobExecutionId"]) == (200, run["id"])
        assert headers["preference-applied"] == "wait=20"


@pytest.mark.parametrize("ask", [poll, claim])
def test_a_launch_answers_who_waits(server: Server, factory: Factory, ask: Any) -> None:
    task = factory.task()
    job = factory.job(step(task))
    with Wire(server) as wire:
        ask(wire, task)
        settle(factory, task)
        run = factory.launch(job)
        with at_once():
            _, headers, body = wire.answer()
        held = body["data"][0] if body["object"] == "list" else body
        assert held["jobExecutionId"] == run["id"]
        assert headers["preference-applied"] == "wait=20"


def test_the_next_step_answers_who_waits(server: Server, factory: Factory) -> None:
    one, other = factory.task(), factory.task()
    run = factory.launch(factory.job(step(one), step(other, "second", input={"x": "${first.output.x}"})))
    [held] = factory.claim(one)
    with Wire(server) as wire:
        poll(wire, other)
        settle(factory, other)
        factory.report(held, output={"x": 7})
        with at_once():
            _, _, body = wire.answer()
        assert (body["jobExecutionId"], body["input"]["x"]) == (run["id"], 7)


def test_a_retry_that_comes_due_answers_who_waits(server: Server, factory: Factory) -> None:
    task, run, held = factory.held(retryCount=1, retryDelaySeconds=1)
    factory.report(held, "FAILED")
    with Wire(server) as wire, at_once():
        poll(wire, task)
        _, _, body = wire.answer()
        assert (body["attempt"], body["jobExecutionId"]) == (2, run["id"])


def test_a_lease_that_runs_out_answers_who_waits(server: Server, factory: Factory) -> None:
    task, _ = factory.waiting(retryCount=1, retryDelaySeconds=0)
    [late] = factory.claim(task, leaseSeconds=1)
    with Wire(server) as wire, at_once():
        poll(wire, task)
        _, _, body = wire.answer()
        assert (body["attempt"], body["input"]) == (2, late["input"])


def test_a_place_under_the_limit_answers_who_waits(server: Server, factory: Factory) -> None:
    task = factory.task(concurrentExecLimit=1)
    job = factory.job(step(task))
    runs = [factory.launch(job) for _ in range(2)]
    [held] = factory.claim(task)
    with Wire(server) as wire:
        poll(wire, task)
        settle(factory, task)
        factory.report(held)
        with at_once():
            _, _, body = wire.answer()
        assert body["jobExecutionId"] == runs[1]["id"]


def test_a_place_under_the_limit_that_a_cancel_frees_answers_who_waits(server: Server, factory: Factory) -> None:
    task = factory.task(concurrentExecLimit=1)
    job = factory.job(step(task))
    runs = [factory.launch(job) for _ in range(2)]
    factory.claim(task)
    with Wire(server) as wire:
        poll(wire, task)
        settle(factory, task)
        told(factory.api.post(f"/job_executions/{runs[0]['id']}/cancel"))
        with at_once():
            assert wire.answer()[2]["jobExecutionId"] == runs[1]["id"]


def test_a_free_slot_answers_who_waits(server: Server, factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task), slots=1)
    runs = [factory.launch(job) for _ in range(2)]
    [held] = factory.claim(task)
    with Wire(server) as wire:
        claim(wire, task, limit=5)
        settle(factory, task)
        factory.report(held)
        with at_once():
            _, _, body = wire.answer()
        assert [one["jobExecutionId"] for one in body["data"]] == [runs[1]["id"]]


def test_what_is_handed_back_answers_who_waits(server: Server, factory: Factory) -> None:
    task, _, held = factory.held()
    with Wire(server) as wire:
        poll(wire, task)
        settle(factory, task)
        factory.report(held, "SCHEDULED")
        with at_once():
            assert wire.answer()[2]["id"] == held["id"]


def test_each_of_those_who_wait_is_given_one_in_their_order(server: Server, factory: Factory) -> None:
    task, other = factory.task(), factory.task()
    job = factory.job(step(task))
    with wires(server, 3) as waiting:
        for wire in waiting:
            claim(wire, other, task)
            settle(factory, task)
        runs = [factory.launch(job) for _ in range(3)]
        answers = [wire.answer()[2]["data"] for wire in waiting]
    assert [held["jobExecutionId"] for [held] in answers] == [run["id"] for run in runs]


def test_when_nothing_comes_it_says_so_in_the_end(server: Server, factory: Factory) -> None:
    task = factory.task()
    began = time.monotonic()
    with Wire(server) as one, Wire(server) as other:
        poll(one, task, wait=1)
        claim(other, task, wait=1)
        status, headers, body = one.answer()
        assert (status, body["code"], headers["preference-applied"]) == (404, "nothing_to_do", "wait=1")
        assert other.answer()[::2] == (200, {"object": "list", "data": []})
    assert 0.9 < time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=1", "wait=1"),
        ('wait="1"', "wait=1"),
        ("respond-async, wait=1", "wait=1"),
        ("handling=strict; foo, wait = 1", "wait=1"),
        ("wait=0", "wait=0"),
        ("wait=999999", "wait=60"),
        ("WAIT=1", "wait=1"),
        ("wait=-1", None),
        ("wait", None),
        ("wait=x", None),
        ("await=5", None),
        ("", None),
    ],
)
def test_how_a_preference_is_read(factory: Factory, prefer: str, applied: str | None) -> None:
    task, _ = factory.waiting()
    answer = factory.api.get(f"/tasks/{task['id']}/poll", headers={"Prefer": prefer})
    assert answer.headers.get("preference-applied") == applied
    told(answer)


def test_the_end_of_a_job_execution_can_be_waited_for(server: Server, factory: Factory) -> None:
    _, run, held = factory.held()
    with Wire(server) as one, Wire(server) as other:
        for wire in (one, other):
            wire.send("GET", f"/job_executions/{run['id']}", Prefer="wait=20")
        settle(factory)
        factory.report(held, "IN_PROGRESS")
        factory.report(held, output={"x": 1})
        with at_once():
            for wire in (one, other):
                status, headers, body = wire.answer()
                assert (status, body["status"], body["output"]) == (200, "COMPLETED", {"x": 1})
                assert headers["preference-applied"] == "wait=20"


def test_a_launch_can_wait_for_the_end(server: Server, factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    with Wire(server) as wire, at_once():
        wire.send("POST", "/job_executions", {"jobId": job["id"], "input": {}}, Prefer="wait=20")
        (held,) = factory.claim(task, wait=20)
        factory.report(held, output={"result": 1})
        status, headers, body = wire.answer()
    assert (status, body["status"], body["output"]) == (201, "COMPLETED", {"result": 1})
    assert headers["preference-applied"] == "wait=20"


def test_a_launch_that_has_not_ended_in_time_is_answered_as_it_is(factory: Factory) -> None:
    job = factory.job(step(factory.task()))
    answer = factory.api.post("/job_executions", json={"jobId": job["id"]}, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (201, "RUNNING")


def test_a_job_execution_that_goes_on_is_answered_as_it_is(factory: Factory) -> None:
    _, run, _ = factory.held()
    answer = factory.api.get(f"/job_executions/{run['id']}", headers={"Prefer": "wait=1"})
    assert (told(answer)["status"], answer.headers["preference-applied"]) == ("RUNNING", "wait=1")
    assert answer.elapsed.total_seconds() > 0.9


def test_a_wrong_request_does_not_wait(factory: Factory) -> None:
    with at_once():
        wait = {"Prefer": "wait=20"}
        refused(factory.api.get(f"/job_executions/{'0' * 24}", headers=wait), 404, "not_found")
        refused(factory.api.get(f"/tasks/{'0' * 24}/poll", headers=wait), 404, "not_found")
        refused(factory.api.post("/task_executions/claim", json={"taskIds": []}, headers=wait), 400, "invalid")


# -- those who go away


@pytest.mark.parametrize("ask", [poll, claim])
def test_who_goes_away_takes_nothing_along(server: Server, factory: Factory, ask: Any) -> None:
    task = factory.task()
    job = factory.job(step(task))
    for _ in range(3):
        wire = Wire(server)
        ask(wire, task)
        settle(factory, task)
        wire.leave()
    settle(factory, task)
    run = factory.launch(job)
    with at_once():
        assert [held["jobExecutionId"] for held in factory.claim(task, wait=20)] == [run["id"]]


def test_who_waits_behind_one_that_goes_away_is_given_it(server: Server, factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    leaver = Wire(server)
    poll(leaver, task)
    settle(factory, task)
    with Wire(server) as patient:
        poll(patient, task)
        settle(factory, task)
        leaver.leave()
        run = factory.launch(job)
        with at_once():
            assert patient.answer()[2]["jobExecutionId"] == run["id"]


def test_what_was_handed_to_one_who_just_left_is_had_by_asking_again(server: Server, factory: Factory) -> None:
    """However the leaving and the handing out meet, the same request gets it: at once, and as the same attempt."""
    task = factory.task()
    job = factory.job(step(task))
    for _ in range(25):
        request = new_key()
        wire = Wire(server)
        claim(wire, task, requestId=request)
        settle(factory)
        run = factory.launch(job)
        wire.leave()
        with at_once():
            [held] = factory.claim(task, requestId=request, wait=20)
        assert (held["jobExecutionId"], held["attempt"]) == (run["id"], 1)
        factory.report(held)


def test_many_wait_and_the_server_answers_others(server: Server, factory: Factory) -> None:
    tasks = [factory.task() for _ in range(5)]
    with wires(server, 100) as waiting:
        for wire in waiting:
            claim(wire, *tasks)
        settle(factory)
        with at_once():
            for _ in range(50):
                told(factory.api.get("/tasks?size=1"))
        jobs = [factory.job(step(task)) for task in tasks]
        runs = {factory.launch(jobs[n % 5])["id"] for n in range(100)}
        with at_once():
            given = [wire.answer()[2]["data"] for wire in waiting]
    assert {held["jobExecutionId"] for [held] in given} == runs


def test_preferences_may_come_in_lines_of_their_own(factory: Factory) -> None:
    task, _ = factory.waiting()
    lines = [("Prefer", "wait=1"), ("Prefer", "respond-async")]
    answer = factory.api.get(f"/tasks/{task['id']}/poll", headers=lines)
    assert answer.headers["preference-applied"] == "wait=1"
    told(answer)
