"""`data-factory execution bulk`: one verb for many job executions."""

from __future__ import annotations

import secrets
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from data_factory.cli.asking import Yes, confirm, is_asked
from data_factory.cli.connection import Connection, connected
from data_factory.cli.documents import read_criterion
from data_factory.cli.executions import Statuses
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.names import launchable_named
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, console, printable, show_json
from data_factory.cli.starting import length
from data_factory.client import calls
from data_factory.model.resources import Bulk, BulkItem

MOST_NAMED: Final = 5
"""Of those that were refused for the same reason, how many are named."""

_DONE: Final = {
    "cancel": "Canceled", "pause": "Paused", "resume": "Resumed",
    "rerun": "Ran again", "retry": "Retried", "delete": "Deleted",
}  # fmt: skip


class Verb(StrEnum):
    """What can be done to many."""

    cancel = "cancel"
    pause = "pause"
    resume = "resume"
    rerun = "rerun"
    retry = "retry"
    delete = "delete"


def bulk_executions(
    verb: Annotated[Verb, typer.Argument(metavar="VERB", help="cancel, pause, resume, rerun, retry or delete.")],
    wanted: Statuses = None,
    job: Annotated[str | None, typer.Option(metavar="JOB", help="Only those of this job, by key or id.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Only those launched in the last 2h, 30m, '1 day'.")
    ] = None,
    criterion: Annotated[
        str | None,
        typer.Option("--filter", metavar="JSON", help="Only those for which this criterion of a find holds."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All that there are.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks at it later.")] = "",
    latest: Annotated[
        bool, typer.Option("--latest", help="Run again in the newest version of the job, not in the one that it had.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say to which it would be done.")] = False,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Do something to many job executions: those for which all that is said holds.

    Of these, those to which it can be done: what has ended is not canceled, what runs is not deleted. On a terminal it
    says how many they are, and asks. The exit code is 1 if something was refused; the report says what, and why.

    \b
    Examples:
      data-factory execution bulk retry --status FAILED --job power --since 2h
      data-factory execution bulk cancel --job power --dry-run
    """
    with connected(url) as connection:
        asked = _criterion(connection, wanted or [], job, since, criterion)
        if not asked and not every:
            raise Stop(ExitCode.USAGE, "Say which: --status, --job, --since, --filter, or --all.")
        work = _Work(connection, verb, asked, reason, latest)
        asks = not yes and not dry_run and is_asked()
        count = sum(len(portion.data) for portion in work.portions(dry_run=True)) if asks else None
        if count:
            confirm(f"{verb} {count:,} job executions?")
        items = [] if count == 0 else work.do(dry_run, count)
        refused = sum(1 for one in items if one.code)
        if as_json:
            done = 0 if dry_run else len(items) - refused
            report = {"object": "bulk", "verb": verb, "dryRun": dry_run, "done": done, "refused": refused}
            show_json(msgspec.json.encode({**report, "data": items}))
        else:
            console().print(_report(verb, items, dry_run), crop=False)
        if refused:
            raise typer.Exit(ExitCode.FAILED)


class _Work:
    """A verb, and to which it is to be done."""

    def __init__(self, connection: Connection, verb: Verb, queries: Sequence[Any], reason: str, latest: bool) -> None:
        self._connection = connection
        self._verb = verb
        self._filter = queries[0] if len(queries) == 1 else {"type": "and", "queries": queries} if queries else {}
        self._reason = reason
        self._latest = latest
        self._key = secrets.token_hex(16)

    def portions(self, *, dry_run: bool) -> Iterator[Bulk]:
        """One portion after the other; all with one key, so that nothing is run twice."""
        cursor: str | None = None
        while True:
            call = calls.bulk_job_executions(
                self._verb.value,
                self._filter,
                dry_run=dry_run,
                reason=self._reason,
                version="latest" if self._latest else "same",
                cursor=cursor,
                idempotency_key=self._key,
            )
            portion = self._connection.ask(call).value
            yield portion
            if portion.next_cursor is None:
                return
            cursor = portion.next_cursor

    def do(self, dry_run: bool, count: int | None) -> list[BulkItem]:
        """Do it, and show how far it is."""
        items: list[BulkItem] = []
        with _progress(self._verb, count) as progress:
            for portion in self.portions(dry_run=dry_run):
                items += portion.data
                if progress is not None:
                    progress.update(progress.task_ids[0], completed=len(items))
        return items


def _criterion(
    connection: Connection, statuses: Sequence[str], job: str | None, since: str | None, criterion: str | None
) -> list[Any]:
    """All that must hold."""
    queries: list[Any] = []
    if statuses:
        queries.append({"type": "in", "field": "status", "value": list(statuses)})
    if job is not None:
        queries.append({"type": "eq", "field": "jobId", "value": launchable_named(connection, job).value.id})
    if since is not None:
        begin = datetime.now(UTC) - length(since, "--since")
        queries.append({"type": "greaterOrEqual", "field": "createdAt", "value": begin.isoformat()})
    if criterion is not None:
        queries.append(read_criterion(criterion))
    return queries


@contextmanager
def _progress(verb: Verb, count: int | None) -> Iterator[Progress | None]:
    """A bar, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        progress.add_task(verb.value, total=count)
        yield progress


def _report(verb: Verb, items: Sequence[BulkItem], dry_run: bool) -> RenderableType:
    """How many it was done to; of those that were refused, why, and which."""
    if dry_run:
        found = [printable(f"Would {verb} {len(items):,} job executions{':' if items else '.'}")]
        return Group(*found, *(printable(f"  {one.id}  {one.status}") for one in items))
    why: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one in items:
        if one.code is not None:
            why[one.code, one.message or ""].append(one.id)
    refused = sum(map(len, why.values()))
    words = f"{_DONE[verb]} {len(items) - refused:,} job executions"
    lines: list[Text] = [printable(f"{words}; refused {refused:,}:" if refused else f"{words}.")]
    for (code, message), ids in why.items():
        more = f" and {len(ids) - MOST_NAMED:,} more" if len(ids) > MOST_NAMED else ""
        lines.append(printable(f"  {len(ids):,} {code}: {message} {', '.join(ids[:MOST_NAMED])}{more}"))
    return Group(*lines)
