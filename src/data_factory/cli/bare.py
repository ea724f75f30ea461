"""`data-factory` where only the SDK is installed: the commands for who writes tasks, by the standard library."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, Final

from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.init import init
from data_factory.cli.parameters import about, add_parameters
from data_factory.cli.replay import replay_task
from data_factory.cli.worker import worker

COMMANDS: Final[dict[str, Callable[..., None]]] = {"worker": worker, "init": init, "task replay": replay_task}

OF_THE_SERVER: Final = frozenset({"server", "migrate", "store", "demo"})
"""The commands that need more than the command line."""


def run(words: Sequence[str]) -> None:
    """Run the command that these words name; `Stop` says what to install for any other."""
    if words and not words[0].startswith("-") and not _is_here(words):
        extra = "server" if words[0] in OF_THE_SERVER else "cli"
        what = f"data-factory {words[0]} is not part of the SDK alone"
        raise Stop(ExitCode.USAGE, f"{what}: pip install 'data-factory[{extra}]'")
    given = vars(_parser().parse_args(words))
    given.pop("command")(**given)


def _is_here(words: Sequence[str]) -> bool:
    return words[0] in COMMANDS or " ".join(words[:2]) in COMMANDS


def _parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="data-factory",
        description="Run custom tasks. This is the SDK alone.",
        epilog="All commands: pip install 'data-factory[cli]'. The platform too: pip install 'data-factory[server]'.",
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=version("data-factory"))
    commands = whole.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "worker", "Run the tasks of a module.")
    _add(commands, "init", "Make a project for a task.")
    tasks = commands.add_parser("task", help="Run the input of a task execution again, here.")
    _add(tasks.add_subparsers(metavar="COMMAND", required=True), "replay", "Run an execution's input again.", "task ")
    return whole


def _add(commands: Any, name: str, short: str, group: str = "") -> None:
    command = COMMANDS[group + name]
    made = commands.add_parser(
        name,
        help=short,
        description=about(command),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.set_defaults(command=command)
    add_parameters(made, command)
