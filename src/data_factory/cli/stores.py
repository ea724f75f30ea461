"""`data-factory store`: where everything is kept. Nothing of that is imported before it is to run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from data_factory.cli.server import Database, DataDir, not_installed

app: Final = typer.Typer(
    name="store", help="Move everything to another database; replace the key of its secrets.", no_args_is_help=True
)


@app.command("copy")
def copy_store(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="What is copied.", show_default=False)],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Where to; it must be empty.", show_default=False)],
    from_running: Annotated[
        bool,
        typer.Option(
            "--from-running",
            help="Copy though servers are at work on the source: as it is now. What they do from now on is not copied.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was copied as JSON.")] = False,
) -> None:
    """Copy everything from one store to another that is empty, read it back, and compare.

    Each is a data directory, or the address of a PostgreSQL database: postgresql://user:password@host/database. The
    source is only read, and nobody may change it meanwhile, so stop its servers first. Nothing is in the target before
    all is, and all that was in it was compared: if the copy is interrupted, try again. Then start servers on the
    target, which go on where those of the source were, and none on the source: both would run the same jobs.

    \b
    Examples:
      data-factory store copy .data-factory postgresql://me@db.example/factory
      data-factory store copy postgresql://me@db.example/factory back
    """
    try:
        from data_factory.cli.copying import copy
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from None
    copy(source, target, from_running, as_json)


@app.command("rotate-secrets")
def rotate_secrets(
    data_dir: DataDir = Path(".data-factory"),
    database: Database = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print how many there were as JSON.")] = False,
) -> None:
    """Encrypt all secrets anew, so that their former key can be thrown away.

    Give both keys in DATA_FACTORY_SECRET_KEY, or in the file secret-key of the data directory: the new one first, then
    the former one. The first one encrypts, and each of them decrypts. Servers on PostgreSQL go on meanwhile, once all
    of them have both keys; that of a data directory has to be stopped. If it is interrupted, start it again: what was
    done stays done.

    \b
    Example:
      data-factory store rotate-secrets --data-dir /var/lib/data-factory
    """
    try:
        from data_factory.cli.rotating import rotate
    except ModuleNotFoundError as missing:
        raise not_installed(missing) from None
    rotate(data_dir, database, as_json)
