"""`data-factory execution report`: what became of a job execution, as an XML document."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from data_factory.cli.connection import connected
from data_factory.cli.executions import ExecutionId
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, show_json

_STDOUT = "-"


def report_execution(
    execution: ExecutionId,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="PATH", help="A file or a folder; - is standard output.")
    ] = _STDOUT,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Report on a job execution in XML: what came in, what was told, each attempt at each task, and what came out.

    With --output, the path is printed, alone on standard output; a file that is there already is replaced.

    \b
    Examples:
      data-factory execution report 01a2b3c4d5e6f708192a3b4c
      data-factory execution report 01a2b3c4d5e6f708192a3b4c --output report.xml
    """
    if as_json and output == _STDOUT:
        raise Stop(ExitCode.USAGE, "The report is XML: --json says where it is, with --output PATH.")
    with connected(url) as connection:
        executions = connection.client.job_executions
        if output == _STDOUT:
            with tempfile.TemporaryFile() as whole:  # half a report is not for who reads a pipe
                executions.copy_report(execution, whole)
                whole.seek(0)
                shutil.copyfileobj(whole, sys.stdout.buffer)
            return
        try:
            path: Path = executions.download_report(execution, output)
        except OSError as error:
            raise Stop(ExitCode.USAGE, f"{output} cannot be written: {error.strerror}.") from error
    if as_json:
        show_json(msgspec.json.encode({"path": str(path)}))
    else:
        typer.echo(path)
