"""`data-factory run`: launches a job."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from data_factory.cli.connection import connected
from data_factory.cli.documents import read_object, read_pairs
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.jobs import JobName
from data_factory.cli.names import job_named
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, console, printable, show_json, status
from data_factory.cli.waiting import Timeout, end_with, wait_for
from data_factory.client import calls


def run(
    job: JobName,
    input: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One value of the input; as often as needed.", show_default=False),
    ] = None,
    input_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A JSON object as input; - is standard input.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended, and show its progress.")] = False,
    timeout: Timeout = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Run a job, named by its key or id.

    A value that is JSON is taken as JSON, anything else as text: n=10 is a number, name=Ada and 'n="10"' are text,
    'rows=[1, 2]' is a list. With --input-file too, the pairs win over what is in the file.

    Without --wait it prints the job execution that was launched. With --wait it shows the progress on standard error,
    then prints the output as JSON (with --json the whole job execution); the exit code is 0 if it was COMPLETED, 1 if
    it was not, 4 if it has not ended after --timeout. Ctrl-C stops the waiting, not the job execution.

    \b
    Examples:
      data-factory run run-task --input power=10
      data-factory run run-task --input power=10 --wait
      data-factory run run-task --input-file input.json --wait --json
    """
    given = {**(read_object(input_file) if input_file else {}), **read_pairs(input or [])}
    with connected(url) as connection:
        found = job_named(connection, job)
        try:
            launch = calls.launch_job(found.value.id, given)
        except ValueError as error:
            raise Stop(ExitCode.USAGE, f"{error}.") from error
        launched = connection.ask(launch)
        if wait:
            ended = wait_for(connection, launched.value.id, timeout)
            show_json(ended.json if as_json else _output_of(ended.json))
            end_with(ended.value)
        elif as_json:
            show_json(launched.json)
        else:
            console().print(printable(f"{launched.value.id}  ") + status(launched.value.status))
            note(f"Watch it: {connection.command(f'execution get {launched.value.id} --wait')}")


def _output_of(execution: bytes) -> bytes:
    """The output exactly as the server has it."""
    return bytes(msgspec.json.decode(execution, type=_Output).output)


class _Output(msgspec.Struct):
    output: msgspec.Raw
