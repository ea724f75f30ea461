"""One server on one file: the new version brings it up to date when it starts, and the old one refuses from then on."""

from __future__ import annotations

import json
from pathlib import Path

from tests.api.factory import Factory, told
from tests.cli.conftest import CommandLine
from tests.running import Server
from tests.upgrade.next_version import VERSION


def test_a_new_version_is_started_on_what_an_older_one_has_left(tmp_path: Path, next_version: Path) -> None:
    server = Server(tmp_path / "data")
    migrate = CommandLine(tmp_path, DATA_FACTORY_DATA_DIR=str(tmp_path / "data"), PYTHONPATH=str(next_version))
    with server, server.client() as client:
        factory = Factory(client)
        _, run, held = factory.held()
        said = migrate("migrate", "before", code=2)
        assert f"is in use by process {server.process.pid}, which serves {server.address}" in said.err
        assert "The next server that starts brings it up to date" in migrate("migrate").err

    server.settings = {"PYTHONPATH": str(next_version)}
    with server, server.client() as client:
        factory = Factory(client)
        told(factory.report(held))
        assert factory.run(run)["status"] == "COMPLETED"
        assert migrate("migrate", "after").err == "Nothing is to be run.\n"
        shown = migrate("migrate", "--json").json
        assert (shown["version"], shown["next"], shown["refusal"]) == (VERSION, None, None)

    server.settings = {}
    server.launch()
    assert server.process.wait(90) == 1
    last = server.log.splitlines()[-1]
    assert last.startswith("The server cannot start: The database")
    assert "was changed by a newer version of Data Factory" in last and "Traceback" not in server.log


def test_migrate_does_without_a_server_what_its_start_would(tmp_path: Path, next_version: Path) -> None:
    with Server(tmp_path / "data"):
        pass
    migrate = CommandLine(tmp_path, DATA_FACTORY_DATA_DIR=str(tmp_path / "data"), PYTHONPATH=str(next_version))
    before = migrate("migrate", "before", "--json")
    assert "_holder: done." in before.err
    assert all(one["done"] for one in before.json["migrations"])
    older = CommandLine(tmp_path, DATA_FACTORY_DATA_DIR=str(tmp_path / "data"))
    assert "install a newer one" in json.loads(older("migrate", "--json").out)["refusal"]
    assert "install a newer one" in older("migrate", "before", code=2).err
