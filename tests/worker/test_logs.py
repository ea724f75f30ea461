"""What tasks log, in the logs of their executions: the documented Logs API of the hosted platform, by its stand-in."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import logging
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from data_factory import TaskContext, task
from data_factory.worker.context import bind
from data_factory.worker.journal import LONGEST_ENTRY, Journal, Said, entries
from data_factory.worker.masks import masked, secrets_in
from tests.standin.faults import Answer, Cut, FaultProxy
from tests.standin.hosted import TOKEN, HostedPlatform
from tests.worker.clock import ManualClock
from tests.worker.conftest import Desk, running
from tests.worker.conftest import make_worker as make
from tests.worker.test_on_the_hosted_platform import make_worker

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)

shop = logging.getLogger("shop")


async def logged(hosted: HostedPlatform, clock: ManualClock, text: str, times: int = 1) -> list[dict[str, Any]]:
    """All entries, once so many with this text have come; time passes until then."""
    waiting = asyncio.create_task(asyncio.to_thread(hosted.wait_until_logged, text, times))
    while not waiting.done():
        sleeping = asyncio.create_task(clock.someone_sleeps(0))
        await asyncio.wait({sleeping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        sleeping.cancel()
        await clock.advance(0.5)
    return waiting.result()


def told(entries: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Severity, kind and text; put together what was sent apart, as time went on between two lines."""
    kinds = itertools.groupby(entries, key=lambda one: (one["severity"], one["messageType"]))
    return [(*kind, "\n".join(one["message"] for one in alike)) for kind, alike in kinds]


@task("talks")
def talks(input: dict[str, Any], ctx: TaskContext) -> None:
    ctx.logger.info("first of %s", input["name"])
    shop.setLevel(logging.INFO)
    shop.info("second")
    ctx.log("# A table", markdown=True)
    ctx.log("careful", "warning")
    shop.debug("not this")
    shop.error("key %s, password %s, %s", TOKEN, input["password"], "s3cr3t")
    ctx.mask("s3cr3t")
    shop.error("masked: %s, %s", input["password"], "s3cr3t")
    if input.get("fail"):
        raise RuntimeError("no luck")


async def test_what_a_task_logs_is_in_the_log_of_its_execution(
    hosted: HostedPlatform, address: str, clock: ManualClock
) -> None:
    task_id = hosted.add_task("talks")
    ids = [hosted.enqueue(task_id, {"name": name, "password": "hunter2"}) for name in ("a", "b")]
    async with running(make_worker(address, talks, clock=clock, concurrency=1)):
        logging.getLogger("shop").error("nobody's")
        await logged(hosted, clock, "masked", times=2)
    for name, execution_id in zip("ab", ids, strict=True):
        mine = [one for one in hosted.logs if one["eventCorrelationId"] == f"cid-{execution_id}"]
        assert told(mine) == [
            ("info", "DEFAULT", f"first of {name}\nsecond"),
            ("info", "MARKDOWN", "# A table"),
            ("warning", "DEFAULT", "careful"),
            ("error", "DEFAULT", "key ***, password ***, s3cr3t\nmasked: ***, ***"),
        ]
        assert {one["emitterName"] for one in mine} == {"talks"}
    assert "nobody's" not in str(hosted.logs)


async def test_why_a_task_failed_is_in_its_log(hosted: HostedPlatform, address: str, clock: ManualClock) -> None:
    hosted.enqueue(hosted.add_task("talks"), {"name": "a", "password": "hunter2", "fail": True})
    async with running(make_worker(address, talks, clock=clock)):
        found = await logged(hosted, clock, "RuntimeError: no luck")
    assert found[-1]["severity"] == "error"
    assert "Traceback" in found[-1]["message"]


async def test_our_server_gets_all_lines_in_one_call(
    server: str, faults: tuple[str, FaultProxy], desk: Desk, clock: ManualClock
) -> None:
    through, proxy = faults

    @task(desk.key)
    async def writes(rows: int, ctx: TaskContext) -> None:  # all before the loop has a turn to send the first
        for row in range(rows):
            ctx.log(f"row {row}", "warning" if row == 1 else "info")

    async with running(make(through, writes, clock=clock)):
        execution_id = desk.launch(rows=3)
        await desk.ended(execution_id)
    found = list(desk.api.job_executions.logs(execution_id))
    assert [(one.message, one.severity) for one in found] == [
        ("row 0", "info"), ("row 1", "warning"), ("row 2", "info"),
    ]  # fmt: skip
    assert {one.task_execution_id for one in found} == {desk.task_execution(execution_id).id}
    assert len(proxy.requests("POST .*/logs")) == 1


