"""The commands as a whole: their help, their completion, their reference page, and what they are made of."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
import typer

from data_factory.cli import documents
from data_factory.cli.app import app
from data_factory.cli.exit_codes import ExitCode
from data_factory.cli.rendering import duration
from tests.cli.conftest import CommandLine
from tests.docs.page import ROOT, read_page

PAGE = read_page(ROOT / "docs/reference/cli.md")


OFFLINE = ("job validate", "job schema", "job pack")
"""Commands that ask no server."""


def commands(group: Any = None, *names: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its name."""
    command = group or typer.main.get_command(app)
    if not hasattr(command, "commands"):
        yield " ".join(names), command
    else:
        for name, one in command.commands.items():
            yield from commands(one, *names, name)


COMMANDS = dict(commands())


def options_of(command: Any) -> set[str]:
    return {name for one in command.params if one.param_type_name == "option" for name in one.opts}


def documented(table: str) -> set[str]:
    if table not in PAGE.tables:
        return set()
    return {name.split()[0] for row in PAGE.tables[table].rows for name in re.findall(r"`([^`]*)`", row[0])}


def test_these_are_the_commands() -> None:
    assert set(COMMANDS) == {
        *("server", "migrate", "worker", "init", "run", "demo", "audit", "purge", "events", "find"),
        *(f"task {verb}" for verb in ("create", "list", "get", "delete", "replay")),
        *(
            f"job {verb}"
            for verb in (
                "push",
                "list",
                "get",
                "validate",
                "schema",
                "pack",
                "versions",
                "diff",
                "republish",
                "schedule",
                "share",
                "unshare",
                "shares",
                "shared",
            )
        ),
        *(
            f"execution {verb}"
            for verb in "list get why timeline report logs complete cancel rerun retry delete bulk".split()
        ),
        *(f"execution {verb}" for verb in ("pause", "resume", "skip")),
        *(f"pipeline {verb}" for verb in ("create", "list", "update", "pause", "resume")),
        *(f"webhook {verb}" for verb in "create list update test deliveries resend rotate delete".split()),
        *(f"file {verb}" for verb in ("upload", "list", "get", "download", "delete")),
        *(f"variable {verb}" for verb in ("list", "get", "set", "delete")),
        *(f"project {verb}" for verb in ("create", "list", "move", "rename", "delete")),
        *(f"key {verb}" for verb in ("create", "list", "revoke")),
        *(f"account {verb}" for verb in ("create", "list", "rename", "disable", "enable", "key")),
        "store copy",
        "store rotate-secrets",
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_explains_itself_with_an_example_that_works(name: str) -> None:
    help = COMMANDS[name].help
    examples = re.findall(r"^\s+(data-factory .*)$", help, re.MULTILINE)
    assert examples, f"{name} has no example"
    for example in examples:
        check_words(example)
        assert example.startswith(f"data-factory {name}")


def check_words(line: str) -> None:
    """Hold the words of a command line against the commands that there are."""
    words = shlex.split(line)[1:]
    name = next(name for name in COMMANDS if words[: len(name.split())] == name.split())
    COMMANDS[name].make_context(name, words[len(name.split()) :], resilient_parsing=False)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("server", "worker")])
def test_the_reference_page_has_the_options_of(name: str) -> None:
    shared = documented("shared")
    assert documented(name) - shared == options_of(COMMANDS[name]) - shared


def test_the_reference_page_has_every_command_and_every_exit_code() -> None:
    assert {f"data-factory-{name.replace(' ', '-')}" for name in COMMANDS} <= PAGE.anchors
    assert documented("exit codes") == {str(code.value) for code in ExitCode}


@pytest.mark.parametrize("row", PAGE.tables["input values"].rows, ids=lambda row: row[0])
def test_input_becomes_what_the_reference_page_says(row: list[str]) -> None:
    written, becomes = (cell.strip("`") for cell in row)
    assert documents.read_pairs([written]) == json.loads(becomes)


