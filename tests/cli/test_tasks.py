from __future__ import annotations

from data_factory.client import Client
from tests.cli.conftest import CommandLine, Desk
from tests.running import Server


def test_a_task_is_created_shown_and_deleted(cli: CommandLine, api: Client) -> None:
    created = cli("task", "create", "shown", "--description", "[bold]Ünïcode[/bold]")
    id = api.tasks.find("shown").id  # type: ignore[union-attr]
    assert created.out == f"Created the task shown: {id}\n"
    assert '@task("shown")' in created.err
    assert id in cli("task", "list").out
    for name in ("shown", id):
        card = cli("task", "get", name).out
        assert "[bold]Ünïcode[/bold]" in card
        assert id in card
    assert cli("task", "delete", "shown").out == f"Deleted the task shown: {id}\n"
    assert api.tasks.find("shown") is None


def test_every_setting_of_a_task_can_be_given(cli: CommandLine) -> None:
    settings = {
        "retryCount": 3,
        "retryLogic": "LINEAR_BACKOFF",
        "retryDelaySeconds": 7,
        "backoffScaleFactor": 2,
        "timeoutSeconds": 100,
        "timeoutPolicy": "RETRY",
        "responseTimeoutSeconds": 60,
        "pollTimeoutSeconds": 500,
        "concurrentExecLimit": 4,
    }
    flags = {"".join(f"-{c.lower()}" if c.isupper() else c for c in name): value for name, value in settings.items()}
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    task = cli("task", "create", "all-settings", "--description", "x", *words, "--json").json
    assert settings.items() <= task.items()
    assert "3, after 7 s, LINEAR_BACKOFF by 2" in cli("task", "get", "all-settings").out


def test_json_is_what_the_api_answers(cli: CommandLine, desk: Desk, server: Server) -> None:
    with server.client() as http:
        raw = http.get(f"/tasks/{desk.task_id}").json()
        listed = http.get("/tasks?size=100").json()["data"]
    assert cli("task", "get", desk.task, "--json").json == raw
    assert cli("task", "list", "--json").json == listed


def test_what_is_refused_is_said_in_one_sentence(cli: CommandLine, desk: Desk) -> None:
    taken = cli("task", "create", desk.task, code=2)
    assert (taken.out, taken.err.count("\n")) == ("", 1)
    assert f"Error: There is already a task with the key '{desk.task}'" in taken.err
    used = cli("task", "delete", desk.task, code=2)
    assert f"is used by these jobs: {desk.job}" in used.err
    gone = cli("task", "get", "not-there", code=2)
    assert "There is no task 'not-there'" in gone.err
    assert "`data-factory task list`" in gone.err


def test_every_wrong_field_is_named(cli: CommandLine) -> None:
    refused = cli("task", "create", "no spaces", "--retry-count", "-1", "--timeout-seconds", "-2", code=2)
    lines = refused.err.splitlines()
    assert lines[0] == "Error: The server does not accept this:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["key", "retryCount", "timeoutSeconds"]


def test_a_wrong_word_is_a_usage_error(cli: CommandLine) -> None:
    assert "'SOMETIMES' is not one of" in cli("task", "create", "x", "--retry-logic", "SOMETIMES", code=2).err
