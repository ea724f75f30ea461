"""What ends a worker before its time, each with the exit code of the process."""

from __future__ import annotations

from data_factory.model.errors import DataFactoryError


class WorkerError(DataFactoryError):
    """The worker cannot go on."""

    code = "worker"
    exit_code = 1


class UsageError(WorkerError):
    """The worker was set up wrongly."""

    code = "usage"
    exit_code = 2


class KeyRefused(WorkerError):
    """The server refuses the API key."""

    code = "key_refused"
    exit_code = 3
