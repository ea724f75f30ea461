from __future__ import annotations

from data_factory.client import Client
from tests.cli.conftest import CommandLine, Desk


def test_a_project_from_its_making_to_its_end(cli: CommandLine, api: Client) -> None:
    assert cli("project", "create", "Sales").out.startswith("Created the project Sales: ")
    imports = cli("project", "create", "Imports", "--in", "Sales", "--json").json
    assert imports["depth"] == 1
    cli("project", "create", "Archive")
    assert "Sales/Imports" in cli("project", "list").out
    cli("project", "move", "Sales/Imports", "--to", "Archive")
    cli("project", "rename", "Archive/Imports", "Supplies")
    assert api.projects.get(imports["id"]).display_name == "Supplies"
    assert "there are: the project 'Supplies'" in cli("project", "delete", "Archive", code=2).err
    cli("project", "move", imports["id"], "--top", "--json")
    for name in ("Supplies", "Archive", "Sales"):
        assert cli("project", "delete", name).out == f"Deleted the project {name}\n"
    assert "There is no project 'Sales'" in cli("project", "delete", "Sales", code=2).err
    assert "--to and --top" in cli("project", "move", "x", code=2).err


def test_a_project_is_made_by_its_path_and_its_jobs_are_listed(cli: CommandLine, desk: Desk) -> None:
    made = cli("project", "create", "Buying", "--json").json
    inner = cli("project", "create", "Buying/Orders", "--json").json
    assert (inner["displayName"], inner["parentId"]) == ("Orders", made["id"])
    assert "There is no project 'Selling'" in cli("project", "create", "Selling/Orders", code=2).err
    assert "once" in cli("project", "create", "Buying/Orders", "--in", "Buying", code=2).err
    desk.api.jobs.update(desk.job_id, {**desk.definition, "projectId": inner["id"]})
    assert [one["id"] for one in cli("job", "list", "--project", "Buying/Orders", "--json").json] == [desk.job_id]
    assert desk.job in cli("job", "list", "--project", inner["id"]).out
    assert cli("job", "list", "--project", "Buying").err == "No job is in Buying.\n"


def test_two_of_one_name_are_named_by_id(cli: CommandLine) -> None:
    made = [cli("project", "create", "Twice", "--json").json["id"] for _ in range(2)]
    said = cli("project", "delete", "Twice", code=2).err
    assert all(id in said for id in made)
    for id in made:
        cli("project", "delete", id)
