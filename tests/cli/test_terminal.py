from __future__ import annotations

import re
from pathlib import Path

from data_factory.model.requests import ProgressBody
from tests.cli.conftest import CommandLine, Desk
from tests.cli.terminal import Terminal

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38;\S*?)m")


def on_terminal(cli: CommandLine, *words: str, width: int = 80, **variables: str) -> Terminal:
    return Terminal(cli.folder, cli.variables | variables, *words, width=width)


def test_colours_are_for_terminals_that_want_them(cli: CommandLine, desk: Desk) -> None:
    desk.launch()
    words = ("execution", "list", "--job", desk.job)
    with on_terminal(cli, *words) as coloured, on_terminal(cli, *words, NO_COLOR="1") as plain:
        assert coloured.end() == 0
        assert plain.end() == 0
    assert COLOUR.search(coloured.said)
    assert not COLOUR.search(plain.said)
    assert "\x1b" not in cli(*words).out


def test_json_is_coloured_and_whole_on_a_terminal(cli: CommandLine, desk: Desk) -> None:
    id = desk.launch(text="word " * 100)
    with on_terminal(cli, "execution", "get", id, "--json", width=40) as terminal:
        assert terminal.end() == 0
    assert COLOUR.search(terminal.said)
    assert terminal.text == cli("execution", "get", id, "--json").out


def test_tables_fit_80_columns_and_cut_no_id(cli: CommandLine, desk: Desk) -> None:
    id = desk.launch()
    for words, shown in (
        (["execution", "list", "--job", desk.job], " ago "),
        (["task", "list"], " ago "),
        (["key", "list"], "DATA_FACTORY"),
    ):
        with on_terminal(cli, *words) as terminal:
            assert terminal.end() == 0
        assert max(len(line.rstrip()) for line in terminal.text.splitlines()) <= 80, terminal.text
        assert shown in terminal.text
    for words, last in ((["execution", "list", "--job", desk.job], "TIME"), (["job", "list"], "TITLE")):
        with on_terminal(cli, *words, width=20) as terminal:
            assert terminal.end() == 0
        assert last in terminal.text
        assert (id if last == "TIME" else desk.job_id) in terminal.text


def test_progress_is_a_live_picture(cli: CommandLine, desk: Desk) -> None:
    with on_terminal(cli, "run", desk.job, "--wait") as terminal:
        terminal.until("waits for a worker")
        execution = desk.claim()
        terminal.until("IN_PROGRESS")
        desk.report(execution, "IN_PROGRESS", ProgressBody(ratio=0.4, message="rows 400/1000"))
        terminal.until("40% rows 400/1000")
        desk.report(execution, "COMPLETED", result=1)
        assert terminal.end() == 0
    assert "✓" in terminal.text
    assert terminal.text.endswith('{\n  "result": 1\n}\n')
    assert terminal.said.count("\x1b[?25l") == terminal.said.count("\x1b[?25h"), "the cursor is shown again"


def test_ctrl_c_ends_the_picture_and_not_the_job_execution(cli: CommandLine, desk: Desk) -> None:
    with on_terminal(cli, "run", desk.job, "--wait", width=100) as terminal:
        terminal.until("waits for a worker")
        terminal.press("\x03")
        assert terminal.end() == 130
    assert "The job execution goes on." in terminal.text
    assert "data-factory execution cancel " in terminal.text
    assert "Traceback" not in terminal.text
    assert terminal.said.count("\x1b[?25l") == terminal.said.count("\x1b[?25h"), "the cursor is shown again"


def test_a_key_is_revoked_after_a_yes(cli: CommandLine, desk: Desk) -> None:
    id = desk.api.api_keys.create("asked for").id
    with on_terminal(cli, "key", "revoke", id, width=120) as terminal:
        terminal.until("Revoke 'asked for' (df_")
        terminal.press("n\n")
        assert terminal.end() == 1
    with on_terminal(cli, "key", "revoke", id, width=120) as terminal:
        terminal.until("[y/N]")
        assert terminal.interrupt() == 130
    assert id in {key.id for key in desk.api.api_keys.list()}
    with on_terminal(cli, "key", "revoke", id, width=120) as terminal:
        terminal.until("[y/N]")
        terminal.press("y\n")
        assert terminal.end() == 0
    assert id not in {key.id for key in desk.api.api_keys.list()}
    with on_terminal(cli, "key", "revoke", id, width=120) as terminal:
        assert terminal.end() == 2
    assert "There is no API key" in terminal.text


