"""Every list that can be searched: how it is read, and how what is in it is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from data_factory.api.audit import present_deed
from data_factory.api.call import Call
from data_factory.api.presenting import (
    present_account,
    present_api_key,
    present_file,
    present_job,
    present_job_version,
    present_log,
    present_pipeline,
    present_project,
    present_share,
    present_shared_job,
    present_task,
    present_task_execution,
    present_variable,
)
from data_factory.api.webhooks import present_delivery, present_webhook
from data_factory.model.criteria import Field, fields_of
from data_factory.model.resources import (
    Account,
    ApiKey,
    Deed,
    File,
    Job,
    JobExecution,
    JobShare,
    JobVersion,
    Log,
    Pipeline,
    Project,
    SharedJob,
    Task,
    TaskExecution,
    Variable,
    Webhook,
    WebhookDelivery,
)
from data_factory.service import spreads
from data_factory.service.catalog import version_cursor
from data_factory.service.finding import Listed, Spread
from data_factory.service.paging import Part

Resource = type[msgspec.Struct]
Lists = Mapping[Resource, Callable[[Call], Listed[Any]]]

_NOT_FOUND_BY: Final[Mapping[Resource, frozenset[str]]] = {
    Account: frozenset({"apiKey"}),
    ApiKey: frozenset({"key"}),
    File: frozenset({"url"}),
    JobVersion: frozenset({"definition"}),
    Log: frozenset({"kept"}),
    TaskExecution: frozenset({"lease"}),
    Variable: frozenset({"value"}),
    Webhook: frozenset({"secret"}),
}
"""What is in no criterion: what a variable says, what only one is told and once, what no list has or all of it has."""


def _fields(kind: Resource) -> Mapping[str, Field]:
    hidden = {"object"} | _NOT_FOUND_BY.get(kind, frozenset())
    return {name: field for name, field in fields_of(kind).items() if name.partition(".")[0] not in hidden}


FIELDS: Final[Mapping[Resource, Mapping[str, Field]]] = {
    kind: _fields(kind)
    for kind in (
        Task, Job, JobExecution, TaskExecution, Pipeline, Project, Variable, File, Log,
        JobVersion, JobShare, SharedJob, Webhook, WebhookDelivery, ApiKey, Account, Deed,
    )
}  # fmt: skip
"""What can be looked for in each resource."""

LISTS: Final[Lists] = {
    Task: lambda call: Listed(lambda part: call.platform.catalog.tasks(call.account_id, part), present_task),
    Job: lambda call: Listed(
        lambda part: call.platform.catalog.jobs(call.account_id, part), present_job, lambda one: str(one[0].id)
    ),
    Pipeline: lambda call: Listed(
        lambda part: call.platform.catalog.pipelines(call.account_id, part), present_pipeline
    ),
    Project: lambda call: Listed(lambda part: call.platform.projects.projects(call.account_id, part), present_project),
    Variable: lambda call: Listed(
        lambda part: call.platform.variables.variables(call.account_id, part), present_variable
    ),
    File: lambda call: Listed(
        lambda part: call.platform.files.files(call.account_id, part), lambda file: present_file(file, call.origin)
    ),
    Webhook: lambda call: Listed(lambda part: call.platform.webhooks.webhooks(call.account_id, part), present_webhook),
    ApiKey: lambda call: Listed(lambda part: call.platform.keys.list(call.account_id, part), present_api_key),
    Account: lambda call: Listed(lambda part: call.platform.accounts.accounts(call.account_id, part), present_account),
    Deed: lambda call: Listed(
        lambda part: call.platform.audit.deeds(call.account_id, part),
        lambda one: present_deed(*one),
        lambda one: str(one[0].id),
    ),
    SharedJob: lambda call: Listed(
        lambda part: call.platform.shares.shared_with(call.account_id, part),
        present_shared_job,
        lambda one: str(one[0].id),
    ),
    JobShare: lambda call: Listed(
        lambda part: call.platform.shares.shares(call.account_id, call.path["id"], part),
        present_share,
        lambda one: str(one.account_id),
        ascending=True,
    ),
    JobVersion: lambda call: Listed(
        lambda part: _versions(call, part),
        lambda one: present_job_version(*one),
        lambda one: version_cursor(one[1].version),
    ),
    WebhookDelivery: lambda call: Listed(
        lambda part: call.platform.webhooks.deliveries(call.account_id, call.path["id"], part), present_delivery
    ),
}
"""Those that are read as they are, by what is in them; with an id in the path, that of one thing."""


async def _versions(call: Call, part: Part) -> list[Any]:
    job, found = await call.platform.catalog.job_versions(call.account_id, call.path["id"], part)
    return [(job, one) for one in found]


def deliveries_of_execution(call: Call) -> Listed[Any]:
    """What webhooks were told of one job execution."""
    return Listed(
        lambda part: call.platform.webhooks.deliveries_of_execution(call.account_id, call.path["id"], part),
        present_delivery,
    )


SPREAD: Final[Mapping[Resource, Callable[[Call], Spread[Any]]]] = {
    TaskExecution: lambda call: spreads.task_executions(call.account_id, present_task_execution),
    Log: lambda call: spreads.logs(call.account_id, present_log),
}
"""What job executions have."""
