"""`data-factory migrate`: the schema of the data, before and after a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from data_factory.cli.server import Database, DataDir, not_installed


def migrate(
    step: Annotated[
        Literal["before", "after"] | None,
        typer.Argument(metavar="[before|after]", help="What is run; without it nothing is.", show_default=False),
    ] = None,
    data_dir: DataDir = Path(".data-factory"),
    database: Database = None,
    force: Annotated[bool, typer.Option("--force", help="With `after`: do not mind older servers. They fail.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the schema as JSON.")] = False,
) -> None:
    """Change the schema of the data for a new version: before its servers are started, and when all older ones are
    stopped.

    Without one of the two: show the schema, and what is to be run. From `before` to `after`, servers of both versions
    work side by side, and `after` refuses as long as an older one is connected. An empty PostgreSQL database is set up
    whole, by this or by the first server. A SQLite database has one server, which does all of it when it starts.

    \b
    Examples:
      data-factory migrate
      data-factory migrate before
      data-factory migrate after
    """
    if force and step != "after":
        raise typer.BadParameter("it is for `data-factory migrate after`", param_hint="--force")
    try:
        from data_factory.cli.migrating import run
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from None
    run(step, data_dir, database, force, as_json)