def test_an_error_is_red_and_one_line(cli: CommandLine) -> None:
    with on_terminal(cli, "job", "get", "nope", width=40) as terminal:
        assert terminal.end() == 2
    assert COLOUR.search(terminal.said)
    assert terminal.text.count("\n") == 1


def test_many_are_changed_after_a_yes_and_the_bar_says_how_far_it_is(cli: CommandLine, desk: Desk) -> None:
    ids = [desk.launch() for _ in range(3)]
    words = ("execution", "bulk", "cancel", "--job", desk.job)

    def statuses() -> set[str]:
        return {desk.api.job_executions.get(id).status for id in ids}

    for key in ("n\n", "\n"):
        with on_terminal(cli, *words) as terminal:
            terminal.until("cancel 3 job executions? [y/N]")
            terminal.press(key)
            assert terminal.end() == 1, terminal.text
        assert "Canceled" not in terminal.text and "Traceback" not in terminal.text
        assert statuses() == {"RUNNING"}
    with on_terminal(cli, *words) as terminal:
        terminal.until("[y/N]")
        terminal.press("y\n")
        assert terminal.end() == 0
    assert "3/3" in terminal.text
    assert terminal.text.splitlines()[-1].strip() == "Canceled 3 job executions."
    assert terminal.said.count("\x1b[?25l") == terminal.said.count("\x1b[?25h"), "the cursor is shown again"
    assert statuses() == {"TERMINATED"}


def test_what_is_deleted_is_asked_for_first(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    cli("purge", "--older-than", "0m")
    ended = desk.launch()
    desk.complete()
    (tmp_path / "kept.txt").write_text("kept")
    file = desk.api.files.upload(tmp_path / "kept.txt")
    task = desk.api.tasks.create({"key": "asked-for"})
    project = desk.api.projects.create("Asked")
    asked = {
        ("execution", "delete", ended): f"Delete {ended}, with its task executions and logs? [y/N]",
        ("purge", "--older-than", "0m"): "Delete 1 job executions? [y/N]",
        ("file", "delete", file.id): "Delete 'kept.txt', 4 bytes? [y/N]",
        ("task", "delete", task.id): "Delete the task asked-for? [y/N]",
        ("project", "delete", "Asked"): "Delete the project Asked? [y/N]",
    }
    for words, question in asked.items():
        with on_terminal(cli, *words, width=200) as terminal:
            terminal.until(question)
            terminal.press("n\n")
            assert terminal.end() == 1, terminal.text
    assert desk.api.job_executions.get(ended).status == "COMPLETED"
    assert (desk.api.files.get(file.id), desk.api.projects.get(project.id).display_name) == (file, "Asked")
    with on_terminal(cli, "purge", "--older-than", "0m") as terminal:
        terminal.until("[y/N]")
        terminal.press("y\n")
        assert terminal.end() == 0
    assert terminal.text.splitlines()[-1].strip() == "Deleted 1 job executions: 1 COMPLETED."
    for words in list(asked)[2:]:
        with on_terminal(cli, *words, "--yes") as terminal:
            assert terminal.end() == 0
        assert "[y/N]" not in terminal.text
    with on_terminal(cli, "purge", "--older-than", "0m") as terminal:
        assert terminal.end() == 0
    assert terminal.text.strip() == "Deleted 0 job executions."


def test_nothing_is_asked_where_there_is_nothing_to_ask(cli: CommandLine, desk: Desk) -> None:
    desk.launch()
    words = ("execution", "bulk", "cancel", "--job", desk.job)
    for more, said in (
        (("--status", "FAILED"), "Canceled 0 job executions."),
        (("--dry-run",), "Would cancel 1 job executions:"),
        (("--yes",), "Canceled 1 job executions."),
    ):
        with on_terminal(cli, *words, *more) as terminal:
            assert terminal.end() == 0
        assert said in terminal.text
        assert "[y/N]" not in terminal.text
