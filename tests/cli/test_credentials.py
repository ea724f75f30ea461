"""Where the key of a server on this machine is kept for the command line of the same user."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from data_factory.cli.credentials import announce, keep_key, key_of

ADDRESS = "http://127.0.0.1:8080"


def test_the_key_of_a_server_of_this_user_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("sys.platform", "linux")
    keep_key(tmp_path / "data", "the-key")
    assert key_of(ADDRESS) is None
    announce(ADDRESS, tmp_path / "data")
    assert key_of("http://localhost:8080/") == "the-key"
    assert (tmp_path / "config/data-factory/servers.json").stat().st_mode & 0o777 == 0o600


def test_a_user_without_a_home_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a container that runs as a number that nobody has."""

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    caplog.set_level(logging.WARNING)
    keep_key(tmp_path, "the-key")
    announce(ADDRESS, tmp_path)
    assert "this user has no home" in caplog.text
    assert key_of(ADDRESS) is None
