"""`data-factory key`: the API keys of the account."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

import typer
from rich.table import Table

from data_factory.cli.asking import Yes, confirm, is_asked
from data_factory.cli.connection import Connection, connected
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.names import filled
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rates import rate
from data_factory.cli.rendering import Json, console, moment, show_json, show_list, table, when
from data_factory.client import calls
from data_factory.model.resources import ApiKey

_DURATION: Final = re.compile(r"([1-9]\d{0,4})([dhm])")
_UNITS: Final = {"d": "days", "h": "hours", "m": "minutes"}


class KeyRole(StrEnum):
    """What a key may do."""

    ADMIN = "admin"
    OPERATOR = "operator"
    WORKER = "worker"
    VIEWER = "viewer"


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a duration: 90d, 12h or 30m, for instance")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


app: Final = typer.Typer(name="key", help="Create, list and revoke API keys.", no_args_is_help=True)


@app.command("create")
def create_key(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What it is for.", show_default=False)],
    role: Annotated[
        KeyRole, typer.Option(help="What it may do: admin everything; the others less, see the guide on keys.")
    ] = KeyRole.ADMIN,
    expires: Annotated[
        timedelta | None,
        typer.Option(
            metavar="DURATION", parser=_duration, help="How long it is valid: 90d, 12h or 30m.", show_default=False
        ),
    ] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            callback=rate,
            help="How many requests may be sent with it: 50/min, 10/s, 1000/h.",
            show_default=False,
        ),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Create an API key. It is printed now, alone on standard output, and can never be read again.

    \b
    Example:
      data-factory key create "the workers in Lyon" --role worker --expires 90d
    """
    with connected(url) as connection:
        expires_at = None if expires is None else datetime.now(UTC) + expires
        made = connection.ask(
            calls.create_api_key(title, role=role.value, expires_at=expires_at, rate_limit=rate_limit)
        )
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
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Revoke an API key: from now on it is refused. On a terminal, asks first.

    \b
    Example:
      data-factory key revoke 01a2b3c4d5e6f708192a3b4c --yes
    """
    with connected(url) as connection:
        if not yes and is_asked():
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
    confirm(f"Revoke {found.title!r} ({found.prefix}…)? Whoever uses it is refused")


def _keys(keys: list[ApiKey]) -> Table:
    rows = [
        (
            key.id,
            f"{key.prefix}…",
            key.role,
            _ends(key.expires_at),
            when(key.last_used_at),
            key.title,
        )
        for key in keys
    ]
    return table(["ID", "KEY", "ROLE", "EXPIRES", "USED", "TITLE"], rows)


def _ends(at: datetime | None) -> str:
    if at is None:
        return "never"
    return "expired" if at <= datetime.now(UTC) else moment(at)
