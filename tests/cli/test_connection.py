from __future__ import annotations

import re
import stat
from pathlib import Path
from shutil import rmtree

import pytest

from tests.cli.conftest import CommandLine
from tests.running import KEY, Server, running_server

NOBODY = "http://127.0.0.1:9"


def test_no_server(stranger: CommandLine) -> None:
    without_key = stranger("job", "list", "--url", NOBODY, code=3)
    with_key = stranger("job", "list", code=3, API_BASE_PATH=NOBODY, API_ACCESS_TOKEN="x" * 20)
    for said in (without_key, with_key):
        assert said.out == ""
        assert said.err == f"Error: No server answers at {NOBODY}: start one with `data-factory server --port 9`.\n"


def test_no_server_elsewhere(stranger: CommandLine) -> None:
    said = stranger("job", "list", "--url", "http://nowhere.invalid", code=3).err
    assert said.startswith("Error: No server answers at http://nowhere.invalid (")
    assert "data-factory server" not in said


def test_no_key(stranger: CommandLine, server: Server) -> None:
    said = stranger("job", "list", "--url", server.address, code=3).err
    assert said.startswith(f"Error: No API key for {server.address}: set API_ACCESS_TOKEN")
    assert said.count("\n") == 1


def test_a_wrong_key(stranger: CommandLine, server: Server) -> None:
    said = stranger("job", "list", "--url", server.address, code=3, API_ACCESS_TOKEN="wrong").err
    assert f"{server.address} does not accept the API key (API_ACCESS_TOKEN)" in said
    assert "wrong" not in said


@pytest.mark.parametrize("url", ["nonsense", "ftp://host", "http://host:99999", ""])
def test_a_wrong_address(stranger: CommandLine, url: str) -> None:
    assert stranger("job", "list", "--url", url, code=3 if url == "" else 2).out == ""


def test_something_else_answers(stranger: CommandLine, server: Server) -> None:
    said = stranger("job", "list", "--url", f"{server.address}/docs", code=2, API_ACCESS_TOKEN=KEY).err
    assert said.startswith("Error: ")
    assert "Traceback" not in said


def test_what_the_server_failed_at_has_a_name(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server:
        cli = CommandLine(tmp_path, API_BASE_PATH=server.address, API_ACCESS_TOKEN=KEY)
        (tmp_path / "prices.csv").write_text("9.99")
        id = cli("file", "upload", "prices.csv").out.strip()
        rmtree(tmp_path / "data" / "files")
        said = cli("file", "download", id, "--output", "copy.csv", code=3).err
        assert re.search(r"\n  The server calls this request [0-9a-f]{12}-[0-9a-f]+\.\n$", said)


def test_settings_of_a_dotenv_file(stranger: CommandLine, server: Server) -> None:
    (stranger.folder / ".env").write_text(f"API_BASE_PATH={server.address}/\nAPI_ACCESS_TOKEN={KEY}\n")
    assert stranger("key", "list", "--json").json
    assert "No server answers" in stranger("key", "list", code=3, API_BASE_PATH=NOBODY).err
    assert "does not accept" in stranger("key", "list", code=3, API_ACCESS_TOKEN="wrong").err
    assert stranger("key", "list", "--url", server.address, API_BASE_PATH=NOBODY).out


def test_the_key_of_a_server_of_this_user_is_found(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", key=None) as server:
        user = CommandLine(tmp_path)
        port = server.address.rpartition(":")[2]
        assert user("key", "list", "--url", server.address).out
        assert user("key", "list", "--url", f"http://localhost:{port}/").out
        config = tmp_path / ".config/data-factory/servers.json"
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "data/admin-key").stat().st_mode) == 0o600
        stranger = CommandLine(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "other"))
        assert "No API key" in stranger("key", "list", "--url", server.address, code=3).err
        (key,) = user("key", "list", "--url", server.address, "--json").json
        user("key", "revoke", key["id"], "--url", server.address)
        refused = user("key", "list", "--url", server.address, code=3).err
        assert "the key that was kept when a server of yours last ran there" in refused


def test_a_server_on_every_address_is_found_by_its_own_machine(tmp_path: Path) -> None:
    with running_server(tmp_path / "data", key=None, DATA_FACTORY_HOST="0.0.0.0") as server:  # noqa: S104
        assert server.address.startswith("http://0.0.0.0:")
        port = server.address.rpartition(":")[2]
        assert CommandLine(tmp_path)("key", "list", "--url", f"http://127.0.0.1:{port}").out


def test_nothing_is_written_at_home(cli: CommandLine) -> None:
    cli("task", "list")
    assert list(cli.folder.iterdir()) == []
