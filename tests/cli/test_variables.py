from __future__ import annotations

from data_factory.client import Client
from tests.cli.conftest import CommandLine

HUSH = "not-for-the-eyes-of-anybody"


def test_a_variable_from_its_making_to_its_end(cli: CommandLine, api: Client) -> None:
    assert cli("variable", "set", "colour", "blue", "--name", "The colour").out.startswith("Set the variable colour;")
    assert cli("variable", "set", "colour", "green", "--json").json["value"] == "green"
    assert cli("variable", "get", "colour", "--json").json["name"] == "The colour"
    assert "green" in cli("variable", "get", "colour").out
    assert "colour" in [one["key"] for one in cli("variable", "list", "--json").json]
    assert cli("variable", "delete", "colour", "--yes").out == "Deleted the variable colour\n"
    assert api.variables.find("colour") is None
    assert "There is no variable 'colour'" in cli("variable", "get", "colour", code=2).err


def test_a_secret_is_read_from_standard_input_and_never_printed(cli: CommandLine, api: Client) -> None:
    said = [
        cli("variable", "set", "token", "--secret", stdin=HUSH + "\n"),
        cli("variable", "set", "token", "--secret", "--json", stdin=HUSH),
        cli("variable", "list"),
        cli("variable", "get", "token", "--json"),
    ]
    assert HUSH not in "".join(one.out + one.err for one in said)
    found = api.variables.find("token")
    assert found is not None and found.is_secret and found.value == ""
    assert "with --secret" in cli("variable", "set", "token", "open", code=2).err
    cli("variable", "delete", "token", "--json")


def test_wrong_use_is_said(cli: CommandLine) -> None:
    assert "not an argument" in cli("variable", "set", "token", "text", "--secret", code=2).err
    assert "VALUE is missing" in cli("variable", "set", "token", code=2).err
    assert "Standard input is empty" in cli("variable", "set", "token", "--secret", code=2).err
