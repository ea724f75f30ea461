from __future__ import annotations

from data_factory.client import Client
from tests.cli.conftest import CommandLine


def test_a_key_is_printed_once_alone_and_can_be_used_until_it_is_revoked(cli: CommandLine, api: Client) -> None:
    created = cli("key", "create", "the workers in Lyon")
    key = created.out.rstrip("\n")
    assert key.startswith("df_")
    assert " " not in key
    assert key not in created.err
    assert "not shown again" in created.err
    (id,) = [known.id for known in api.api_keys.list() if known.title == "the workers in Lyon"]
    listed = cli("key", "list", API_ACCESS_TOKEN=key)
    assert id in listed.out
    assert key not in listed.out
    assert cli("key", "revoke", id).out == f"Revoked the API key {id}, 'the workers in Lyon'\n"
    assert "does not accept the API key (API_ACCESS_TOKEN)" in cli("key", "list", code=3, API_ACCESS_TOKEN=key).err


def test_keys_as_json(cli: CommandLine) -> None:
    created = cli("key", "create", "json", "--json").json
    assert created["key"].startswith("df_")
    (listed,) = [key for key in cli("key", "list", "--json").json if key["id"] == created["id"]]
    assert listed == {name: value for name, value in created.items() if name != "key"}
    assert cli("key", "revoke", created["id"], "--yes", "--json").json["id"] == created["id"]


def test_a_key_that_is_not_there(cli: CommandLine) -> None:
    assert "There is no API key" in cli("key", "revoke", "0" * 24, code=2).err
