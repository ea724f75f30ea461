"""Turns the descriptions of calls into methods: of a client that blocks, and of one that is awaited.

A resource names each of its verbs once. Whether `client.tasks.get(id)` gives a `Task` or something to await follows
from the kind of client, and type checkers see it.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from data_factory.client import archives, calls, files
from data_factory.client.call import Call, Listing, Pages, Plan

P = ParamSpec("P")
T = TypeVar("T")


class BlockingSender(Protocol):
    """Carries out a plan and gives its result."""

    def send(self, plan: Plan[T]) -> T:
        """The result of the plan."""
        ...


class AsyncSender(Protocol):
    """Carries out a plan when awaited."""

    async def send(self, plan: Plan[T]) -> T:
        """The result of the plan."""
        ...


class Blocking:
    """A resource of `Client`."""

    def __init__(self, sender: BlockingSender) -> None:
        self._sender = sender


class Awaited:
    """A resource of `AsyncClient`."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender


class Verb(Generic[P, T]):
    """A method that carries out the plan which `describe` makes of its arguments."""

    def __init__(self, describe: Callable[P, Plan[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Awaited, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(
        self, instance: Blocking | Awaited | None, owner: type
    ) -> Self | Callable[P, T] | Callable[P, Coroutine[Any, Any, T]]:
        if instance is None:
            return self
        describe, sender = self._describe, instance._sender

        @functools.wraps(describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            return sender.send(describe(*args, **kwargs))

        return method


class Lister(Generic[P, T]):
    """A method that gives the items of a list one after the other, and reads pages as they are needed."""

    def __init__(self, describe: Callable[P, Pages[T]]) -> None:
        self._describe = describe
        self.__doc__ = describe.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Blocking, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: Awaited, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(
        self, instance: Blocking | Awaited | None, owner: type
    ) -> Self | Callable[P, Iterator[T]] | Callable[P, AsyncIterator[T]]:
        if instance is None:
            return self
        describe = self._describe

        @functools.wraps(describe)
        def method(*args: P.args, **kwargs: P.kwargs) -> Any:
            pages = describe(*args, **kwargs)
            return _read(instance, pages) if isinstance(instance, Blocking) else _read_awaited(instance, pages)

        return method


def _read(resource: Blocking, pages: Pages[T]) -> Iterator[T]:
    call: Call[Listing[T]] | None = pages.first()
    while call is not None:
        listing = resource._sender.send(call)
        yield from listing.data
        call = pages.after(call, listing)


async def _read_awaited(resource: Awaited, pages: Pages[T]) -> AsyncIterator[T]:
    call: Call[Listing[T]] | None = pages.first()
    while call is not None:
        listing = await resource._sender.send(call)
        for item in listing.data:
            yield item
        call = pages.after(call, listing)


class _TaskVerbs:
    create = Verb(calls.create_task)
    get = Verb(calls.get_task)
    find = Verb(calls.find_task)
    update = Verb(calls.update_task)
    delete = Verb(calls.delete_task)
    poll = Verb(calls.poll_task)
    list = Lister(calls.list_tasks)


class _TaskExecutionVerbs:
    get = Verb(calls.get_task_execution)
    patch = Verb(calls.patch_task_execution)
    claim = Verb(calls.claim)
    report = Verb(calls.report)
    complete = Verb(calls.complete_task_execution)
    fail = Verb(calls.fail_task_execution)


class _JobVerbs:
    publish = Verb(calls.publish_job)
    create = Verb(calls.create_job)
    get = Verb(calls.get_job)
    find = Verb(calls.find_job)
    update = Verb(calls.update_job)
    versions = Lister(calls.list_job_versions)
    version = Verb(calls.get_job_version)
    diff = Verb(calls.diff_job_versions)
    publish_version = Verb(calls.publish_job_version)
    schedule = Verb(calls.get_schedule)
    pause = Verb(calls.pause_schedule)
    resume = Verb(calls.resume_schedule)
    create_from_zip = Verb(archives.create_job_from_zip)
    update_from_zip = Verb(archives.update_job_from_zip)
    list = Lister(calls.list_jobs)


class _JobExecutionVerbs:
    launch = Verb(calls.launch_job)
    get = Verb(calls.get_job_execution)
    cancel = Verb(calls.cancel_job_execution)
    list = Lister(calls.list_job_executions)
    task_executions = Lister(calls.list_task_executions)
    why = Verb(calls.explain_job_execution)
    log = Verb(calls.create_log)
    logs = Lister(calls.list_logs)


class _PipelineVerbs:
    create = Verb(calls.create_pipeline)
    get = Verb(calls.get_pipeline)
    update = Verb(calls.update_pipeline)
    list = Lister(calls.list_pipelines)


class _FileVerbs:
    upload = Verb(files.upload_file)
    get = Verb(files.get_file)
    download = Verb(files.download_file)
    copy_to = Verb(files.copy_file)
    read = Verb(files.read_file)
    delete = Verb(files.delete_file)
    list = Lister(files.list_files)


class _VariableVerbs:
    create = Verb(calls.create_variable)
    get = Verb(calls.get_variable)
    find = Verb(calls.find_variable)
    set = Verb(calls.set_variable)
    update = Verb(calls.update_variable)
    delete = Verb(calls.delete_variable)
    list = Lister(calls.list_variables)


class _ApiKeyVerbs:
    create = Verb(calls.create_api_key)
    revoke = Verb(calls.revoke_api_key)
    list = Lister(calls.list_api_keys)


class Tasks(_TaskVerbs, Blocking):
    """The custom tasks of the account."""


class TaskExecutions(_TaskExecutionVerbs, Blocking):
    """Single attempts at tasks: what a worker claims and reports on."""


class Jobs(_JobVerbs, Blocking):
    """The jobs of the account."""


class JobExecutions(_JobExecutionVerbs, Blocking):
    """The runs of jobs."""


class Pipelines(_PipelineVerbs, Blocking):
    """The queues that job executions wait in."""


class Files(_FileVerbs, Blocking):
    """The files of the account."""


class Variables(_VariableVerbs, Blocking):
    """The variables of the account, and its secrets."""


class ApiKeys(_ApiKeyVerbs, Blocking):
    """The API keys of the account."""


class AsyncTasks(_TaskVerbs, Awaited):
    """The custom tasks of the account."""


class AsyncTaskExecutions(_TaskExecutionVerbs, Awaited):
    """Single attempts at tasks: what a worker claims and reports on."""


class AsyncJobs(_JobVerbs, Awaited):
    """The jobs of the account."""


class AsyncJobExecutions(_JobExecutionVerbs, Awaited):
    """The runs of jobs."""


class AsyncPipelines(_PipelineVerbs, Awaited):
    """The queues that job executions wait in."""


class AsyncFiles(_FileVerbs, Awaited):
    """The files of the account. What is read from the disk, or written to it, is a block at a time."""


class AsyncVariables(_VariableVerbs, Awaited):
    """The variables of the account, and its secrets."""


class AsyncApiKeys(_ApiKeyVerbs, Awaited):
    """The API keys of the account."""
