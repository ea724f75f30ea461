"""`data-factory execution delete` and `data-factory purge`: job executions deleted."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from data_factory.cli.asking import Yes, ask_first, confirm, is_asked
from data_factory.cli.connection import Connection, connected
from data_factory.cli.executions import ExecutionId
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, console, printable, show_json
from data_factory.client import calls
from data_factory.model.status import JobExecutionEnd


class Ended(StrEnum):
    """How a job execution may have ended."""

    COMPLETED = "COMPLETED"
    USER_ERROR = "USER_ERROR"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"
    TIMEDOUT = "TIMEDOUT"


def delete_execution(execution: ExecutionId, yes: Yes = False, url: Url = None, as_json: Json = False) -> None:
    """Delete a job execution that has ended, with its task executions and logs. On a terminal, asks first.

    \b
    Example:
      data-factory execution delete 01a2b3c4d5e6f708192a3b4c --yes
    """
    with connected(url) as connection:
        ask_first(yes, f"Delete {execution}, with its task executions and logs?")
        deleted = connection.ask(calls.delete_job_execution(execution))
        if as_json:
            show_json(deleted.json)
        else:
            console().print(printable(f"Deleted {deleted.value.id}."))


def purge(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="What ended longer ago than this: 12h, 30d, 8w.")
    ],
    status: Annotated[
        list[Ended] | None, typer.Option(help="Only what has ended so; as often as needed.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many it would be.")] = False,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Delete the job executions that ended long ago, with their task executions and logs. On a terminal it says how
    many they are, and asks.

    \b
    Examples:
      data-factory purge --older-than 30d --status FAILED --dry-run
      data-factory purge --older-than 30d --yes
    """
    statuses: list[JobExecutionEnd] = [one.value for one in status or []]
    with connected(url) as connection:
        counts = None
        if not dry_run and not yes and is_asked():
            counts = _purged(connection, older_than, statuses, dry_run=True)
            if counts:
                confirm(f"Delete {counts.total():,} job executions?")
        if counts is None or counts:
            counts = _purged(connection, older_than, statuses, dry_run)
    if as_json:
        report = {"object": "purge", "dryRun": dry_run, "count": counts.total(), "byStatus": dict(counts)}
        show_json(msgspec.json.encode(report))
        return
    named = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    would = "Would delete" if dry_run else "Deleted"
    console().print(printable(f"{would} {counts.total():,} job executions{f': {named}' if named else ''}."))


def _purged(connection: Connection, older_than: str, statuses: list[JobExecutionEnd], dry_run: bool) -> Counter[str]:
    """How many were deleted, or would be, by the way in which they ended."""
    counts: Counter[str] = Counter()
    after: int | None = 0
    while after is not None:
        call = calls.purge_job_executions(older_than, statuses=statuses, dry_run=dry_run, after=after)
        purged = connection.ask(call).value
        counts.update(purged.by_status)
        after = purged.next
    return counts
