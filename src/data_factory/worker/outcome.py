"""How a run can end, as values, and how each is reported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from data_factory.model.status import ReportStatus
from data_factory.worker.endings import Ending, FailForGood, RetryLater, UserError
from data_factory.worker.payload import InputInvalid, OutputInvalid

_LONGEST_MESSAGE: Final = 10_000
OF_FAILURES: Final = frozenset({"message", "errors", "errorType"})
"""What is in the output of a failure by convention, and never was saved by the task."""


class Completed(msgspec.Struct, frozen=True, tag=True):
    """The task is done; this is its output."""

    output: dict[str, Any]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The task failed, and why. It is retried as its definition says, unless it is `final`."""

    message: str
    details: dict[str, Any] = {}
    final: bool = False


class HandedBack(msgspec.Struct, frozen=True, tag=True):
    """Let a worker run it later, as the same attempt: this one has to stop, or the task has asked for it."""

    delay_seconds: int = 0
    message: str = ""


Outcome = Completed | Failed | HandedBack


def status_of(outcome: Outcome) -> ReportStatus:
    """The status with which an outcome is reported."""
    match outcome:
        case Completed():
            return "COMPLETED"
        case Failed():
            return "FAILED_WITH_TERMINAL_ERROR" if outcome.final else "FAILED"
        case HandedBack():
            return "SCHEDULED"


def output_of(outcome: Outcome) -> dict[str, Any]:
    """The output with which an outcome is reported; a failure says why in `message`."""
    match outcome:
        case Completed():
            return outcome.output
        case Failed():
            return {**outcome.details, "message": outcome.message}
        case HandedBack():
            return {}


def failed(message: str, details: Mapping[str, Any] | None = None, *, final: bool = False) -> Failed:
    """A failure whose message can be sent, whatever is in it.

    >>> failed("no\\0 good").message
    'no good'
    """
    clean = message.replace("\0", "").encode("utf-8", "replace").decode()
    short = clean if len(clean) <= _LONGEST_MESSAGE else clean[:_LONGEST_MESSAGE] + "…"
    return Failed(short, dict(details or {}), final)


def outcome_of(error: BaseException, saved: Mapping[str, Any]) -> Outcome:
    """What an error that left a task makes of its run, with what it had saved until then."""
    match error:
        case InputInvalid():
            return failed(f'Input validation failed: "{error}"', {"errors": error.errors}, final=True)
        case OutputInvalid():
            return failed(f'Output validation failed: "{error}"', {**saved, "errors": error.errors})
        case Ending():
            return ended(error, saved)
    return failed(f'Task failed "{error if str(error) else type(error).__name__}"', saved)


def ended(ending: Ending, saved: Mapping[str, Any]) -> Outcome:
    """The outcome of an end that the task has chosen, with what it had saved until then.

    >>> ended(UserError("no such shop"), {}).details
    {'errorType': 'USER_ERROR'}
    """
    if isinstance(ending, RetryLater):
        return HandedBack(math.ceil(ending.delay), ending.message)
    details = {**saved, **ending.output}
    if isinstance(ending, UserError):
        details["errorType"] = "USER_ERROR"
    message = ending.message or type(ending).__name__
    return failed(message, details, final=isinstance(ending, FailForGood))
