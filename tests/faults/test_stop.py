"""SIGTERM and SIGINT: what is being answered is answered, who waits is sent home, and the exit code is 0."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from data_factory.cli.serving import GRACE_S
from tests.api.factory import Factory, new_key, step, told
from tests.api.wire import Wire, wires
from tests.faults.work import under_load
from tests.running import Server, until

pytestmark = pytest.mark.anyio


async def test_stopped_under_load_and_started_again_nothing_is_lost(server: Server) -> None:
    async with under_load(server) as ledger:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            await ledger.more(100)
            began = time.monotonic()
            assert await asyncio.to_thread(server.stop, number) == 0
            assert time.monotonic() - began < GRACE_S
            await asyncio.to_thread(server.start)
    assert set(ledger.statuses) <= {200, 201}, "a request was answered with a failure"
    for word in ("ERROR", "exceeded", "cancel"):
        assert word not in server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_who_waits_is_answered_at_once(server: Server, number: signal.Signals) -> None:
    with server.client() as client, wires(server, 10) as polls, wires(server, 10) as claims, wires(server, 10) as looks:
        factory = Factory(client)
        task, run, _ = factory.held()
        for wire in polls:
            wire.send("GET", f"/tasks/{task['id']}/poll", Prefer="wait=60")
        for wire in claims:
            wire.send("POST", "/task_executions/claim", {"taskIds": [task["id"]]}, Prefer="wait=60")
        for wire in looks:
            wire.send("GET", f"/job_executions/{run['id']}", Prefer="wait=60")
        told(client.get("/tasks"))
        assert factory.claim(task) == []
        began = time.monotonic()
        server.process.send_signal(number)
        for wire in polls:
            status, _, body = wire.answer()
            assert (status, body["code"]) == (404, "nothing_to_do")
        for wire in claims:
            assert wire.answer()[::2] == (200, {"object": "list", "data": []})
        for wire in looks:
            status, _, body = wire.answer()
            assert (status, body["status"]) == (200, "RUNNING")
        assert server.process.wait(60) == 0
        assert time.monotonic() - began < GRACE_S
        assert all(wire.closed() for wire in (*polls, *claims, *looks))


def test_a_request_that_has_begun_is_finished(server: Server) -> None:
    key = new_key()
    body = b'{"key":"%s"}' % key.encode()
    with Wire(server) as wire, server.client() as client:
        wire.raw(wire.head("POST", "/tasks", Content_Length=str(len(body))) + body[:5])
        told(client.get("/tasks"))
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "SIGTERM: stopping" in server.log, "it has heard")
        wire.raw(body[5:])
        status, _, task = wire.answer()
        assert (status, task["key"]) == (201, key)
    assert server.process.wait(60) == 0
    server.start()
    with server.client() as client:
        assert told(client.get("/tasks", params={"key": key}))["data"] == [task]


def test_the_second_signal_does_not_wait(server: Server) -> None:
    with Wire(server) as wire, server.client() as client:
        wire.raw(wire.head("POST", "/tasks", Content_Length="100") + b"{")
        told(client.get("/tasks"))
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: "SIGTERM: stopping" in server.log, "it has heard")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        assert time.monotonic() - began < GRACE_S


def test_who_never_finishes_is_not_waited_for_for_ever(server: Server) -> None:
    with Wire(server) as wire, server.client() as client:
        wire.raw(wire.head("POST", "/tasks", Content_Length="100") + b"{")
        told(client.get("/tasks"))
        assert server.stop() == 0
        status, headers, problem = wire.answer()
        assert (status, problem["code"], headers["retry-after"]) == (503, "unavailable", "1")
    assert "Traceback" not in server.log


def test_stopped_with_nothing_to_do_it_is_gone_at_once(server: Server) -> None:
    with server.client() as client:
        factory = Factory(client)
        factory.launch(factory.job(step(factory.task())))
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < GRACE_S
    assert "Traceback" not in server.log
