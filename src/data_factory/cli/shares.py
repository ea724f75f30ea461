"""`data-factory job share` and `unshare`: jobs that other accounts may launch."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from data_factory.cli.connection import connected
from data_factory.cli.jobs import JobName
from data_factory.cli.names import filled, job_named
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, console, show_json, show_list, table, when
from data_factory.client import calls
from data_factory.model.resources import JobShare, SharedJob

Guest = Annotated[
    str, typer.Argument(metavar="ACCOUNT", help="The id of the other account.", show_default=False, callback=filled)
]


def share_job(job: JobName, account: Guest, url: Url = None, as_json: Json = False) -> None:
    """Let another account launch a job. It runs in that account; your workers do the work.

    \b
    Example:
      data-factory job share run-task 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        done = connection.ask(calls.share_job(job_named(connection, job).value.id, account))
        _tell(as_json, done.json, f"Shared the job {job} with the account {account}")


def unshare_job(job: JobName, account: Guest, url: Url = None, as_json: Json = False) -> None:
    """Let another account launch a job no more. What it has launched goes on.

    \b
    Example:
      data-factory job unshare run-task 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        done = connection.ask(calls.unshare_job(job_named(connection, job).value.id, account))
        _tell(as_json, done.json, f"The job {job} is not shared with the account {account}")


def list_shares(job: JobName, url: Url = None, as_json: Json = False) -> None:
    """List the accounts that may launch a job of yours.

    \b
    Example:
      data-factory job shares run-task
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_shares(job_named(connection, job).value.id)))
        show_list(as_json, [one.json for one in found], lambda: _shares([one.value for one in found]), "Not shared.")


def list_shared(url: Url = None, as_json: Json = False) -> None:
    """List the jobs of other accounts that you may launch, newest first.

    \b
    Example:
      data-factory job shared
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_shared_jobs()))
        show_list(as_json, [one.json for one in found], lambda: _jobs([one.value for one in found]), "No shared jobs.")


def _tell(as_json: bool, json: bytes, text: str) -> None:
    if as_json:
        show_json(json)
    else:
        console().print(text)


def _shares(shares: list[JobShare]) -> Table:
    return table(["ACCOUNT", "SINCE"], [(one.account_id, when(one.created_at)) for one in shares])


def _jobs(jobs: list[SharedJob]) -> Table:
    rows = [(one.id, one.key, one.account_id, one.title, _asked(one)) for one in jobs]
    return table(["ID", "KEY", "ACCOUNT", "TITLE", "ASKS FOR"], rows)


def _asked(job: SharedJob) -> str:
    """The inputs that it asks for; in brackets what may be left out."""
    return ", ".join(one.key if one.required else f"[{one.key}]" for one in job.user_inputs)
