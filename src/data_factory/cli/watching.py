"""Looking at a job execution until it has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import msgspec

from data_factory.cli.connection import Answer, Connection
from data_factory.client import calls
from data_factory.client.call import Call, Listing
from data_factory.client.errors import ApiError, NotFound
from data_factory.client.retry import is_transient
from data_factory.model.resources import JobExecution, TaskExecution
from data_factory.model.status import JOB_EXECUTION_ENDED, TASK_EXECUTION_ENDED

_LOOK_S: Final = 1.0
_POLITE_S: Final = 3.0
_PATIENCE_S: Final = 60.0


class Sight(msgspec.Struct, frozen=True):
    """How things stand: the job execution, and its task executions, of which the oldest may only be counted.

    `trouble` says that this is how they stood before the server stopped answering.
    """

    execution: Answer[JobExecution]
    tasks: tuple[TaskExecution, ...]
    earlier: int = 0
    trouble: bool = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.execution.value.status in JOB_EXECUTION_ENDED


def watch(connection: Connection, execution_id: str, timeout: float | None = None) -> Iterator[Sight]:
    """How a job execution stands, about once a second and as soon as it has ended; ends then, or after the timeout.

    A server that does not answer is asked again for a minute.
    """
    record = _Record(connection, execution_id)
    heard = began = time.monotonic()
    sight: Sight | None = None
    wait = 0.0
    while True:
        asked = time.monotonic()
        try:
            sight = record.look(wait)
        except ApiError as error:
            if sight is None or not is_transient(error) or time.monotonic() - heard > _PATIENCE_S:
                raise
            sight = msgspec.structs.replace(sight, trouble=True)
        else:
            heard = time.monotonic()
        yield sight
        left = _PATIENCE_S if timeout is None else began + timeout - time.monotonic()
        if sight.has_ended or left <= 0:
            return
        if wait and time.monotonic() - asked < wait / 2:
            # The server does not hold its answers back (the hosted platform: 50 requests a minute), or is away.
            time.sleep(min(_POLITE_S, left))
        wait = min(_LOOK_S, left)


class _Record:
    """What is known of an execution. The pages of task executions that have all ended are not read again."""

    def __init__(self, connection: Connection, execution_id: str) -> None:
        self._connection = connection
        self._execution_id = execution_id
        self._pages = calls.list_task_executions(execution_id)
        self._next: Call[Listing[TaskExecution]] | None = self._pages.first()
        self._earlier = 0

    def look(self, wait: float) -> Sight:
        execution = self._connection.ask(calls.get_job_execution(self._execution_id, wait=wait))
        return Sight(execution, tuple(self._tasks()), self._earlier)

    def _tasks(self) -> list[TaskExecution]:
        found: list[TaskExecution] = []
        call = self._next
        while call is not None:
            try:
                listing = self._connection.client.send(call)
            except NotFound:
                # The hosted platform does not tell of them.
                self._next = None
                return []
            following = self._pages.after(call, listing)
            if not found and following and all(task.status in TASK_EXECUTION_ENDED for task in listing.data):
                self._next = following
                self._earlier += len(listing.data)
            else:
                found += listing.data
            call = following
        return found
