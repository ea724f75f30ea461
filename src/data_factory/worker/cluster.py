"""A Dask cluster as the executor of a worker."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from data_factory.worker.errors import UsageError
from data_factory.worker.task import Tasks, declarations_of


class Cluster(NamedTuple):
    """Where tasks are sent to, and how many run there at a time."""

    executor: Executor
    threads: int


@contextmanager
def dask_cluster(scheduler: str, tasks: Tasks) -> Iterator[Cluster]:
    """Connect to the scheduler at an address such as `tcp://10.0.0.1:8786`.

    The modules of the tasks are sent to its workers, if each is one file; what they import has to be there, and this
    package too. Raises `UsageError` if Dask is not installed or the scheduler does not answer.
    """
    try:
        import distributed
    except ImportError as error:
        raise UsageError("--dask needs Dask: pip install distributed") from error
    try:
        client: Any = distributed.Client(scheduler, timeout=5)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, TimeoutError) as error:
        raise UsageError(f"no Dask scheduler answers at {scheduler}: {error}") from error
    with client:
        for file in sorted({_file_of(one.function) for one in declarations_of(tasks)}):
            client.upload_file(file)
        threads = sum(client.nthreads().values())
        yield Cluster(client.get_executor(pure=False, retries=0), max(1, threads))


def _file_of(function: object) -> str:
    found = inspect.getsourcefile(function)  # type: ignore[arg-type]
    if found is None:
        raise UsageError(f"{function!r} is in no file that could be sent to the cluster")
    return str(Path(found).resolve())
