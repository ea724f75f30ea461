"""A version that comes after this one, made from it: a folder to be put before everything else on Python's path.

It does what a real one would. A column gets another name: who holds a task execution is kept in `holder` instead of
`worker_id`. There is a new column, in which updates are counted. And the index of the timers is replaced by another.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import data_factory
from data_factory.store.postgresql.statements import migrations as migrations_of_postgresql
from data_factory.store.sqlite.statements import migrations as migrations_of_sqlite

VERSION = "99.0.0"

BEFORE = {
    "holder": """
        ALTER TABLE task_executions ADD COLUMN holder text;
        ALTER TABLE task_executions ADD COLUMN changes integer NOT NULL DEFAULT 0;
        -- Servers of both versions write: each knows one of the two, and finds there what the other has written.
        CREATE FUNCTION keep_holder() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                NEW.holder := coalesce(NEW.holder, NEW.worker_id);
                NEW.worker_id := NEW.holder;
            ELSIF NEW.holder IS DISTINCT FROM OLD.holder THEN
                NEW.worker_id := NEW.holder;
            ELSE
                NEW.holder := NEW.worker_id;
            END IF;
            RETURN NEW;
        END
        $$;
        CREATE TRIGGER task_executions_holder BEFORE INSERT OR UPDATE ON task_executions
            FOR EACH ROW EXECUTE FUNCTION keep_holder();
    """,
    "held": """-- not in a transaction
        -- Those from before there was a trigger, in the order in which everybody takes them.
        UPDATE task_executions SET holder = worker_id WHERE id IN (
            SELECT id FROM task_executions WHERE holder IS DISTINCT FROM worker_id ORDER BY id FOR NO KEY UPDATE
        );
        DROP INDEX CONCURRENTLY IF EXISTS task_executions_time;
        CREATE INDEX CONCURRENTLY task_executions_time ON task_executions (timer_at, id) WHERE timer_at IS NOT NULL;
    """,
}
AFTER = {
    "worker_id": """
        DROP TRIGGER task_executions_holder ON task_executions;
        DROP FUNCTION keep_holder;
        ALTER TABLE task_executions DROP COLUMN worker_id;
    """,
    "timer": """-- not in a transaction
        DROP INDEX CONCURRENTLY IF EXISTS task_executions_timer;
    """,
}
IN_SQLITE = """
    ALTER TABLE task_executions RENAME COLUMN worker_id TO holder;
    ALTER TABLE task_executions ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
"""


def make_next_version(folder: Path) -> Path:
    """Write it into a new folder."""
    package = folder / "data_factory"
    shutil.copytree(Path(data_factory.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    details = folder / f"data_factory-{VERSION}.dist-info"
    details.mkdir()
    (details / "METADATA").write_text(f"Metadata-Version: 2.1\nName: data-factory\nVersion: {VERSION}\n")
    _migrate(package / "store")
    for store in ("postgresql", "sqlite"):
        _edit(package / f"store/{store}/sql/task_executions.sql", _by_its_new_name, _counting)
        _edit(package / f"store/{store}/sql/why.sql", _in_standing_by_its_new_name)
        for name in ("in_short", "links", "timeline"):
            _edit(package / f"store/{store}/sql/{name}.sql", _by_its_new_name)
        _edit(package / f"store/{store}/session.py", _read_by_its_new_name)
    return folder


def _migrate(store: Path) -> None:
    number = migrations_of_postgresql()[-1].number
    for kind, changes in (("before", BEFORE), ("after", AFTER)):
        for name, sql in changes.items():
            number += 1
            (store / f"postgresql/migrations/{number:04d}_{name}.{kind}.sql").write_text(sql)
    number = migrations_of_sqlite()[-1].number + 1
    (store / f"sqlite/migrations/{number:04d}_holder.sql").write_text(IN_SQLITE)


def _by_its_new_name(sql: str) -> str:
    """Parameters keep their name: they are the fields of a record."""
    return re.sub(r"(?<!:)\bworker_id\b", "holder", sql)


def _in_standing_by_its_new_name(sql: str) -> str:
    """The polls of a task have a column of this name too, which stays."""
    return sql.replace("status, worker_id, updated_at", "status, holder, updated_at")


def _counting(sql: str) -> str:
    return re.sub(r"^(UPDATE task_executions[ \w]*? SET\s+)", r"\1changes = changes + 1, ", sql, flags=re.MULTILINE)


def _read_by_its_new_name(code: str) -> str:
    new_name = r'\1.index("holder" if field == "worker_id" and "holder" in \1 else field)'
    return re.sub(r"(names|columns)\.index\(field\)", new_name, code)


def _edit(path: Path, *edits: Callable[[str], str]) -> None:
    text = path.read_text()
    for edit in edits:
        edited = edit(text)
        assert edited != text, f"{path.name} has changed: the next version must be made in another way"
        text = edited
    path.write_text(text)
