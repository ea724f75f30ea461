"""`data-factory account`: the accounts of the platform, for its operator."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.table import Table

from data_factory.cli.connection import connected
from data_factory.cli.names import filled
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, console, moment, show_json, show_list, table, when
from data_factory.client import calls
from data_factory.model.resources import Account

app: Final = typer.Typer(name="account", help="Create, list and disable accounts.", no_args_is_help=True)

AccountId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of the account.", show_default=False, callback=filled)
]
AccountTitle = Annotated[str, typer.Argument(metavar="TITLE", help="Whose it is.", show_default=False)]


@app.command("create")
def create_account(title: AccountTitle, url: Url = None, as_json: Json = False) -> None:
    """Create an account, with its default pipeline and its first admin key: that is printed now, and never again.

    \b
    Example:
      data-factory account create "the team in Lyon"
    """
    with connected(url) as connection:
        made = connection.ask(calls.create_account(title))
        if as_json:
            show_json(made.json)
        else:
            note(
                f"Created the account {made.value.id}, {made.value.title!r}. Keep its admin key: it is not shown again."
            )
            typer.echo(made.value.api_key.key if made.value.api_key else "")


@app.command("list")
def list_accounts(url: Url = None, as_json: Json = False) -> None:
    """List the accounts, newest first; your own, if you are not the operator.

    \b
    Example:
      data-factory account list
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_accounts()))
        show_list(as_json, [one.json for one in found], lambda: _table([one.value for one in found]), "No accounts.")


@app.command("rename")
def rename_account(account: AccountId, title: AccountTitle, url: Url = None, as_json: Json = False) -> None:
    """Give an account another title.

    \b
    Example:
      data-factory account rename 01a2b3c4d5e6f708192a3b4c "the team in Nantes"
    """
    with connected(url) as connection:
        done = connection.ask(calls.rename_account(account, title))
        _tell(as_json, done.json, f"The account {done.value.id} is {done.value.title!r} now")


@app.command("disable")
def disable_account(account: AccountId, url: Url = None, as_json: Json = False) -> None:
    """Disable an account: its keys are refused, and nothing of it starts. What it has is kept.

    \b
    Example:
      data-factory account disable 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        done = connection.ask(calls.disable_account(account))
        _tell(as_json, done.json, f"Disabled the account {done.value.id}, {done.value.title!r}")


@app.command("enable")
def enable_account(account: AccountId, url: Url = None, as_json: Json = False) -> None:
    """Let an account go on where it was disabled.

    \b
    Example:
      data-factory account enable 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        done = connection.ask(calls.enable_account(account))
        _tell(as_json, done.json, f"Enabled the account {done.value.id}, {done.value.title!r}")


@app.command("key")
def create_key(account: AccountId, title: AccountTitle, url: Url = None, as_json: Json = False) -> None:
    """Create an admin key of an account, for who has lost theirs. It is printed now, and never again.

    \b
    Example:
      data-factory account key 01a2b3c4d5e6f708192a3b4c "instead of the lost one"
    """
    with connected(url) as connection:
        made = connection.ask(calls.create_account_key(account, title))
        if as_json:
            show_json(made.json)
        else:
            note(f"Created the API key {made.value.id}, {made.value.title!r}. Keep it now: it is not shown again.")
            typer.echo(made.value.key)


def _tell(as_json: bool, json: bytes, text: str) -> None:
    if as_json:
        show_json(json)
    else:
        console().print(text)


def _table(accounts: list[Account]) -> Table:
    rows = [
        (one.id, when(one.created_at), "-" if one.disabled_at is None else moment(one.disabled_at), one.title)
        for one in accounts
    ]
    return table(["ID", "CREATED", "DISABLED", "TITLE"], rows)
