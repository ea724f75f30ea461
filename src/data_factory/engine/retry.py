"""When a failed task is tried again, as Conductor counts it."""

from __future__ import annotations

from typing import Final

from data_factory.model.definitions import TaskDefinition

MAX_DELAY_MS: Final = (2**31 - 1) * 1000


def retries_left(task: TaskDefinition, attempt: int) -> bool:
    """Whether another attempt may follow this one; attempts count from 1.

    >>> retries_left(TaskDefinition(key="power", retry_count=2), attempt=2)
    True
    """
    return attempt <= task.retry_count


def retry_delay_ms(task: TaskDefinition, attempt: int) -> int:
    """How long to wait after this attempt failed, in milliseconds.

    FIXED waits the delay, LINEAR_BACKOFF the delay times the scale factor times the attempt, EXPONENTIAL_BACKOFF
    doubles the delay with each attempt (Conductor, `DeciderService.retry`).

    >>> task = TaskDefinition(key="power", retry_logic="EXPONENTIAL_BACKOFF", retry_delay_seconds=5)
    >>> [retry_delay_ms(task, attempt) for attempt in (1, 2, 3)]
    [5000, 10000, 20000]
    """
    delay = task.retry_delay_seconds * 1000
    match task.retry_logic:
        case "FIXED":
            wait = delay
        case "LINEAR_BACKOFF":
            wait = delay * task.backoff_scale_factor * attempt
        case "EXPONENTIAL_BACKOFF":
            wait = delay << min(attempt - 1, 31)
    return min(wait, MAX_DELAY_MS)