async def test_what_is_left_is_sent_before_the_worker_stops(
    hosted: HostedPlatform, address: str, clock: ManualClock
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @task("waits")
    def waits(ctx: TaskContext) -> None:
        begun.set()
        assert go_on.wait(60)
        ctx.logger.info("the last word")

    hosted.enqueue(hosted.add_task("waits"), {})
    worker = make_worker(address, waits, clock=clock)
    async with running(worker):
        assert await asyncio.to_thread(begun.wait, 20)
        worker.stop()
        go_on.set()
    assert [one["message"] for one in hosted.logs] == ["the last word"]


async def test_a_line_is_repeated_until_the_platform_has_it(
    proxy: tuple[str, FaultProxy], hosted: HostedPlatform, clock: ManualClock
) -> None:
    address, faults = proxy
    faults.plan("POST /v1/data_factory/logs", Cut(after=False), Answer(503), Answer(429, {"Retry-After": "0"}))
    hosted.enqueue(hosted.add_task("talks"), {"name": "a", "password": "hunter2"})
    async with running(make_worker(address, talks, clock=clock)):
        await logged(hosted, clock, "masked")
    assert [severity for severity, _, _ in told(hosted.logs)] == ["info", "info", "warning", "error"]
    assert faults.done


async def test_a_server_without_logs_is_asked_once(
    hosted: HostedPlatform, stage: Any, address: str, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hosted.keeps_logs = False
    stage.app = hosted.app()
    task_id = hosted.add_task("talks")
    ids = [hosted.enqueue(task_id, {"name": name, "password": "hunter2"}) for name in "ab"]
    async with running(make_worker(address, talks, clock=clock)):
        await asyncio.to_thread(hosted.wait_until_ended, *ids)
        while "keeps no logs" not in caplog.text:
            await clock.someone_sleeps(0)
            await clock.advance(1)
        again = hosted.enqueue(task_id, {"name": "c", "password": "hunter2"})
        waiting = asyncio.create_task(asyncio.to_thread(hosted.wait_until_ended, again))
        while not waiting.done():
            await clock.someone_sleeps(0)
            await clock.advance(1)
    asked = [path for method, path, _ in hosted.requests if path.endswith("/logs")]
    assert len(asked) == 1


async def test_a_task_that_floods_its_log_takes_bounded_memory_and_is_told_what_was_dropped(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(clock, ())
    sent: list[Said] = []

    async def send(lines: Sequence[Said]) -> None:
        sent.extend(lines)

    def flood() -> None:
        bind(TaskContext(task_key="floods", event_correlation_id="cid"))
        for number in range(12_000):
            journal.handle(logging.LogRecord("floods", logging.INFO, __file__, 1, "line %d", (number,), None))

    await asyncio.to_thread(contextvars.copy_context().run, flood)
    await journal.send_waiting(send)
    assert [one.text for one in sent] == [f"line {number}" for number in range(2_000, 12_000)], "the oldest are dropped"
    assert "2000 lines of tasks' logs were dropped" in caplog.text


def said(text: str, **more: Any) -> Said:
    return Said("cid", "id", NOW, "task", "info", "DEFAULT", text)._replace(**more)


def test_lines_are_put_together_as_far_as_they_belong_together() -> None:
    lines = [
        said("a"), said("b"), said("c", execution_id="other"), said("d"), said("e", severity="error"),
        said("f", kind="MARKDOWN"), said("g", kind="MARKDOWN"), said("x" * (LONGEST_ENTRY - 1)), said("y"),
    ]  # fmt: skip
    assert [one.text[:3] for one in entries(lines)] == ["a\nb", "c", "d", "e", "f", "g", "xxx", "y"]


def test_secrets_are_found_by_what_they_are_called() -> None:
    found = secrets_in({"API_TOKEN": "one", "shops": [{"passwd": "two", "name": "x"}], "secret": {"of": "y"}, "key": 3})
    assert set(found) == {"one", "two"}
    assert masked("abc abcd", ["abc", "abcd", ""]) == "abc ***", "what is too short is in too much"
