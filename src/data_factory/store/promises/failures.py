"""How what is asked of a store can fail."""

from __future__ import annotations

import asyncio
from typing import Any

from data_factory.model.errors import OutcomeUnknown, Unavailable


class StoreUnavailable(Unavailable):
    """The store cannot be written to at the moment: try again."""


class WriteUnderWay(OutcomeUnknown):
    """It is not known yet whether this was done: look before you ask for it again.

    `end` has the result once it is known to be kept, and StoreUnavailable once it is known not to be.
    """

    def __init__(self, end: asyncio.Future[Any]) -> None:
        super().__init__()
        self.end = end


class StaleWrite(Exception):
    """A row was not in the state that a write expected: nothing of the transaction is kept."""


class ImpossibleWrite(Exception):
    """A write would break a rule of the data (see the migrations): nothing of the transaction is kept."""


class UnusableSchema(Exception):
    """This version of Data Factory cannot work on the schema of the data as it is; the message says what to do."""


class TwoQuestions(Exception):
    """Two answers that may not be of the same moment: a mistake of ours."""


def expect(rows: int, changed: int) -> None:
    """A write must have changed so many rows.

    Raises:
        StaleWrite: some were not in the state that they were read in.
    """
    if changed != rows:
        raise StaleWrite(f"{rows - changed} of {rows} rows were not in the state that they were read in")
