"""HTTP itself: clients that are slow, lie, cut the line, or send more than one request at a time."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path

import pytest

from tests.api.factory import NO_ID, Factory, Json, new_key, step, told
from tests.api.wire import Wire, wires
from tests.running import Server

BODY = b'{"key":"%s"}'


def test_requests_in_a_row_are_answered_in_a_row(server: Server, factory: Factory) -> None:
    keys = [new_key() for _ in range(20)]
    with Wire(server) as wire:
        data = b""
        for key in keys:
            body = BODY % key.encode()
            data += wire.head("POST", "/tasks", Content_Length=str(len(body))) + body
            data += wire.head("GET", f"/tasks?key={key}")
        wire.raw(data)
        for key in keys:
            status, _, task = wire.answer()
            assert (status, task["key"]) == (201, key)
            assert wire.answer()[2]["data"] == [task]


def test_a_request_behind_one_that_waits_is_answered_after_it(server: Server, factory: Factory) -> None:
    task = factory.task()
    job = factory.job(step(task))
    with Wire(server) as wire:
        wire.raw(
            wire.head("GET", f"/tasks/{task['id']}/poll", Prefer="wait=20") + wire.head("GET", f"/tasks/{task['id']}")
        )
        told(factory.api.get("/tasks?size=1"))
        factory.launch(job)
        assert wire.answer()[2]["object"] == "task_execution"
        assert wire.answer()[2]["object"] == "task"


def test_a_refused_request_does_not_spoil_the_connection(server: Server) -> None:
    with Wire(server) as wire:
        for body, status in ((b"{", 400), (b"[]", 400), (b" " * 100_000, 400), (BODY % new_key().encode(), 201)):
            wire.raw(wire.head("POST", "/tasks", Content_Length=str(len(body))) + body)
            assert wire.answer()[0] == status
        wire.raw(wire.head("GET", "/tasks", Content_Length="5") + b"hello" + wire.head("GET", "/jobs"))
        assert [wire.answer()[0], wire.answer()[0]] == [200, 200]


def test_a_body_without_a_length_comes_in_chunks(server: Server) -> None:
    key = new_key()
    body = BODY % key.encode()
    with Wire(server) as wire:
        wire.raw(wire.head("POST", "/tasks", Transfer_Encoding="chunked"))
        for byte in body:
            wire.raw(b"1\r\n%c\r\n" % byte)
        wire.raw(b"0\r\n\r\n")
        status, _, task = wire.answer()
        assert (status, task["key"]) == (201, key)


def test_no_length_and_no_chunks_is_no_body(server: Server) -> None:
    with Wire(server) as wire:
        wire.raw(wire.head("POST", "/tasks"))
        assert wire.answer()[0] == 400


def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(server: Server) -> None:
    with Wire(server) as wire:
        wire.raw(wire.head("POST", "/tasks", Content_Length=str(2**40)) + b"{")
        status, _, problem = wire.answer()
        assert (status, problem["code"]) == (413, "too_large")


def test_chunks_beyond_the_limit_are_refused(server: Server) -> None:
    with Wire(server) as wire:
        wire.raw(wire.head("POST", "/tasks", Transfer_Encoding="chunked"))
        chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
        for _ in range(170):
            wire.raw(chunk)
        assert wire.answer()[0] == 413


@pytest.mark.parametrize(
    "odd",
    [
        b"NONSENSE /v1/data_factory/tasks HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/data_factory/tasks HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"\0" * 1_000,
    ],
)
def test_what_is_not_http_is_refused_and_the_server_goes_on(server: Server, factory: Factory, odd: bytes) -> None:
    with Wire(server) as wire:
        wire.raw(odd)
        status, _, body = wire.answer()
        assert status == 400
        assert b"Traceback" not in (body if isinstance(body, bytes) else b"")
        assert wire.closed()
    told(factory.api.get("/tasks?size=1"))


@pytest.mark.parametrize("endless", [b"GET /%s", b"GET / HTTP/1.1\r\nX: %s", b"GET / HTTP/1.1\r\n%s", b"%s"])
def test_a_head_that_does_not_end_is_cut_off(server: Server, endless: bytes) -> None:
    """Nobody needs a key to send one, so it must not fill the memory."""
    before = memory(server)
    with Wire(server) as wire:
        more = b"X-1: 1\r\n" * 2_000 if endless.endswith(b"\n%s") else b"x" * 16_000
        with contextlib.suppress(ConnectionError):
            wire.raw(endless % more)
            for _ in range(10_000):
                wire.raw(more)
        assert wire.closed()
    assert memory(server) < before + 50


def memory(server: Server) -> int:
    """What the server has in memory, in MiB."""
    status = Path(f"/proc/{server.process.pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) // 1024 if found else 0


def test_a_head_may_be_long_and_bodies_are_no_heads(server: Server, factory: Factory) -> None:
    run = factory.launch(factory.job(step(factory.task())))
    body = b'{"reason":"%s"}' % (b"x" * 300_000)
    with Wire(server) as wire:
        cancel = wire.head("POST", f"/job_executions/{run['id']}/cancel", Content_Length=str(len(body)), X="y" * 60_000)
        wire.raw((cancel + body) * 3 + cancel)
        assert [wire.answer()[0] for _ in range(3)] == [400] * 3
        wire.raw(body)
        assert wire.answer()[0] == 400
        wire.send("GET", f"/tasks?key={'k' * 50_000}")
        assert wire.answer()[2]["data"] == []


def test_a_line_that_is_cut_in_the_middle_of_a_body_does_nothing(server: Server, factory: Factory) -> None:
    keys = []
    for part in (0, 1, 20, -1):
        keys.append(new_key())
        body = BODY % keys[-1].encode()
        wire = Wire(server)
        wire.raw(wire.head("POST", "/tasks", Content_Length=str(len(body))) + body[:part])
        wire.leave()
        chunked = Wire(server)
        sent = body[:part]
        chunked.raw(
            chunked.head("POST", "/tasks", Transfer_Encoding="chunked")
            + b"%x\r\n%s\r\n" % (len(sent) or 1, sent or b" ")
        )
        chunked.leave()
    told(factory.api.get("/tasks?size=1"))
    for key in keys:
        assert told(factory.api.get("/tasks", params={"key": key}))["data"] == []


def test_who_leaves_before_the_answer_has_still_asked(server: Server, factory: Factory) -> None:
    """As with every server: only the repeat, with an Idempotency-Key, tells. It is made once."""
    job = factory.job(step(factory.task()))
    body: Json = {"jobId": job["id"], "input": {}}
    for _ in range(10):
        key = new_key()
        wire = Wire(server)
        wire.send("POST", "/job_executions", body, Idempotency_Key=key)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.leave()
        with Wire(server) as again:
            again.send("POST", "/job_executions", body, Idempotency_Key=key)
            assert again.answer()[0] == 201
    assert len(told(factory.api.get("/job_executions", params={"jobId": job["id"], "size": 100}))["data"]) == 10


def test_slow_clients_hold_up_nobody(server: Server, factory: Factory) -> None:
    with wires(server, 50) as slow:
        for number, wire in enumerate(slow):
            head = wire.head("POST", "/tasks", Content_Length="1000")
            wire.raw(head[:10] if number % 2 else head + b"{")
        for _ in range(20):
            answer = factory.api.get("/tasks?size=1")
            told(answer)
            assert answer.elapsed.total_seconds() < 10


def test_a_request_may_come_byte_by_byte(server: Server) -> None:
    body = BODY % new_key().encode()
    with Wire(server) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in wire.head("POST", "/tasks", Content_Length=str(len(body))) + body:
            wire.raw(bytes([byte]))
        assert wire.answer()[0] == 201


def test_a_client_may_wait_for_leave_to_send(server: Server) -> None:
    body = BODY % new_key().encode()
    with Wire(server) as wire:
        wire.raw(wire.head("POST", "/tasks", Content_Length=str(len(body)), Expect="100-continue"))
        assert wire.answer()[0] == 100
        wire.raw(body)
        assert wire.answer()[0] == 201
    with Wire(server) as wire:
        wire.raw(wire.head("POST", "/tasks", Content_Length=str(2**30), Expect="100-continue"))
        assert wire.answer()[0] == 413


def test_who_does_not_read_the_answer_holds_up_nobody(server: Server, factory: Factory) -> None:
    run = factory.launch(factory.job(step(factory.task())), big="x" * 5_000_000)
    with wires(server, 5) as deaf:
        for wire in deaf:
            wire.send("GET", f"/job_executions/{run['id']}")
        for _ in range(10):
            assert factory.api.get("/tasks?size=1").elapsed.total_seconds() < 10
        assert [wire.answer()[2]["id"] for wire in deaf] == [run["id"]] * 5


def test_http_1_0_and_closing(server: Server) -> None:
    with Wire(server) as wire:
        wire.raw(wire.head("GET", f"/tasks/{NO_ID}").replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert wire.answer()[0] == 404
        assert wire.closed()
    with Wire(server) as wire:
        wire.send("GET", "/tasks", Connection="close")
        assert wire.answer()[0] == 200
        assert wire.closed()


def test_the_answer_says_nothing_of_the_server(server: Server) -> None:
    with Wire(server) as wire:
        wire.send("GET", "/tasks")
        _, headers, _ = wire.answer()
        assert set(headers) == {"content-type", "cache-control", "content-length", "date", "x-request-id"}
        assert headers["cache-control"] == "no-store"
