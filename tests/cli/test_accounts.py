from __future__ import annotations

from tests.cli.conftest import CommandLine


def test_an_account_is_made_used_disabled_and_enabled(cli: CommandLine) -> None:
    created = cli("account", "create", "the team in Lyon")
    key = created.out.rstrip("\n")
    assert key.startswith("df_") and "not shown again" in created.err
    (mine,) = cli("account", "list", "--json", API_ACCESS_TOKEN=key).json
    assert (mine["title"], mine["disabledAt"]) == ("the team in Lyon", None)
    listed = cli("account", "list")
    assert mine["id"] in listed.out and "default" in listed.out
    assert "first account" in cli("account", "create", "more", code=3, API_ACCESS_TOKEN=key).err

    assert cli("account", "disable", mine["id"]).out == f"Disabled the account {mine['id']}, 'the team in Lyon'\n"
    assert "The account is disabled" in cli("key", "list", code=3, API_ACCESS_TOKEN=key).err
    assert cli("account", "enable", mine["id"], "--json").json["disabledAt"] is None
    assert len(cli("key", "list", "--json", API_ACCESS_TOKEN=key).json) == 1

    assert cli("account", "rename", mine["id"], "Nantes").out == f"The account {mine['id']} is 'Nantes' now\n"
    another = cli("account", "key", mine["id"], "instead").out.rstrip("\n")
    assert len(cli("key", "list", "--json", API_ACCESS_TOKEN=another).json) == 2
