"""`data-factory key`: the API keys of the account."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer
from rich.table import Table

from data_factory.cli.connection import Connection, connected
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.names import filled
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, console, show_json, show_list, table, when
from data_factory.client import calls
from data_factory.model.resources import ApiKey

app: Final = typer.Typer(name="key", help="Create, list and revoke API keys.", no_args_is_help=True)


@app.command("create")
def create_key(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is for.", show_default=False)],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Create an API key. It is printed now, alone on standard output, and can never be read again.

    \b
    Example:
      data-factory key create "the workers in Lyon"
    """
    with connected(url) as connection:
        made = connection.ask(calls.create_api_key(title))
        if as_json:
            show_json(made.json)
        else:
            note(f"Created the API key {made.value.id}, {made.value.title!r}. Keep it now: it is not shown again.")
            typer.echo(made.value.key)


@app.command("list")
def list_keys(url: Url = None, as_json: Json = False) -> None:
    """List the API keys, newest first: how each begins, never the key itself.

    \b
    Example:
      data-factory key list
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_api_keys()))
        show_list(as_json, [key.json for key in found], lambda: _keys([key.value for key in found]), "No API keys.")


@app.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="ID", help="The id of the key.", show_default=False, callback=filled)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Revoke an API key: from now on it is refused. On a terminal, asks first.

    \b
    Example:
      data-factory key revoke 01a2b3c4d5e6f708192a3b4c --yes
    """
    with connected(url) as connection:
        if not yes and sys.stdin.isatty() and sys.stderr.isatty():
            _confirm(connection, key)
        revoked = connection.ask(calls.revoke_api_key(key))
        if as_json:
            show_json(revoked.json)
        else:
            console().print(f"Revoked the API key {revoked.value.id}, {revoked.value.title!r}")


def _confirm(connection: Connection, key_id: str) -> None:
    found = next((key for key in connection.client.api_keys.list() if key.id == key_id), None)
    if found is None:
        raise Stop(ExitCode.USAGE, f"There is no API key {key_id!r} at {connection.url}.")
    typer.confirm(f"Revoke {found.title!r} ({found.prefix}…)? Whoever uses it is refused", abort=True, err=True)


def _keys(keys: list[ApiKey]) -> Table:
    rows = [(key.id, f"{key.prefix}…", when(key.created_at), key.title) for key in keys]
    return table(["ID", "KEY", "CREATED", "TITLE"], rows)
