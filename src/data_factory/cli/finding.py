"""`data-factory find`: that for which a criterion holds, of any resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from data_factory.cli.connection import connected
from data_factory.cli.documents import read_criterion, read_pairs
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, explained, printable, show_list, status, table, when
from data_factory.client import calls
from data_factory.client.call import Pages
from data_factory.model.resources import Failure


class Kind(StrEnum):
    """What can be found, as the commands call it."""

    TASK = "task"
    JOB = "job"
    EXECUTION = "execution"
    TASK_EXECUTION = "task-execution"
    LOG = "log"
    PIPELINE = "pipeline"
    PROJECT = "project"
    FILE = "file"
    VARIABLE = "variable"
    WEBHOOK = "webhook"
    KEY = "key"
    ACCOUNT = "account"
    AUDIT = "audit"


class SortOrder(StrEnum):
    """Which way round it is sorted."""

    ASC = "ASC"
    DESC = "DESC"


_SEARCHES: Final[Mapping[Kind, tuple[Callable[..., Pages[Any]], Sequence[str]]]] = {
    Kind.TASK: (calls.search_tasks, ("key", "description")),
    Kind.JOB: (calls.search_jobs, ("key", "status", "title")),
    Kind.EXECUTION: (calls.search_job_executions, ("job_id", "status", "info.title")),
    Kind.TASK_EXECUTION: (
        calls.search_task_executions,
        ("job_execution_id", "task_reference_name", "attempt", "status", "failure"),
    ),
    Kind.LOG: (calls.search_logs, ("job_execution_id", "severity", "emitter_name", "message")),
    Kind.PIPELINE: (calls.search_pipelines, ("slots", "title")),
    Kind.PROJECT: (calls.search_projects, ("status", "display_name")),
    Kind.FILE: (calls.search_files, ("size", "filename")),
    Kind.VARIABLE: (calls.search_variables, ("key", "status", "name")),
    Kind.WEBHOOK: (calls.search_webhooks, ("is_active", "url")),
    Kind.KEY: (calls.search_api_keys, ("role", "prefix", "title")),
    Kind.ACCOUNT: (calls.search_accounts, ("disabled_at", "title")),
    Kind.AUDIT: (calls.search_audit, ("action", "object_id", "by.title")),
}
"""How each is found, and what a table shows of it beside its id and when it was made."""


def find(
    kind: Annotated[
        Kind, typer.Argument(metavar="RESOURCE", help=f"{', '.join(list(Kind)[:-1])} or audit.", show_default=False)
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="Only where it is so; as often as needed.", show_default=False),
    ] = None,
    criterion: Annotated[
        str | None, typer.Option("--filter", metavar="JSON", help="Only those for which this criterion holds.")
    ] = None,
    execution: Annotated[
        str | None, typer.Option(metavar="ID", help="Only what this job execution has: task executions, logs.")
    ] = None,
    sort: Annotated[str | None, typer.Option(metavar="FIELD", help="Sort by it.")] = None,
    order: Annotated[SortOrder | None, typer.Option(case_sensitive=False, help="Which way round.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Find things by what is in them: those for which all that is said holds, newest first.

    \b
    Examples:
      data-factory find task-execution --where status=FAILED --where taskReferenceName=resize
      data-factory find log --filter '{"type": "search", "field": "message", "value": "no paper"}'
    """
    queries: list[Any] = [
        {"type": "eq", "field": field, "value": value} for field, value in read_pairs(where or [], "--where").items()
    ]
    if criterion is not None:
        queries.append(read_criterion(criterion))
    asked = {"type": "and", "queries": queries} if queries else {}
    search, fields = _SEARCHES[kind]
    with connected(url) as connection:
        pages = search(asked, order=None if order is None else order.value, **_narrowed(kind, execution, sort))
        found, more = connection.some(pages, limit)
        headers = ["ID", "CREATED", *(field.rpartition(".")[2].replace("_", " ").upper() for field in fields)]
        rows = [
            (one.value.id, when(one.value.created_at), *(_cell(one.value, field) for field in fields)) for one in found
        ]
        show_list(as_json, [one.json for one in found], lambda: table(headers, rows), "Nothing was found.")
        if more:
            note(f"There are more: --limit {limit * 5}")


def _narrowed(kind: Kind, execution: str | None, sort: str | None) -> dict[str, str]:
    """What only some of the finds take; ends the command where this one does not."""
    if sort is not None and kind is Kind.EXECUTION:
        raise Stop(ExitCode.USAGE, "Job executions are found in the order in which they were launched: only --order.")
    if execution is not None and kind not in (Kind.TASK_EXECUTION, Kind.LOG):
        raise Stop(ExitCode.USAGE, "--execution is for task executions and logs.")
    given = {"sort": sort, "job_execution_id": execution}
    return {name: value for name, value in given.items() if value is not None}


def _cell(resource: Any, field: str) -> str | Text:
    match attrgetter(field)(resource):
        case None:
            return ""
        case bool(said):
            return "yes" if said else "no"
        case datetime() as at:
            return when(at)
        case Failure() as failure:
            return explained(failure)
        case str(text) if field == "status":
            return status(text)
        case value:
            return printable(str(value))
