"""An open, self-hosted Data Factory: durable jobs of custom tasks, run by your own workers over HTTP.

    from data_factory import task

    @task("example-task")
    def power(input: PowerInput) -> PowerOutput: ...

Everything that is exported here is loaded when it is first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from data_factory.client import (
        ApiError,
        AsyncClient,
        BadRequest,
        Client,
        ConfigurationError,
        Conflict,
        ConnectionFailed,
        NotFound,
        NotUnderstood,
        RateLimited,
        RetryPolicy,
        ServerFailed,
        TooLarge,
        Unauthorized,
    )
    from data_factory.model.errors import DataFactoryError
    from data_factory.worker.context import TaskContext
    from data_factory.worker.dependencies import Depends
    from data_factory.worker.endings import Fail, FailForGood, RetryLater, UserError
    from data_factory.worker.errors import WorkerError
    from data_factory.worker.progress import Progress
    from data_factory.worker.task import Router, task
    from data_factory.worker.trial import Trial, run_task
    from data_factory.worker.worker import Worker

__all__ = [
    "ApiError",
    "AsyncClient",
    "BadRequest",
    "Client",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "DataFactoryError",
    "Depends",
    "Fail",
    "FailForGood",
    "NotFound",
    "NotUnderstood",
    "Progress",
    "RateLimited",
    "RetryLater",
    "RetryPolicy",
    "Router",
    "ServerFailed",
    "TaskContext",
    "TooLarge",
    "Trial",
    "Unauthorized",
    "UserError",
    "Worker",
    "WorkerError",
    "run_task",
    "task",
]

_HOMES: Final = {
    "DataFactoryError": "data_factory.model.errors",
    "Depends": "data_factory.worker.dependencies",
    "Fail": "data_factory.worker.endings",
    "FailForGood": "data_factory.worker.endings",
    "Progress": "data_factory.worker.progress",
    "RetryLater": "data_factory.worker.endings",
    "Router": "data_factory.worker.task",
    "TaskContext": "data_factory.worker.context",
    "Trial": "data_factory.worker.trial",
    "UserError": "data_factory.worker.endings",
    "Worker": "data_factory.worker.worker",
    "WorkerError": "data_factory.worker.errors",
    "run_task": "data_factory.worker.trial",
    "task": "data_factory.worker.task",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "data_factory.client")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
