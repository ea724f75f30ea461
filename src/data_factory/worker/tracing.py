"""A span of each run, where `opentelemetry-api` is installed; what the task's own libraries record is within it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from data_factory.worker.context import TaskContext
from data_factory.worker.endings import Ending, RetryLater
from data_factory.worker.outcome import Failed
from data_factory.worker.portable import EndedElsewhere
from data_factory.worker.spans import span_of
from data_factory.worker.task import Middleware

if TYPE_CHECKING:
    from opentelemetry.trace import Span
    from opentelemetry.util.types import Attributes


def tracing() -> tuple[Middleware, ...]:
    """The middleware that makes the spans; none if there is nobody to tell."""
    try:
        import opentelemetry.trace
    except ModuleNotFoundError:
        return ()
    tracer = opentelemetry.trace.get_tracer("data_factory.worker")

    async def traced(ctx: TaskContext, proceed: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        if isinstance(opentelemetry.trace.get_tracer_provider(), opentelemetry.trace.ProxyTracerProvider):
            # Nobody has set up where spans go.
            return await proceed()
        with tracer.start_as_current_span(
            f"run {ctx.task_key}",
            context=opentelemetry.trace.set_span_in_context(_parent_of(ctx)),
            kind=opentelemetry.trace.SpanKind.CONSUMER,
            attributes=_attributes(ctx),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                output = await proceed()
            except (Exception, asyncio.CancelledError) as error:
                _tell(span, error)
                raise
            span.set_attribute("data_factory.outcome", "completed")
            return output

    return (traced,)


def _parent_of(ctx: TaskContext) -> Span:
    """The span from which the job was launched, if that was said, so that all of it is one trace."""
    return span_of(ctx.traceparent) or _of_the_job(ctx.job_execution_id)


def _of_the_job(job_execution_id: str) -> Span:
    """A parent that all runs of a job execution have in common, wherever they run: so they are one trace.

    Nobody records it, as nobody has to: its ids come from that of the job execution.
    """
    from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags

    if not job_execution_id:
        return INVALID_SPAN
    digest = hashlib.sha256(job_execution_id.encode()).digest()
    trace_id, span_id = int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])
    return NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)))


def _attributes(ctx: TaskContext) -> Attributes:
    return {
        "data_factory.task.id": ctx.task_id,
        "data_factory.task.key": ctx.task_key,
        "data_factory.task_execution.id": ctx.id,
        "data_factory.job_execution.id": ctx.job_execution_id,
        "data_factory.attempt": ctx.attempt,
    }


def _tell(span: Span, error: BaseException) -> None:
    """How the run ended: a task that wants to run later, or that had to stop, has not failed."""
    from opentelemetry.trace import StatusCode

    if isinstance(error, asyncio.CancelledError):
        span.set_attribute("data_factory.outcome", "stopped")
        return
    elsewhere = error.outcome if isinstance(error, EndedElsewhere) else None
    if isinstance(error, RetryLater) or not (elsewhere is None or isinstance(elsewhere, Failed)):
        span.set_attribute("data_factory.outcome", "later")
        return
    span.set_attribute("data_factory.outcome", "failed")
    span.set_status(StatusCode.ERROR, elsewhere.message if elsewhere else str(error))
    if not isinstance(error, Ending | EndedElsewhere):
        span.record_exception(error)
