"""The commands by name. Each is imported when it is needed: to run one need not wait for all the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup

COMMANDS: Final = {
    "server": ("server:server", "Run the platform on this machine."),
    "migrate": ("migrate:migrate", "Change the schema of the data for a new version."),
    "worker": ("worker:worker", "Run the tasks of a module."),
    "init": ("init:init", "Make a project for a task."),
    "run": ("run:run", None),
    "demo": ("demo:demo", "See it all at work, from nothing to a result."),
    "task": ("tasks:app", None),
    "job": ("jobs:app", None),
    "execution": ("executions:app", None),
    "pipeline": ("pipelines:app", None),
    "project": ("projects:app", None),
    "file": ("files:app", None),
    "variable": ("variables:app", None),
    "find": ("finding:find", "Find anything by what is in it."),
    "events": ("events:events", "Follow what happens."),
    "webhook": ("webhooks:app", None),
    "key": ("keys:app", None),
    "audit": ("audit:audit", "Show who did what."),
    "account": ("accounts:app", None),
    "purge": ("erasing:purge", "Delete what ended long ago."),
    "store": ("stores:app", None),
}
"""Where each command is, or a group of them, and its short help, if that is not how its help begins. In the order of
the help."""

IN_GROUPS: Final = {
    "job": {
        "validate": "validate:validate_job",
        "schema": "validate:show_schema",
        "pack": "packing:pack_job",
        "versions": "versions:list_versions",
        "diff": "versions:diff_versions",
        "republish": "versions:republish",
        "schedule": "schedules:show_schedule",
        "share": "shares:share_job",
        "unshare": "shares:unshare_job",
        "shares": "shares:list_shares",
        "shared": "shares:list_shared",
    },
    "execution": {
        "timeline": "timelines:tell_timeline",
        "delete": "erasing:delete_execution",
        "report": "reports:report_execution",
        "bulk": "bulk:bulk_executions",
        "rerun": "reruns:rerun_execution",
        "retry": "reruns:retry_execution",
        "pause": "holding:pause_execution",
        "resume": "holding:resume_execution",
        "skip": "holding:skip_task",
    },
}
"""The commands of groups that are in other modules than their group."""

_FOR_SDK: Final = ("worker", "init")
"""Those that need no typer, so that typer has to be told what they take (see `options`)."""


class Commands(TyperGroup):
    """All commands, of which only those that are asked for are made."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _OnDemand()  # type: ignore[assignment]


class _OnDemand(Mapping[str, Any]):
    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            _add(alone, name)
            self._made[name] = typer.main.get_group(alone).commands[name]
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _add(app: typer.Typer, name: str) -> None:
    where, short_help = COMMANDS[name]
    found = _imported(where)
    if isinstance(found, typer.Typer):
        for word, place in IN_GROUPS.get(name, {}).items():
            found.command(word)(_imported(place))
        app.add_typer(found)
        return
    if name in _FOR_SDK:
        from data_factory.cli.options import for_typer

        found = for_typer(found)
    app.command(short_help=short_help)(found)


def _imported(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(import_module(f"data_factory.cli.{module}"), name)
