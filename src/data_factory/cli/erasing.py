"""`data-factory execution delete` and `data-factory purge`: job executions deleted."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated

import msgspec
import typer

from data_factory.cli.connection import connected
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


def delete_execution(execution: ExecutionId, url: Url = None, as_json: Json = False) -> None:
    """Delete a job execution that has ended, with its task executions and logs.

    \b
    Example:
      data-factory execution delete 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
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
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Delete the job executions that ended long ago, with their task executions and logs.

    \b
    Example:
      data-factory purge --older-than 30d --status FAILED --dry-run
    """
    statuses: list[JobExecutionEnd] = [one.value for one in status or []]
    counts: Counter[str] = Counter()
    after: int | None = 0
    with connected(url) as connection:
        while after is not None:
            call = calls.purge_job_executions(older_than, statuses=statuses, dry_run=dry_run, after=after)
            purged = connection.ask(call).value
            counts.update(purged.by_status)
            after = purged.next
    if as_json:
        report = {"object": "purge", "dryRun": dry_run, "count": counts.total(), "byStatus": dict(counts)}
        show_json(msgspec.json.encode(report))
        return
    named = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    would = "Would delete" if dry_run else "Deleted"
    console().print(printable(f"{would} {counts.total():,} job executions{f': {named}' if named else ''}."))
