"""How a worker is, as seen from outside."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import Any

import httpx
import pytest

from data_factory import task
from data_factory.worker.errors import UsageError
from data_factory.worker.vitals import Vitals
from data_factory.worker.watch import watched
from tests.docs.page import ROOT
from tests.standin.faults import Answer, FaultProxy, Hold
from tests.standin.listening import listen
from tests.worker.clock import ManualClock
from tests.worker.conftest import Desk, make_worker, running

pytestmark = pytest.mark.anyio


def free_port() -> int:
    with listen() as listener:
        port: int = listener.getsockname()[1]
    return port


async def test_a_worker_is_healthy_while_its_polls_are_answered(
    faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    address, proxy = faults
    before, after = Hold(), Hold()
    proxy.plan("POST .*/claim", before, Answer(503), after)

    @task(desk.key)
    def works(fail: bool) -> dict[str, Any]:
        if fail:
            raise RuntimeError("no luck")
        return {}

    port = free_port()
    async with (
        running(make_worker(address, works, clock=clock, health_port=port)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        assert await asyncio.to_thread(before.reached.wait, 20)
        unknown = await http.get("/healthz")
        before.release.set()
        assert await asyncio.to_thread(after.reached.wait, 20)
        failing = await http.get("/healthz")
        after.release.set()
        await desk.ended(desk.launch(fail=False))
        await desk.ended(desk.launch(fail=True))
        well = await http.get("/healthz")
        metrics = (await http.get("/metrics")).text
        others = [(await http.get("/")).status_code, (await http.post("/healthz")).status_code]
        head = await http.head("/healthz")
    assert (unknown.status_code, unknown.text) == (503, "no poll was answered yet\n")
    assert (failing.status_code, failing.text) == (503, "the last poll was not answered\n")
    assert (well.status_code, well.text) == (200, "the last poll was answered\n")
    assert others == [404, 405]
    assert (head.status_code, head.text) == (200, "")
    assert f'data_factory_worker_executions_total{{task="{desk.key}",outcome="completed"}} 1' in metrics
    assert f'data_factory_worker_executions_total{{task="{desk.key}",outcome="failed"}} 1' in metrics
    assert 'data_factory_worker_polls_total{answered="false"} 1' in metrics
    page = (ROOT / "docs/how-to/watch-a-worker.md").read_text()
    assert set(re.findall(r"# TYPE (\w+)", metrics)) == set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))


async def test_a_port_that_is_taken_is_said_at_the_start(server: str, desk: Desk, clock: ManualClock) -> None:
    @task(desk.key)
    def works() -> None: ...

    with listen() as taken:
        port = taken.getsockname()[1]
        taken.listen()
        with pytest.raises(UsageError, match=f"cannot listen on the port {port}"):
            await make_worker(server, works, clock=clock, health_port=port).run_async()


async def test_who_says_nothing_is_not_waited_for_at_the_end() -> None:
    vitals = Vitals()
    async with watched(vitals, 0) as port:
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(b"GET /healthz")
            await asyncio.sleep(0)


def test_names_cannot_break_out_of_their_label() -> None:
    vitals = Vitals()
    vitals.dropped('a"b\\c\nd')
    assert r'task="a\"b\\c\nd",outcome="dropped"' in vitals.metrics()
