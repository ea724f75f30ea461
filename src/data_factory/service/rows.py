"""Rows that the commands of one transaction touch, beside what the store has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord

R = TypeVar("R", JobExecutionRecord, TaskExecutionRecord)


class Rows(Generic[R]):
    """The rows of one table: `read` as the store had them, `now` as they are to be. What is new and what has changed is
    asked for far more often than it changes, so it is remembered."""

    def __init__(self) -> None:
        self.read: dict[str, R] = {}
        self.now: dict[str, R] = {}
        self._new: list[R] | None = None
        self._changed: list[tuple[R, R]] | None = None

    def add(self, rows: Iterable[R]) -> None:
        """Rows that the store has; what was changed meanwhile stays changed."""
        for row in rows:
            self.read.setdefault(row.id, row)
            self.now.setdefault(row.id, row)
        self._new = self._changed = None

    def put(self, row: R) -> None:
        """A row that is new or changed."""
        self.now[row.id] = row
        self._new = self._changed = None

    def new(self) -> Sequence[R]:
        """The rows that the store does not have yet."""
        if self._new is None:
            self._new = [row for id, row in self.now.items() if id not in self.read]
        return self._new

    def kept(self, rows: Iterable[R]) -> None:
        """The store has these as they are now."""
        for row in rows:
            self.read[row.id] = row
        self._new = self._changed = None

    def changed(self) -> Sequence[tuple[R, R]]:
        """The rows that the store has otherwise: as read, and as they are to be."""
        if self._changed is None:
            self._changed = [(old, self.now[id]) for id, old in self.read.items() if self.now[id] is not old]
        return self._changed


class Latest:
    """The latest task execution at each path of one job execution, as far as it is known; None where there is none."""

    def __init__(self, rows: Rows[TaskExecutionRecord]) -> None:
        self._rows = rows
        self._ids: dict[str, str | None] = {}

    def __contains__(self, path: object) -> bool:
        return path in self._ids

    def __getitem__(self, path: str) -> TaskExecutionRecord | None:
        id = self._ids[path]
        return None if id is None else self._rows.now[id]

    def learn(self, rows: Iterable[TaskExecutionRecord]) -> None:
        """These are the latest at their paths."""
        for row in rows:
            self._ids[row.path] = row.id

    def miss(self, paths: Iterable[str]) -> None:
        """At these paths there is nothing, if nothing else is known of them."""
        for path in paths:
            self._ids.setdefault(path, None)