def test_every_command_that_shows_something_has_json_and_url() -> None:
    for name, command in COMMANDS.items():
        offline = {
            "server",
            "migrate",
            "worker",
            "init",
            "demo",
            "store copy",
            "store rotate-secrets",
            "task replay",
            *OFFLINE,
        }
        if name not in offline:
            assert documented("shared") <= options_of(command), name


def test_help(stranger: CommandLine) -> None:
    said = stranger("--help").out
    for words in ("Exit codes:", "data-factory demo", "API_ACCESS_TOKEN", "--install-completion", "execution"):
        assert words in said
    assert stranger("-h").out == said
    assert stranger("job", "push", "-h").out == stranger("job", "push", "--help").out
    assert "push" in stranger("job", code=2).err
    assert stranger("--version").out == f"{version('data-factory')}\n"
    assert "No such command" in stranger("jobs", code=2).err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(stranger: CommandLine, shell: str) -> None:
    script = stranger("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").out
    assert "data-factory" in script
    assert "_DATA_FACTORY_COMPLETE" in script


def test_completion_knows_the_commands(stranger: CommandLine) -> None:
    said = stranger(_DATA_FACTORY_COMPLETE="complete_bash", COMP_WORDS="data-factory job ", COMP_CWORD="2").out
    assert said.split() == [
        "push",
        "list",
        "get",
        "validate",
        "schema",
        "pack",
        "versions",
        "diff",
        "republish",
        "schedule",
        "share",
        "unshare",
        "shares",
        "shared",
    ]
    assert list(stranger.folder.iterdir()) == []


def test_a_terminal_that_knows_ascii_only(cli: CommandLine) -> None:
    assert "?" in cli("key", "list", PYTHONIOENCODING="ascii").out
    cli("task", "create", "narrow", "--description", "é", "--json", PYTHONIOENCODING="ascii")
    assert "é" in cli("task", "get", "narrow", "--json", PYTHONIOENCODING="ascii").out, "JSON is UTF-8 everywhere"


WITHOUT_THE_SERVER = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"starlette", "uvicorn", "uvloop", "httptools", "jsonpath", "jsonschema"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from data_factory.cli.main import main
server_code = [name for name in sys.modules if name.startswith(("data_factory.api", "data_factory.service",
    "data_factory.engine", "data_factory.store"))]
assert not server_code, server_code
main()
"""


def test_the_client_side_works_where_the_server_is_not_installed(cli: CommandLine) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT_THE_SERVER, *words]
        return subprocess.run(
            command, cwd=cli.folder, env=cli.variables, capture_output=True, text=True, timeout=200, check=False
        )

    listed = run("key", "list")
    assert (listed.returncode, "ID" in listed.stdout) == (0, True), listed.stderr
    served = run("server")
    assert (served.returncode, served.stdout) == (2, "")
    assert "The server is not installed (uvicorn): pip install 'data-factory[server]'" in served.stderr


NOT_BEFORE_IT_IS_NEEDED = """
import atexit, sys
from data_factory.cli.main import main
unwanted = {"httpx", "asyncpg", "starlette", "rich.console", "data_factory.worker"}
atexit.register(lambda: print(*sorted(unwanted & sys.modules.keys())))
main()
"""


@pytest.mark.parametrize(
    ("words", "needed"), [("--version", set()), ("server --help", set()), ("file --help", {"httpx", "rich.console"})]
)
def test_a_command_does_not_wait_for_what_others_import(words: str, needed: set[str], stranger: CommandLine) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", NOT_BEFORE_IT_IS_NEEDED, *words.split()],
        cwd=stranger.folder,
        env=stranger.variables,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    assert set(ran.stdout.splitlines()[-1].split()) == needed


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.00 s"),
        (0.004, "0.00 s"),
        (9.99, "9.99 s"),
        (59.6, "1 min 0 s"),
        (3599.9, "1 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_a_duration(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
