"""How a run can end, as values, and how each is reported."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from data_factory.model.status import ReportStatus

_LONGEST_MESSAGE: Final = 10_000


class Completed(msgspec.Struct, frozen=True):
    """The task is done; this is its output."""

    output: dict[str, Any]


class Failed(msgspec.Struct, frozen=True):
    """The task failed, and why. It is retried as its definition says."""

    message: str


class HandedBack(msgspec.Struct, frozen=True):
    """The worker has to stop: let another worker run it, as the same attempt."""


Outcome = Completed | Failed | HandedBack


def status_of(outcome: Outcome) -> ReportStatus:
    """The status with which an outcome is reported."""
    match outcome:
        case Completed():
            return "COMPLETED"
        case Failed():
            return "FAILED"
        case HandedBack():
            return "SCHEDULED"


def output_of(outcome: Outcome) -> dict[str, Any]:
    """The output with which an outcome is reported; a failure says why in `message`."""
    match outcome:
        case Completed():
            return outcome.output
        case Failed():
            return {"message": outcome.message}
        case HandedBack():
            return {}


def failed(message: str) -> Failed:
    """A failure whose message can be sent, whatever is in it.

    >>> failed("no\\0 good")
    Failed(message='no good')
    """
    clean = message.replace("\0", "").encode("utf-8", "replace").decode()
    return Failed(clean if len(clean) <= _LONGEST_MESSAGE else clean[:_LONGEST_MESSAGE] + "…")
