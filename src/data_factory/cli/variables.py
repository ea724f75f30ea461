"""`data-factory variable`: the variables of the account, and its secrets."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer
from rich.table import Table

from data_factory.cli.asking import Yes, ask_first
from data_factory.cli.connection import Answer, Connection, connected
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.names import filled
from data_factory.cli.options import Url
from data_factory.cli.rendering import Json, card, console, show, show_json, show_list, status, table, when
from data_factory.client import calls
from data_factory.model.resources import Variable

HIDDEN: Final = "***"

app: Final = typer.Typer(name="variable", help="The variables of jobs, and their secrets.", no_args_is_help=True)

Key = Annotated[
    str, typer.Argument(metavar="KEY", help="The key of the variable.", show_default=False, callback=filled)
]


@app.command("list")
def list_variables(url: Url = None, as_json: Json = False) -> None:
    """List the variables, newest first. What a secret says is never shown.

    \b
    Example:
      data-factory variable list
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_variables()))
        hint = f"No variables. `{connection.command('variable set KEY VALUE')}` makes one."
        show_list(as_json, [one.json for one in found], lambda: _table([one.value for one in found]), hint)


@app.command("get")
def get_variable(key: Key, url: Url = None, as_json: Json = False) -> None:
    """Show a variable. What a secret says is never shown.

    \b
    Example:
      data-factory variable get currency
    """
    with connected(url) as connection:
        found = _named(connection, key)
        show(as_json, found.json, lambda: _card(found.value))


@app.command("set")
def set_variable(
    key: Key,
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="Its value; of a secret never.", show_default=False)
    ] = None,
    secret: Annotated[
        bool, typer.Option("--secret", help="It is a secret: ask for its value, or read it from standard input.")
    ] = False,
    name: Annotated[
        str | None, typer.Option("--name", metavar="TEXT", help="What it is, for people.", show_default=False)
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Give a variable a value; make it if it is not there. A job reads it as ${workflow.variable.KEY}.

    The value of a secret is asked for, or read from standard input: among the arguments, others could see it in the
    list of processes, and the shell would keep it.

    \b
    Example:
      data-factory variable set currency EUR
      data-factory variable set supplier_token --secret
    """
    if secret and value is not None:
        raise Stop(ExitCode.USAGE, "The value of a secret is not an argument: it is asked for, or read from stdin.")
    if not secret and value is None:
        raise Stop(ExitCode.USAGE, "VALUE is missing. For a secret: --secret.")
    given = _secret_value() if value is None else value
    with connected(url) as connection:
        present = next(iter(connection.read(calls.list_variables(key=key))), None)
        if present is None:
            made = connection.ask(calls.create_variable(key, given, name=name or "", secret=secret))
        elif present.value.is_secret and not secret:
            raise Stop(ExitCode.USAGE, f"{key} is a secret: set it with --secret.")
        else:
            was = present.value
            kept_name = was.name if name is None else name
            made = connection.ask(
                calls.update_variable(was.id, key, given, name=kept_name, secret=secret, status=was.status)
            )
        if as_json:
            show_json(made.json)
        else:
            kind = "secret" if made.value.is_secret else "variable"
            console().print(f"Set the {kind} {key}; a job reads it as ${{workflow.variable.{key}}}")


@app.command("delete")
def delete_variable(
    key: Key,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Delete a variable: jobs that read it are given an empty text from now on. On a terminal, asks first.

    \b
    Example:
      data-factory variable delete currency --yes
    """
    with connected(url) as connection:
        found = _named(connection, key)
        ask_first(yes, f"Delete {key}? Jobs that read it are given an empty text")
        gone = connection.ask(calls.delete_variable(found.value.id))
        if as_json:
            show_json(gone.json)
        else:
            console().print(f"Deleted the variable {key}")


def _secret_value() -> str:
    """The value of a secret, from a person who is not shown it, or from standard input, without its line end."""
    if sys.stdin.isatty():
        answer: str = typer.prompt("Value", hide_input=True, confirmation_prompt=True, err=True)
        return answer
    text = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not text:
        raise Stop(ExitCode.USAGE, "Standard input is empty: there is no value to keep.")
    return text


def _named(connection: Connection, key: str) -> Answer[Variable]:
    for found in connection.read(calls.list_variables(key=key)):
        return found
    listing = connection.command("variable list")
    raise Stop(
        ExitCode.USAGE, f"There is no variable {key!r} at {connection.url}. `{listing}` shows those that there are."
    )


def _shown(variable: Variable) -> str:
    return HIDDEN if variable.is_secret else variable.value


def _table(variables: list[Variable]) -> Table:
    rows = [(one.key, status(one.status), when(one.updated_at), one.name, _shown(one)) for one in variables]
    return table(["KEY", "STATUS", "UPDATED", "NAME", "VALUE"], rows)


def _card(variable: Variable) -> Table:
    return card(
        {
            "key": variable.key,
            "id": variable.id,
            "name": variable.name or None,
            "value": _shown(variable),
            "secret": "yes" if variable.is_secret else "no",
            "status": status(variable.status),
            "updated": when(variable.updated_at),
        }
    )
