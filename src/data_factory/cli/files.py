"""`data-factory file`: the files of the account."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from data_factory.cli.asking import Yes, ask_first
from data_factory.cli.connection import Answer, connected
from data_factory.cli.documents import STDIN
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.names import filled
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, card, console, moment, show, show_json, show_list, table, when
from data_factory.client import calls
from data_factory.client.transfer import Advance
from data_factory.model.resources import File

app: Final = typer.Typer(name="file", help="Upload, list, download and delete files.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the file.", show_default=False, callback=filled)]


@app.command("upload")
def upload_file(
    path: Annotated[
        str, typer.Argument(metavar="FILE", help="What is uploaded; - is standard input.", show_default=False)
    ],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Its name, if not that of the file.")
    ] = None,
    content_type: Annotated[
        str | None, typer.Option("--content-type", metavar="TYPE", help="Its media type, if not what its name tells.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Upload a file. Its id is printed, alone on standard output.

    \b
    Examples:
      data-factory file upload prices.xlsx
      pg_dump shop | data-factory file upload - --name shop.sql
    """
    is_piped = path == STDIN
    size = None if is_piped else _size(path)
    with connected(url) as connection, _passing(name or path, size) as advance:
        source = sys.stdin.buffer if is_piped else path
        given = name or ("stdin" if is_piped else None)
        made = connection.ask(calls.upload_file(source, filename=given, content_type=content_type, advance=advance))
    if as_json:
        show_json(made.json)
    else:
        note(f"Uploaded {made.value.filename}, {decimal(made.value.size)}. {_stays(made.value)}")
        typer.echo(made.value.id)


@app.command("list")
def list_files(
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="How many, at most.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the files, newest first.

    \b
    Example:
      data-factory file list
    """
    with connected(url) as connection:
        found, more = connection.some(calls.list_files(), limit)
        show_list(as_json, [one.json for one in found], lambda: _files(found), "No files.")
        if more:
            note(f"Only the newest {limit}: --limit shows more.")


@app.command("get")
def get_file(file: Id, url: Url = None, as_json: Json = False) -> None:
    """Show what is known of a file: its name, its size, its checksum, and how long it stays.

    \b
    Example:
      data-factory file get 01a214a6146c14e055a20249778cd4cee94b8cd29bccca2167d06a68121deb1e
    """
    with connected(url) as connection:
        found = connection.ask(calls.get_file(file))
        show(as_json, found.json, lambda: _card(found.value))


@app.command("download")
def download_file(
    file: Id,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file or a folder; - is standard output. Else here, under its own name.",
        ),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Download a file. A lost connection is taken up where it was lost, and the checksum is compared.

    The path is printed, alone on standard output. Without --output, a file that is there already is not replaced.

    \b
    Examples:
      data-factory file download 01a214a6146c14e055a20249778cd4cee94b8cd29bccca2167d06a68121deb1e
      data-factory file download 01a214a6146c14e055a20249778cd4cee94b8cd29bccca2167d06a68121deb1e -o prices.xml
    """
    with connected(url) as connection:
        known = connection.ask(calls.get_file(file))
        path = _target(known.value, output)
        with _passing(known.value.filename, known.value.size) as advance:
            if path is None:
                connection.client.files.copy_to(file, sys.stdout.buffer, advance=advance)
                return
            try:
                connection.client.files.download(file, path, advance=advance)
            except OSError as error:
                raise Stop(ExitCode.USAGE, f"{path} cannot be written: {error.strerror}.") from error
    if as_json:
        show_json(known.json)
    else:
        note(f"Downloaded {decimal(known.value.size)}; the checksum is right.")
        typer.echo(path)


@app.command("delete")
def delete_file(file: Id, yes: Yes = False, url: Url = None, as_json: Json = False) -> None:
    """Delete a file that no job uses. On a terminal, asks first.

    \b
    Example:
      data-factory file delete 01a214a6146c14e055a20249778cd4cee94b8cd29bccca2167d06a68121deb1e
    """
    with connected(url) as connection:
        found = connection.ask(calls.get_file(file)).value
        ask_first(yes, f"Delete {found.filename!r}, {decimal(found.size)}?")
        deleted = connection.ask(calls.delete_file(file))
        if as_json:
            show_json(deleted.json)
        else:
            console().print(f"Deleted the file {deleted.value.id}, {deleted.value.filename!r}")


def _size(path: str) -> int:
    try:
        with Path(path).open("rb") as file:
            return file.seek(0, 2)
    except OSError as error:
        raise Stop(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}.") from error


def _target(file: File, output: str | None) -> Path | None:
    """Where a file goes; None for standard output."""
    if output == STDIN:
        return None
    name = Path(file.filename).name or file.id
    if output is not None:
        return Path(output, name) if Path(output).is_dir() else Path(output)
    if Path(name).exists():
        raise Stop(ExitCode.USAGE, f"There is a {name} here already: say where to with --output.")
    return Path(name)


def _files(found: list[Answer[File]]) -> Table:
    files = [one.value for one in found]
    rows = [(one.id, decimal(one.size), when(one.created_at), _until(one), one.filename) for one in files]
    return table(["ID", "SIZE", "CREATED", "STAYS UNTIL", "NAME"], rows)


def _card(file: File) -> Table:
    return card(
        {
            "id": file.id,
            "name": file.filename,
            "size": f"{decimal(file.size)} ({file.size:,} bytes)",
            "type": file.content_type,
            "sha256": file.sha256,
            "created": moment(file.created_at),
            "stays until": _until(file),
            "url": file.url,
        }
    )


def _until(file: File) -> str:
    return "it is deleted" if file.expires_at is None else moment(file.expires_at)


def _stays(file: File) -> str:
    return f"It stays until {_until(file)}" + ("." if file.expires_at is None else ", or for good if a job uses it.")


@contextmanager
def _passing(name: str, size: int | None) -> Iterator[Advance | None]:
    """What is told how much has passed: a bar on a terminal, nobody in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        bar = progress.add_task(name, total=size)
        yield lambda more: progress.update(bar, advance=more)
