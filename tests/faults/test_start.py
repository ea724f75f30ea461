"""Starts that cannot be, and what they say; and what the first start makes."""

from __future__ import annotations

import socket
import sqlite3
import stat
from pathlib import Path

import pytest

from tests.api.factory import refused, told
from tests.running import KEY, Server, running_server


def failed(server: Server, *arguments: str) -> tuple[int, str]:
    """Try to start; the exit code and what it says."""
    before = server.output.stat().st_size if server.output.exists() else 0
    server.launch(*arguments)
    code = server.process.wait(90)
    said = server.output.read_bytes()[before:].decode()
    assert "Traceback" not in said
    return code, said


def test_a_second_server_on_one_directory(server: Server) -> None:
    second = Server(server.directory)
    code, said = failed(second)
    assert code == 1
    holder = f"in use by process {server.process.pid}, which serves {server.address}. Stop it, or choose another"
    assert f"The server cannot start: The data directory {server.directory} is {holder} directory." in said
    with server.client() as client:
        told(client.get("/tasks"))
    server.kill()
    with second, second.client() as client:
        told(client.get("/tasks"))


def test_a_port_that_is_taken(server: Server, tmp_path: Path) -> None:
    other = Server(tmp_path / "other")
    code, said = failed(other, "--port", server.address.rpartition(":")[2])
    assert (code, "The server cannot start" in said, "ddress already in use" in said) == (1, True, True)
    assert not other.directory.exists(), "nothing is made where nothing can be served"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, said = failed(other, "--port", str(taken.getsockname()[1]))
        assert (code, "ddress already in use" in said) == (1, True)


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    code, said = failed(Server(tmp_path / "data"), "--host", "203.0.113.7")
    assert (code, "The server cannot start" in said) == (1, True)


@pytest.mark.parametrize(
    "key", ["tiny", "with a space in the middle", "with a line\nin the middle", "ключ-который-не-годится"]
)
def test_a_key_that_cannot_be_used(tmp_path: Path, key: str) -> None:
    code, said = failed(Server(tmp_path / "data", key))
    assert (code, "DATA_FACTORY_API_KEY" in said, key in said) == (2, True, False)
    assert not (tmp_path / "data").exists()


def test_data_that_cannot_be_used(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with running_server(directory) as server:
        server.stop()
    database = directory / "data-factory.sqlite"
    newer = sqlite3.connect(database)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    code, said = failed(server)
    assert (code, "schema 99" in said and "install a newer one" in said) == (1, True)
    database.write_bytes(b"no database" * 1_000)
    code, said = failed(server)
    assert (code, "file is not a database" in said and str(database) in said) == (1, True)
    not_a_directory = tmp_path / "file"
    not_a_directory.touch()
    code, said = failed(Server(tmp_path / "other", DATA_FACTORY_DATA_DIR=str(not_a_directory / "data")))
    assert (code, "The server cannot start" in said) == (1, True)


def test_the_first_start_makes_a_key_that_is_shown_once_and_kept_for_its_owner(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", key=None)
    with server:
        [key] = [line.strip() for line in server.log.splitlines() if line.startswith("    df_")]
        kept = server.directory / "admin-key"
        assert kept.read_text().strip() == key
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
        with server.client(key) as client:
            told(client.get("/tasks"))
        assert server.stop() == 0
    shown = server.log.count(key)
    with server, server.client(key) as client:
        told(client.get("/tasks"))
        assert server.log.count(key) == shown == 1
    for file in server.directory.iterdir():
        assert file.name == "admin-key" or key.encode() not in file.read_bytes()


def test_a_key_of_the_environment_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    with running_server(tmp_path / "data") as server, server.client() as client:
        told(client.get("/tasks"))
        assert KEY not in server.log
        for file in server.directory.iterdir():
            assert KEY.encode() not in file.read_bytes()
        assert not (server.directory / "admin-key").exists()
        with server.client("another-key-of-some-length") as nobody:
            refused(nobody.get("/tasks"), 401, "unauthorized")
