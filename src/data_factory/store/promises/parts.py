"""Which part of a list is wanted, and which timer is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

Pair = tuple[str, str]


class Timer(NamedTuple):
    """What comes due at a time, `of` which kind. A job execution without one waits for a slot."""

    of: Literal["task_execution", "job_execution", "job"]
    id: str
    at: int | None


class Slice(Protocol):
    """A part of a list: what comes after `cursor` (an id), without the first `offset`, at most `limit`.

    Executions may be large: of them it ends with the first with which inputs and outputs come to more than `max_bytes`
    together, and what comes after that is not read.
    Nothing comes after a cursor that is not there, or not in this account.
    """

    @property
    def cursor(self) -> str | None: ...
    @property
    def offset(self) -> int: ...
    @property
    def limit(self) -> int: ...
    @property
    def max_bytes(self) -> int: ...


class Scan(Protocol):
    """What a find looks at: of a list, what comes after `cursor`, the next `window` of them, and of these the first
    `limit` that have one of the `statuses` (of logs: severities) and were made between `since` and `until`."""

    @property
    def cursor(self) -> str | None: ...
    @property
    def ascending(self) -> bool: ...
    @property
    def statuses(self) -> Sequence[str]: ...
    @property
    def since(self) -> int: ...
    @property
    def until(self) -> int: ...
    @property
    def window(self) -> int: ...
    @property
    def limit(self) -> int: ...
