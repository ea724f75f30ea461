"""What `data-factory migrate` does and shows, on either store."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Group, RenderableType

from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.plain import note
from data_factory.cli.rendering import NO_VALUE, card, moment, show, table
from data_factory.store.migrations import Entry, Kind, MigrationFailed, MigrationRefused, Schema
from data_factory.store.postgresql import migrating as postgresql
from data_factory.store.promises import StoreUnavailable, UnusableSchema
from data_factory.store.sqlite import migrating as sqlite
from data_factory.store.sqlite.lock import DirectoryInUse


def run(
    step: Literal["before", "after"] | None, data_dir: Path, database: str | None, force: bool, as_json: bool
) -> None:
    """Run a part of the migrations, or none, and show the schema."""
    try:
        if step is not None:
            _migrate(Kind(step), data_dir, database, force)
        schema = sqlite.look(data_dir) if database is None else asyncio.run(postgresql.look(database))
    except (DirectoryInUse, MigrationRefused, UnusableSchema) as error:
        raise Stop(ExitCode.USAGE, str(error)) from error
    except (MigrationFailed, OSError) as error:
        raise Stop(ExitCode.FAILED, str(error)) from error
    except StoreUnavailable as error:
        raise Stop(ExitCode.UNREACHABLE, error.message) from error
    if step is not None and schema.refusal is not None:
        raise Stop(ExitCode.USAGE, schema.refusal)
    if step is None or as_json:
        show(as_json, msgspec.json.encode(schema), lambda: _shown(schema))
    note(_next(schema))


def _migrate(kind: Kind, data_dir: Path, database: str | None, force: bool) -> None:
    if database is not None:
        asyncio.run(postgresql.migrate(database, kind, force, note))
    elif sqlite.look(data_dir).next is not None:
        sqlite.migrate(data_dir, note)


def _shown(schema: Schema) -> RenderableType:
    fields = {"Database": schema.database, "Version": schema.version}
    fields |= {f"Server {number}": server.name for number, server in enumerate(schema.servers, 1)}
    rows = [(one.name, one.kind, _done(one), one.version or NO_VALUE) for one in schema.migrations]
    return Group(card(fields), "", table(["MIGRATION", "KIND", "DONE", "BY VERSION"], rows))


def _done(entry: Entry) -> str:
    if entry.done:
        return "yes" if entry.at is None else moment(entry.at)
    return NO_VALUE if entry.at is None else f"begun {moment(entry.at)}, not done"


def _next(schema: Schema) -> str:
    """What is to be done, in a sentence."""
    if schema.is_empty:
        return "It is empty: the first server that starts sets it up."
    if schema.refusal is not None:
        return schema.refusal
    match schema.next:
        case Kind.BEFORE:
            return (
                "The next server that starts brings it up to date; or, while none runs, `data-factory migrate before`."
            )
        case Kind.AFTER:
            return "When no server of an older version is left, run `data-factory migrate after`."
        case None:
            return "Nothing is to be run."
