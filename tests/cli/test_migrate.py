"""`data-factory migrate`, as the one who deploys meets it. tests/upgrade has a second version for it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from data_factory.store.postgresql.statements import migrations
from tests.cli.conftest import CommandLine
from tests.postgresql import PASSWORD, Database, PostgresServer
from tests.running import Server


def test_a_new_database_is_set_up_by_whoever_comes_first(stranger: CommandLine, postgres: PostgresServer) -> None:
    url = Database(postgres).url
    shown = stranger("migrate", DATABASE_URL=url)
    assert "It is empty: the first server that starts sets it up." in shown.err
    assert PASSWORD not in shown.out
    empty = stranger("migrate", "--json", DATABASE_URL=url).json
    assert (empty["isEmpty"], empty["next"], [one["done"] for one in empty["migrations"]]) == (
        True,
        None,
        [False] * len(migrations()),
    )
    set_up = stranger("migrate", "before", "--json", DATABASE_URL=url)
    assert all(f"{one.name}: done in" in set_up.err for one in migrations())
    assert set_up.json["isEmpty"] is False
    assert all(one["done"] and one["at"] and one["version"] for one in set_up.json["migrations"])
    for step in ("before", "after"):
        assert stranger("migrate", step, DATABASE_URL=url).err == "Nothing is to be run.\n"


def test_it_shows_who_is_there(stranger: CommandLine, database: Database, tmp_path: Path) -> None:
    with Server(tmp_path / "data", DATABASE_URL=database.url) as server:
        shown = stranger("migrate", DATABASE_URL=database.url)
        assert f"data-factory {version('data-factory')} at " in shown.out
        assert f"process {server.process.pid}" in shown.out
        [one] = stranger("migrate", "--json", DATABASE_URL=database.url).json["servers"]
        assert one["knows"] == migrations()[-1].number
    assert stranger("migrate", "--json", DATABASE_URL=database.url).json["servers"] == []


def test_what_is_wrong_is_said_in_a_line(stranger: CommandLine, database: Database, tmp_path: Path) -> None:
    assert "for `data-factory migrate after`" in " ".join(stranger("migrate", "before", "--force", code=2).err.split())
    nobody = stranger("migrate", "before", DATABASE_URL="postgresql://here:secret@127.0.0.1:1/there", code=3)
    assert nobody.err.startswith("Error: The database postgresql://here@127.0.0.1:1/there cannot be reached")
    assert (tmp_path / ".data-factory").exists() is False
    database.sql("INSERT INTO schema_migrations VALUES (99, '0099_taken', 'after', '2.0')")
    refused = stranger("migrate", "before", DATABASE_URL=database.url, code=2)
    database.sql("DELETE FROM schema_migrations WHERE number = 99")
    assert "was changed by version 2.0 of Data Factory (0099_taken)" in refused.err
    assert refused.err.strip().endswith("install 2.0 or newer.")
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "data-factory.sqlite").write_text("This is a letter to my mother, and not a database. " * 100)
    assert "file is not a database" in stranger("migrate", "--data-dir", str(odd), code=3).err
