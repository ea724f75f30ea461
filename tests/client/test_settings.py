from __future__ import annotations

from pathlib import Path

import pytest

from data_factory.client import Client, ConfigurationError, Settings, load_settings, read_environment


def test_arguments_win_over_the_environment_and_it_over_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("API_BASE_PATH=http://file:1\nAPI_ACCESS_TOKEN=from-file\nTASK_DEFINITION_ID=abc\n")
    environment = read_environment({"API_BASE_PATH": "http://process:2/"}, dotenv)
    assert environment["TASK_DEFINITION_ID"] == "abc"
    assert load_settings(environment=environment) == Settings("http://process:2", "from-file")
    assert load_settings("http://given:3", "given", environment=environment) == Settings("http://given:3", "given")


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("API_BASE_PATH=\nAPI_ACCESS_TOKEN= \n")
    environment = read_environment({"API_ACCESS_TOKEN": ""}, dotenv)
    assert load_settings(environment=environment) == Settings("http://127.0.0.1:8080", None)


def test_dotenv_is_read_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("API_BASE_PATH", raising=False)
    monkeypatch.delenv("API_ACCESS_TOKEN", raising=False)
    (tmp_path / ".env").write_text("API_BASE_PATH=http://file:1/\nAPI_ACCESS_TOKEN='a$b'\n")
    with Client() as client:
        assert client.base_url == "http://file:1"
    assert load_settings().token == "a$b"


@pytest.mark.parametrize("given", ["http://host/", "http://host//", " http://host/v1 ", "http://host/v1/"])
def test_the_address_is_tidied(given: str) -> None:
    assert load_settings(given, "x").base_url == "http://host"


@pytest.mark.parametrize(
    "wrong", ["localhost:8080", "ftp://host", "http://", "http://host?x=1", "http://host:99999", "http://[::1"]
)
def test_a_wrong_address_is_refused_at_once(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="API_BASE_PATH looks like"):
        load_settings(wrong, "x")


def test_a_token_that_fits_no_header_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings("http://host", "sécret\n\x01")
    assert "cret" not in str(caught.value)


def test_settings_do_not_show_the_token() -> None:
    assert "secret" not in repr(Settings("http://host", "secret"))
