"""Turns the descriptions of calls into methods: of a client that blocks, and of one that is awaited.

A resource names each of its verbs once. Whether `client.tasks.get(id)` gives a `Task` or something to await follows
from the kind of client, and type checkers see it.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from data_factory.client import calls
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
    search = Lister(calls.search_tasks)
    list = Lister(calls.list_tasks)


class _TaskExecutionVerbs:
    get = Verb(calls.get_task_execution)
    patch = Verb(calls.patch_task_execution)
    claim = Verb(calls.claim)
    report = Verb(calls.report)
    complete = Verb(calls.complete_task_execution)
    fail = Verb(calls.fail_task_execution)
    skip = Verb(calls.skip_task_execution)
    search = Lister(calls.search_task_executions)


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
    set_schedule = Verb(calls.set_schedule)
    pause = Verb(calls.pause_schedule)
    resume = Verb(calls.resume_schedule)
    create_from_zip = Verb(calls.create_job_from_zip)
    update_from_zip = Verb(calls.update_job_from_zip)
    search = Lister(calls.search_jobs)
    search_versions = Lister(calls.search_job_versions)
    search_shares = Lister(calls.search_shares)
    search_shared = Lister(calls.search_shared_jobs)
    list = Lister(calls.list_jobs)
    share = Verb(calls.share_job)
    unshare = Verb(calls.unshare_job)
    shares = Lister(calls.list_shares)
    shared = Lister(calls.list_shared_jobs)


class _JobExecutionVerbs:
    launch = Verb(calls.launch_job)
    get = Verb(calls.get_job_execution)
    cancel = Verb(calls.cancel_job_execution)
    rerun = Verb(calls.rerun_job_execution)
    plan_retry = Verb(calls.plan_retry)
    retry = Verb(calls.retry_job_execution)
    search = Lister(calls.search_job_executions)
    pause = Verb(calls.pause_job_execution)
    resume = Verb(calls.resume_job_execution)
    bulk = Verb(calls.bulk_job_executions)
    delete = Verb(calls.delete_job_execution)
    purge = Verb(calls.purge_job_executions)
    list = Lister(calls.list_job_executions)
    task_executions = Lister(calls.list_task_executions)
    why = Verb(calls.explain_job_execution)
    timeline = Lister(calls.tell_timeline)
    report = Verb(calls.read_report)
    copy_report = Verb(calls.copy_report)
    download_report = Verb(calls.download_report)
    log = Verb(calls.create_log)
    logs = Lister(calls.list_logs)
    search_logs = Lister(calls.search_logs)


class _PipelineVerbs:
    create = Verb(calls.create_pipeline)
    get = Verb(calls.get_pipeline)
    update = Verb(calls.update_pipeline)
    search = Lister(calls.search_pipelines)
    pause = Verb(calls.pause_pipeline)
    resume = Verb(calls.resume_pipeline)
    list = Lister(calls.list_pipelines)


class _FileVerbs:
    upload = Verb(calls.upload_file)
    get = Verb(calls.get_file)
    download = Verb(calls.download_file)
    copy_to = Verb(calls.copy_file)
    read = Verb(calls.read_file)
    delete = Verb(calls.delete_file)
    search = Lister(calls.search_files)
    list = Lister(calls.list_files)


class _VariableVerbs:
    create = Verb(calls.create_variable)
    get = Verb(calls.get_variable)
    find = Verb(calls.find_variable)
    set = Verb(calls.set_variable)
    update = Verb(calls.update_variable)
    delete = Verb(calls.delete_variable)
    search = Lister(calls.search_variables)
    list = Lister(calls.list_variables)


class _WebhookVerbs:
    create = Verb(calls.create_webhook)
    get = Verb(calls.get_webhook)
    update = Verb(calls.update_webhook)
    delete = Verb(calls.delete_webhook)
    rotate = Verb(calls.rotate_webhook)
    test = Verb(calls.try_webhook)
    list = Lister(calls.list_webhooks)
    deliveries = Lister(calls.list_deliveries)
    of_execution = Lister(calls.list_execution_webhooks)
    resend = Verb(calls.resend_delivery)
    search = Lister(calls.search_webhooks)
    search_deliveries = Lister(calls.search_deliveries)
    search_of_execution = Lister(calls.search_execution_webhooks)


class _ProjectVerbs:
    create = Verb(calls.create_project)
    get = Verb(calls.get_project)
    rename = Verb(calls.rename_project)
    move = Verb(calls.move_project)
    set_status = Verb(calls.set_project_status)
    delete = Verb(calls.delete_project)
    search = Lister(calls.search_projects)
    list = Lister(calls.list_projects)


class _ApiKeyVerbs:
    create = Verb(calls.create_api_key)
    revoke = Verb(calls.revoke_api_key)
    search = Lister(calls.search_api_keys)
    list = Lister(calls.list_api_keys)


class _AuditVerbs:
    search = Lister(calls.search_audit)
    list = Lister(calls.list_audit)


class _AccountVerbs:
    create = Verb(calls.create_account)
    get = Verb(calls.get_account)
    rename = Verb(calls.rename_account)
    disable = Verb(calls.disable_account)
    enable = Verb(calls.enable_account)
    create_key = Verb(calls.create_account_key)
    search = Lister(calls.search_accounts)
    list = Lister(calls.list_accounts)


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


class Webhooks(_WebhookVerbs, Blocking):
    """Who is told of the end of job executions."""


class Projects(_ProjectVerbs, Blocking):
    """The projects of the account: folders for its jobs."""


class ApiKeys(_ApiKeyVerbs, Blocking):
    """The API keys of the account."""


class Audit(_AuditVerbs, Blocking):
    """What people have done."""


class Accounts(_AccountVerbs, Blocking):
    """The accounts of the platform, for its operator."""


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


class AsyncWebhooks(_WebhookVerbs, Awaited):
    """Who is told of the end of job executions."""


class AsyncProjects(_ProjectVerbs, Awaited):
    """The projects of the account: folders for its jobs."""


class AsyncApiKeys(_ApiKeyVerbs, Awaited):
    """The API keys of the account."""


class AsyncAudit(_AuditVerbs, Awaited):
    """What people have done."""


class AsyncAccounts(_AccountVerbs, Awaited):
    """The accounts of the platform, for its operator."""
