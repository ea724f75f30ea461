"""What a task can know of the execution that it is working on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class TaskContext:
    """The execution a task is working on. Ask for it with a second parameter: `def power(input, ctx: TaskContext)`.

    `workdir` is a folder of its own for this run, removed with all that is in it when the run ends. `cancelled` turns
    true when the result is no longer wanted: a long task in a thread should look at it and return (an `async` one is
    cancelled). `deadline` is when the execution times out; `attempt` counts from 1 and is 0 where the platform does
    not tell. In a unit test, make one yourself:

    >>> TaskContext(workdir=Path("."), attempt=2).cancelled
    False
    """

    workdir: Path
    id: str = ""
    task_id: str = ""
    task_key: str = ""
    job_execution_id: str = ""
    attempt: int = 1
    deadline: datetime | None = None
    event_correlation_id: str = ""
    cancellation: threading.Event = field(default_factory=threading.Event, repr=False, compare=False)

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted: canceled, lease lost, or the worker has to stop."""
        return self.cancellation.is_set()
