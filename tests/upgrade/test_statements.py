"""Every statement of a version runs on every schema that the version may meet, and a check that cannot fail is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import asyncpg
import msgspec
import pytest

from data_factory.store.migrations import Kind, Migration
from tests.postgresql import Database

pytestmark = pytest.mark.anyio

TELL = """
import msgspec, sys
from data_factory.store.postgresql.statements import migrations, statements
told = {"migrations": migrations(), "statements": {name: one.sql for name, one in statements().items()}}
sys.stdout.buffer.write(msgspec.json.encode(told))
"""


class Version(msgspec.Struct):
    """The SQL of a version."""

    migrations: list[Migration]
    statements: dict[str, str]

    def of_kind(self, kind: Kind) -> list[Migration]:
        return [one for one in self.migrations if one.kind is kind]


def version(path: Path | None = None) -> Version:
    environment = {"PATH": os.environ["PATH"]} | ({} if path is None else {"PYTHONPATH": str(path)})
    told = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, check=True)
    return msgspec.json.decode(told.stdout, type=Version)


async def refused(database: Database, schema: list[Migration], statements: dict[str, str]) -> dict[str, str]:
    """What PostgreSQL says of the statements that do not run on a schema."""
    errors: dict[str, str] = {}
    connection = await asyncpg.connect(database.url)
    try:
        await connection.execute(statements["create_migration_log"])
        for one in schema:
            for sql in [one.sql] if one.in_transaction else one.statements():
                await connection.execute(sql)
        for name, sql in statements.items():
            try:
                await connection.prepare(sql)
            except asyncpg.PostgresError as error:
                errors[name] = str(error)
    finally:
        await connection.close()
    return errors


@pytest.mark.parametrize("which", ["this", "next"])
@pytest.mark.parametrize("done", ["before", "all"])
async def test_a_version_runs_before_its_after_and_after_it(
    deployed: Database, next_version: Path, which: str, done: str
) -> None:
    one = version(next_version if which == "next" else None)
    schema = one.of_kind(Kind.BEFORE) if done == "before" else one.migrations
    assert await refused(deployed, schema, one.statements) == {}


async def test_a_version_runs_where_the_next_one_has_begun_and_not_where_it_has_ended(
    deployed: Database, next_version: Path
) -> None:
    this, next = version(), version(next_version)
    assert await refused(deployed, next.of_kind(Kind.BEFORE), this.statements) == {}
    ended = await refused(deployed, next.of_kind(Kind.AFTER)[-2:], this.statements)
    assert {"insert_task_executions", "update_task_executions"} <= ended.keys()


async def test_what_is_not_in_a_transaction_can_be_run_again(deployed: Database, next_version: Path) -> None:
    one = version(next_version)
    again = [more for step in one.migrations for more in ([step] if step.in_transaction else [step, step])]
    assert await refused(deployed, again, one.statements) == {}
