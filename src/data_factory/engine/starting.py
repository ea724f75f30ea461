"""What a START_WORKFLOW launches: another job of the account, by its key, as Conductor writes it.

"inputParameters": {"startWorkflow": {"name": "invoice", "input": {"order": "${workflow.input.order}"}}}
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from data_factory.model.definitions import Key
from data_factory.model.errors import FieldError
from data_factory.model.misfits import misfit

PARAMETER: Final = "startWorkflow"
"""Where the input says it."""


class NotAStart(ValueError):
    """The input does not say what to launch; `error` is what is wrong with it, and where."""

    def __init__(self, error: FieldError) -> None:
        super().__init__(f"`{error.path}`: {error.message}")
        self.error = error


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The key of a job, and its input."""

    name: Key
    input: dict[str, Any] = {}


def read_start(given: dict[str, Any]) -> Start:
    """What is to be launched.

    Raises:
        NotAStart: the input does not say it.
    """
    try:
        return msgspec.convert(given.get(PARAMETER), Start)
    except msgspec.ValidationError as error:
        raise NotAStart(misfit(str(error), PARAMETER)) from error
