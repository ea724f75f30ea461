"""Spans of runs, as the real OpenTelemetry SDK would export them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import opentelemetry.trace
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from data_factory import Fail, task
from data_factory.client import Client
from data_factory.worker.tracing import tracing
from tests.worker.clock import ManualClock
from tests.worker.conftest import Desk, make_worker, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    provider, exporter = TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(opentelemetry.trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_all_runs_of_a_job_execution_are_one_trace_with_what_they_do_inside(
    server: str, api: Client, clock: ManualClock, exported: InMemorySpanExporter
) -> None:
    desk = Desk(api)
    step = {"name": f"${{account}}/{desk.key}", "taskReferenceName": "first", "inputParameters": {}}
    desk.job_id = api.jobs.create({"key": f"two-{desk.key}", "tasks": [step, {**step, "taskReferenceName": "last"}]}).id

    @task(desk.key)
    def traced() -> None:
        with opentelemetry.trace.get_tracer("a library").start_as_current_span("inside"):
            pass

    async with running(make_worker(server, traced, clock=clock)):
        one, other = desk.launch(), desk.launch()
        assert {(await desk.ended(id)).status for id in (one, other)} == {"COMPLETED"}
    spans = exported.get_finished_spans()
    runs = [span for span in spans if span.name == f"run {desk.key}"]
    traces = {id: {r.context.trace_id for r in runs if attributes(r)["data_factory.job_execution.id"] == id}
              for id in (one, other)}  # fmt: skip
    assert [len(found) for found in traces.values()] == [1, 1]
    assert traces[one] != traces[other]
    inside = [span for span in spans if span.name == "inside"]
    assert sorted(span.parent.span_id for span in inside if span.parent) == sorted(run.context.span_id for run in runs)
    assert {run.kind for run in runs} == {SpanKind.CONSUMER}
    assert {attributes(run)["data_factory.task_execution.id"] for run in runs} == {
        execution.id for id in (one, other) for execution in api.job_executions.task_executions(id)
    }


async def test_a_span_says_how_the_run_ended(
    server: str, desk: Desk, clock: ManualClock, exported: InMemorySpanExporter
) -> None:
    @task(desk.key)
    async def ends(how: str) -> dict[str, str]:
        if how == "raises":
            raise ValueError("no luck")
        if how == "fails":
            raise Fail("not today")
        return {"how": how}

    async with running(make_worker(server, ends, clock=clock)):
        for how in ("raises", "fails", "well"):
            await desk.ended(desk.launch(how=how))
    raised, failed, well = exported.get_finished_spans()
    assert (raised.status.status_code, raised.status.description) == (StatusCode.ERROR, "no luck")
    assert [event.name for event in raised.events] == ["exception"]
    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, "not today")
    assert not failed.events, "it is no exception of the task's own"
    assert well.status.status_code is StatusCode.UNSET
    assert [attributes(span)["data_factory.outcome"] for span in (raised, failed, well)] == [
        "failed", "failed", "completed",
    ]  # fmt: skip


async def test_where_spans_go_nowhere_none_is_begun(
    server: str, desk: Desk, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opentelemetry.trace, "get_tracer_provider", opentelemetry.trace.ProxyTracerProvider)
    spans: list[opentelemetry.trace.Span] = []

    @task(desk.key)
    def looks() -> None:
        spans.append(opentelemetry.trace.get_current_span())

    async with running(make_worker(server, looks, clock=clock)):
        assert (await desk.ended(desk.launch())).status == "COMPLETED"
    assert spans == [opentelemetry.trace.INVALID_SPAN]


def test_there_are_none_where_nobody_would_hear_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    assert tracing() == ()
