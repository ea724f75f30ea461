"""What `data-factory store copy` does and shows."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import msgspec
import typer
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.plain import note
from data_factory.cli.rendering import console, duration, show, table
from data_factory.store import copying
from data_factory.store.copying import Copied, CopyFailed, CopyRefused, Source, Step, Target, Watch
from data_factory.store.postgresql import copying as postgresql
from data_factory.store.postgresql.database import shown
from data_factory.store.promises import StoreUnavailable
from data_factory.store.sqlite import copying as sqlite

_URL: Final = ("postgresql://", "postgres://")


class Result(msgspec.Struct, frozen=True):
    """What was copied, from where and where to."""

    source: str
    target: str
    rows: int
    bytes: int
    seconds: float
    tables: list[Copied]


def copy(source: str, target: str, from_running: bool, as_json: bool) -> None:
    """Copy a store, and say what was copied; ends the command if it is refused or fails."""
    began = time.monotonic()
    try:
        _refuse_the_same(source, target)
        with _progress() as watch:
            copied = asyncio.run(_copy(source, target, from_running, watch))
    except CopyRefused as error:
        raise Stop(ExitCode.USAGE, str(error)) from error
    except StoreUnavailable as error:
        raise Stop(ExitCode.UNREACHABLE, error.message) from error
    except CopyFailed as error:
        raise Stop(
            ExitCode.FAILED, str(error), ["Nothing was copied. The target can be used for another try."]
        ) from error
    except KeyboardInterrupt:
        note("Nothing was copied.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    seconds = round(time.monotonic() - began, 3)
    rows, size = sum(one.rows for one in copied), sum(one.bytes for one in copied)
    result = Result(_name(source), _name(target), rows, size, seconds, copied)
    show(as_json, msgspec.json.encode(result), lambda: _shown(copied))
    note(f"Copied {rows:,} rows, {decimal(size)}, in {duration(seconds)}. Read back, the target has the same.")
    if files := sum(one.rows for one in copied if one.table == "files"):
        note(
            f"Files: {files:,}. Their content is no part of a store: give servers on the target the same --files-dir, "
            "or a copy of it."
        )
    if from_running:
        note(
            "What servers on the source have done since the copy began is not in it. "
            "Start none on the target while they run: both would run the same jobs."
        )


async def _copy(source: str, target: str, running: bool, watch: Watch) -> list[Copied]:
    async with _source(source, running) as here, _target(target) as there:
        return await copying.copy(here, there, watch)


@asynccontextmanager
async def _source(place: str, running: bool) -> AsyncIterator[Source]:
    if _is_url(place):
        async with postgresql.source(place, running=running) as tables:
            yield tables
    else:
        with sqlite.source(Path(place), running=running) as files:
            yield files


@asynccontextmanager
async def _target(place: str) -> AsyncIterator[Target]:
    if _is_url(place):
        async with postgresql.target(place) as tables:
            yield tables
    else:
        with sqlite.target(Path(place)) as files:
            yield files


def _refuse_the_same(source: str, target: str) -> None:
    here, there = (place if _is_url(place) else str(Path(place).resolve()) for place in (source, target))
    if here == there:
        raise CopyRefused("The source and the target are the same.")


def _is_url(place: str) -> bool:
    if "://" in place and not place.startswith(_URL):
        raise CopyRefused("A store is a data directory, or an address that begins with postgresql://.")
    return place.startswith(_URL)


def _name(place: str) -> str:
    return shown(place) if _is_url(place) else place


def _shown(copied: Sequence[Copied]) -> Table:
    rows = [(one.table, f"{one.rows:,}", decimal(one.bytes), one.sha256) for one in copied]
    return table(["TABLE", "ROWS", "SIZE", "SHA-256"], rows)


@contextmanager
def _progress() -> Iterator[Watch]:
    """What suits standard error: a bar on a terminal, a line a table in a pipe."""
    if not sys.stderr.isatty():
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description:<8}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,} rows  {task.fields[size]}  {task.fields[table]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console(stderr=True)) as progress:
        yield _Bars(progress)


class _Bars:
    """A bar for each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bar = TaskID(0)
        self._bytes = 0

    def begin(self, step: Step, rows: int) -> None:
        self._bar = self._progress.add_task(step, total=rows, size=decimal(0), table="")
        self._bytes = 0

    def pass_by(self, table: str, rows: int, bytes: int) -> None:
        self._bytes += bytes
        self._progress.update(self._bar, advance=rows, size=decimal(self._bytes), table=table)


class _Lines:
    """A line for each step, and now and then how far it is."""

    PAUSE_S: Final = 10.0

    def __init__(self) -> None:
        self._step: Step = "copying"
        self._total = self._rows = self._bytes = 0
        self._said = 0.0

    def begin(self, step: Step, rows: int) -> None:
        self._step, self._total, self._rows, self._bytes = step, rows, 0, 0
        self._said = time.monotonic()
        note(f"{step} {rows:,} rows")

    def pass_by(self, table: str, rows: int, bytes: int) -> None:
        self._rows += rows
        self._bytes += bytes
        if time.monotonic() - self._said > self.PAUSE_S:
            self._said = time.monotonic()
            note(f"{self._step} {self._rows:,} of {self._total:,} rows, {decimal(self._bytes)}: {table}")
