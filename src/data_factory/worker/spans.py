"""Where a span stands, for another process to record below it; nothing where `opentelemetry-api` is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from data_factory.model.traces import parent_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span


def current_span() -> str:
    """The span that is open here, as `traceparent`; empty if there is none."""
    if "opentelemetry.trace" not in sys.modules:
        return ""
    import opentelemetry.trace

    span = opentelemetry.trace.get_current_span().get_span_context()
    if not span.is_valid:
        return ""
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}"


def span_of(traceparent: str) -> Span | None:
    """The span that the header names, recorded by someone else; None if it names none."""
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

    if (parent := parent_of(traceparent)) is None:
        return None
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    return NonRecordingSpan(SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags))


@contextmanager
def below(traceparent: str) -> Iterator[None]:
    """What is recorded while this lasts is below that span."""
    try:
        from opentelemetry.trace import use_span
    except ModuleNotFoundError:
        yield
        return
    if (span := span_of(traceparent)) is None:
        yield
        return
    with use_span(span, record_exception=False, set_status_on_exception=False):
        yield


def flush_spans() -> None:
    """Send what was recorded, before a process ends that nothing else would give the time."""
    if "opentelemetry.trace" not in sys.modules:
        return
    import opentelemetry.trace

    # Only the provider of the SDK has it.
    flush = getattr(opentelemetry.trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush(5_000)
