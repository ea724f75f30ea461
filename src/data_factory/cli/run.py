"""`data-factory run`: launches a job."""

from __future__ import annotations

import base64
import os
from typing import Annotated, Final

import msgspec
import typer

from data_factory.cli.connection import Connection, connected
from data_factory.cli.documents import read_object, split_pairs
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.inputs import read_input
from data_factory.cli.jobs import JobName
from data_factory.cli.names import launchable_named
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, console, printable, show_json, status
from data_factory.cli.starting import start_time
from data_factory.cli.waiting import Timeout, end_with, wait_for
from data_factory.client import calls
from data_factory.model.definitions import LaunchWebhook

WEBHOOK_SECRET: Final = "DATA_FACTORY_WEBHOOK_SECRET"  # noqa: S105 - where it is


def run(
    job: JobName,
    input: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="One value of the input; as often as needed.", show_default=False),
    ] = None,
    input_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A JSON object as input; - is standard input.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="How it is shown, instead of the job's title.")
    ] = None,
    priority: Annotated[
        int, typer.Option(min=-1_000, max=1_000, help="The higher, the sooner it has its turn in its pipeline.")
    ] = 0,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Start it then, and not before: 2026-11-30T06:00:00Z.")
    ] = None,
    in_: Annotated[
        str | None, typer.Option("--in", metavar="DURATION", help="Start it after this: 90s, 5m, '1 day 2 hours'.")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="The same key again, with the same input, launches nothing: it shows the first."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended, and show its progress.")] = False,
    timeout: Timeout = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="An address that is told of the end, signed with DATA_FACTORY_WEBHOOK_SECRET, or with a secret "
            "that is made and printed.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Run a job, named by its key or id: your own, or one that another account shares with you.

    What the job asks for as a user input is read as that: a TEXT, DATE or SELECT is text, whatever it looks like; a
    FILE is the id of one, or @prices.csv, which is uploaded; so are FILES, of which several are given one by one. Of
    anything else, what is JSON is taken as JSON, the rest as text: n=10 is a number, name=Ada and 'n="10"' are text,
    'rows=[1, 2]' is a list. With --input-file too, the pairs win over what is in the file.

    Without --wait it prints the job execution that was launched. With --wait it shows the progress on standard error,
    then prints the output as JSON (with --json the whole job execution); the exit code is 0 if it was COMPLETED, 1 if
    it was not, 4 if it has not ended after --timeout. Ctrl-C stops the waiting, not the job execution.

    \b
    Examples:
      data-factory run run-task --input power=10
      data-factory run run-task --input power=10 --wait
      data-factory run run-task --input-file input.json --wait --json
      data-factory run run-task --priority 10 --in 5m
      data-factory run invoice --title 'Order 4711' --idempotency-key order-4711
      data-factory run import-prices --input prices=@prices.csv
    """
    from_file = read_object(input_file) if input_file else {}
    split_pairs(input or [])  # what is no pair needs no server to be told
    start_at = start_time(at, in_)
    with connected(url) as connection:
        found = launchable_named(connection, job)
        given = {
            **from_file,
            **read_input(input or [], found.value.user_inputs, lambda path: _uploaded(connection, path)),
        }
        told = _webhook(webhook) if webhook else None
        try:
            launch = calls.launch_job(
                found.value.id,
                given,
                title=title,
                priority=priority,
                start_at=start_at,
                webhook=told,
                idempotency_key=idempotency_key,
            )
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


def _uploaded(connection: Connection, path: str) -> str:
    try:
        return connection.ask(calls.upload_file(path)).value.url
    except OSError as error:
        raise Stop(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}.") from error


def _webhook(address: str) -> LaunchWebhook:
    secret = os.environ.get(WEBHOOK_SECRET)
    if not secret:
        secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
        note(f"What {address} is told is signed with {secret}, shown this once. {WEBHOOK_SECRET} gives your own.")
    return LaunchWebhook(url=address, secret=secret)


def _output_of(execution: bytes) -> bytes:
    """The output exactly as the server has it."""
    return bytes(msgspec.json.decode(execution, type=_Output).output)


class _Output(msgspec.Struct):
    output: msgspec.Raw
