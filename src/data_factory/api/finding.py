"""Find: `POST …/find` on every list, and lists that are sorted or filtered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from data_factory.api.call import Call
from data_factory.api.lists import FIELDS, LISTS, SPREAD, deliveries_of_execution
from data_factory.api.presenting import Wire, present_job_execution
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.criteria import Criterion
from data_factory.model.errors import FieldError, Invalid, NotFound, RoleNeeded
from data_factory.model.requests import BulkRequest
from data_factory.model.resources import (
    Account,
    ApiKey,
    Bulk,
    Deed,
    File,
    Job,
    JobExecution,
    JobShare,
    JobVersion,
    Log,
    Page,
    Pipeline,
    Project,
    SharedJob,
    Task,
    TaskExecution,
    Variable,
    Webhook,
    WebhookDelivery,
)
from data_factory.service.finding import Listed, Order, Search

routes: Final = Routes("Find")

SORTING: Final = (
    Query("sort", "The field to sort by.", {"type": "string", "default": "createdAt"}),
    Query("sortOrder", "How.", {"type": "string", "enum": ["ASC", "DESC"]}),
)


def search_of(
    call: Call, kind: type[msgspec.Struct], criterion: Criterion, *, ascending: bool = False, by_time: bool = False
) -> Search:
    """What a request looks for, and in which order; that of the list if it says nothing of it. There may be any number
    of what can only be had `by_time`.

    Raises:
        Invalid: it cannot be sorted like that.
    """
    fields = FIELDS[kind]
    field, order = call.query("sort") or "createdAt", call.query("sortOrder")
    sorts = {"createdAt"} if by_time else fields.keys()
    errors = []
    if field not in sorts:
        errors.append(FieldError("sort", f"expected one of {', '.join(sorted(sorts))}"))
    if order not in (None, "ASC", "DESC"):
        errors.append(FieldError("sortOrder", "expected ASC or DESC"))
    if errors:
        raise Invalid(errors=tuple(errors))
    usual = ascending if field == "createdAt" else True
    return Search(criterion, Order(field, usual if order is None else order == "ASC"), fields)


def is_sorted(call: Call) -> bool:
    """Whether a list is asked for in an order of its own."""
    return call.query("sort") is not None or call.query("sortOrder") is not None


def of_key(call: Call) -> Criterion:
    """What the parameter `key` of a list asks for."""
    key = call.query("key")
    return Criterion() if key is None else Criterion(type="eq", field="key", value=key, case_sensitive=True)


async def find_in(
    call: Call,
    kind: type[msgspec.Struct],
    items: Listed[Any],
    criterion: Criterion,
) -> Wire:
    """The answer to a find in a list."""
    search = search_of(call, kind, criterion, ascending=items.ascending)
    found = await call.platform.finding.listed(items, search, call.part(more=0))
    return call.found(found, items.present, items.id)


async def find_executions(call: Call, criterion: Criterion) -> Wire:
    """The answer to a find of job executions."""
    search = search_of(call, JobExecution, criterion, by_time=True)
    found = await call.platform.finding.job_executions(call.account_id, search, call.part(more=0))
    return call.found(found, present_job_execution, lambda one: str(one.id))


async def find_spread(call: Call, kind: type[msgspec.Struct], criterion: Criterion) -> Wire:
    """The answer to a find of what job executions have: that of the path, or all."""
    items, id = SPREAD[kind](call), call.path.get("id")
    if id is not None:
        await call.platform.executions.job_execution(call.account_id, id)
    search = search_of(call, kind, criterion, ascending=id is not None, by_time=id is None)
    found = await call.platform.finding.spread(items, search, call.part(more=0), id)
    return call.found(found, items.present, items.id)


def _add(
    path: str, name: str, what: str, kind: type[msgspec.Struct], items: Callable[[Call], Listed[Any]] | None = None
) -> None:
    """An endpoint that finds in one list."""
    made = items or LISTS[kind]

    async def find(call: Call, body: Criterion) -> Wire:
        return await find_in(call, kind, made(call), body)

    _register(path, name, what, kind, find)


def _add_spread(path: str, name: str, what: str, kind: type[msgspec.Struct]) -> None:
    """An endpoint that finds among what job executions have."""

    async def find(call: Call, body: Criterion) -> Wire:
        return await find_spread(call, kind, body)

    _register(path, name, what, kind, find)


def _register(
    path: str,
    name: str,
    what: str,
    kind: type[msgspec.Struct],
    find: Callable[[Call, Criterion], Awaitable[Wire]],
) -> None:
    find.__name__ = f"find_{name}"
    find.__doc__ = f"Find {what} by a criterion."
    errors = (NotFound,) if "{id}" in path else ()
    about: dict[str, Any] = {"body_optional": True, "query": (*PAGING, *SORTING), "errors": errors}
    routes.post(path, body=Criterion, answer=Page[kind], **about)(find)  # type: ignore[valid-type]


@routes.post("/job_executions/bulk", body=BulkRequest, answer=Bulk, idempotent=True)
async def bulk(call: Call, body: BulkRequest) -> Wire:
    """Do a verb to all job executions for which a criterion holds, a portion a request."""
    if body.verb == "delete" and call.caller.role != "admin":
        raise RoleNeeded(f"To delete needs a key with the role admin; this one has the role {call.caller.role}.")
    key = call.idempotency()
    done = await call.platform.bulk.portion(call.account_id, body, FIELDS[JobExecution], call.actor, key)
    refused = sum(1 for one in done.items if one.code is not None)
    return {
        "object": "bulk",
        "verb": body.verb,
        "dryRun": body.dry_run,
        "done": 0 if body.dry_run else len(done.items) - refused,
        "refused": refused,
        "data": done.items,
        "nextCursor": done.go_on,
    }


_add("/tasks/find", "tasks", "tasks", Task)
_add("/jobs/find", "jobs", "jobs", Job)
_register("/job_executions/find", "job_executions", "job executions", JobExecution, find_executions)
_add_spread(
    "/job_executions/{id}/task_executions/find",
    "task_executions_of_execution",
    "task executions of a job execution",
    TaskExecution,
)
_add_spread("/job_executions/{id}/logs/find", "logs_of_execution", "logs of a job execution", Log)
_add_spread("/task_executions/find", "task_executions", "task executions of any job executions", TaskExecution)
_add_spread("/logs/find", "logs", "logs of any job executions", Log)
_add("/pipelines/find", "pipelines", "pipelines", Pipeline)
_add("/projects/find", "projects", "projects", Project)
_add("/variables/find", "variables", "variables, but not by what they say", Variable)
_add("/files/find", "files", "files", File)
_add("/jobs/{id}/versions/find", "job_versions", "versions of a job", JobVersion)
_add("/jobs/{id}/shares/find", "shares", "accounts that a job is shared with", JobShare)
_add("/shared_jobs/find", "shared_jobs", "jobs of other accounts that this one may launch", SharedJob)
_add("/webhooks/find", "webhooks", "webhooks", Webhook)
_add("/webhooks/{id}/deliveries/find", "deliveries", "what a webhook was told", WebhookDelivery)
_add(
    "/job_executions/{id}/webhooks/find",
    "execution_webhooks",
    "what webhooks were told of the end of a job execution",
    WebhookDelivery,
    deliveries_of_execution,
)
_add("/api_keys/find", "api_keys", "API keys", ApiKey)
_add("/audit/find", "audit", "what people have done", Deed)
_add("/accounts/find", "accounts", "accounts", Account)
