"""`data-factory job validate` and `data-factory job schema`: jobs, checked before a server has to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from data_factory.cli.rendering import show_json
from data_factory.cli.server import not_installed
from data_factory.model.job_schema import job_schema


def validate_job(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder with job.json, or the file.", show_default=False)
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Check a job without a server.

    It tells all that is wrong at once, each with its path and its line, in the words of the server; the exit code is
    2 then. What only the server knows is left to it: whether the account has the tasks and the pipeline that are named.

    \b
    Example:
      data-factory job validate jobs/run-task
    """
    try:
        from data_factory.cli.validating import run
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from None
    run(folder, as_json)


def show_schema() -> None:
    """Print the JSON Schema of job.json, by which editors complete and check it. Every server has it, too.

    \b
    Example:
      data-factory job schema
    """
    show_json(msgspec.json.encode(job_schema()))
