"""`data-factory task replay`: runs the input of a task execution again, here, and tells nobody."""

from __future__ import annotations

import pdb  # noqa: T100 - it is what --debug is for
import sys
import traceback
from typing import Annotated

import msgspec

from data_factory.cli.connection import URL, connected
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.logs import LogFormat, log_to_stderr
from data_factory.cli.modules import tasks_of
from data_factory.cli.parameters import Argument, Option
from data_factory.cli.plain import print_json
from data_factory.client import calls
from data_factory.worker.task import declarations_of
from data_factory.worker.trial import declaration_named, run_task


def replay_task(
    execution: Annotated[str, Argument("EXECUTION_ID", "The id of the task execution.")],
    module: Annotated[str, Argument("MODULE", "Where the task is: my_module, my_module:power or ./power.py.")],
    debug: Annotated[bool, Option("Where it raises an error, look around with pdb.")] = False,
    url: Annotated[str | None, URL] = None,
) -> None:
    """Run a task execution's input again, here, with your code. Nothing is reported, nothing changes on the server.

    Prints the output. A breakpoint() in the task stops there. The exit code is 1 if the task does not complete.

    \b
    Examples:
      data-factory task replay 01a209906954166cba2441dd my_module
      data-factory task replay 01a209906954166cba2441dd ./power.py --debug
    """
    log_to_stderr(LogFormat.TEXT)
    with connected(url) as connection:
        found = connection.ask(calls.get_task_execution(execution)).value
        task = connection.ask(calls.get_task(found.task_id)).value
    declaration = declaration_named(declarations_of(tasks_of(module)), task.id, task.key)
    if declaration is None:
        raise Stop(ExitCode.USAGE, f"{module} does not have the task {task.key} ({task.id}), which this is one of.")
    trial = run_task(declaration, found.input, attempt=found.attempt)
    print_json(msgspec.json.encode(trial.output))
    if trial.error is not None:
        traceback.print_exception(trial.error, file=sys.stderr)
        if debug:
            pdb.post_mortem(trial.error.__traceback__)
    if not trial.completed:
        why = trial.output.get("message") or f"it wants to run again in {trial.delay_seconds} s"
        raise Stop(ExitCode.FAILED, f"{trial.status}: {why}")
