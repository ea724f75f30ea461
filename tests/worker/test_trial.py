"""Tasks run with no server: what `run_task` gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from data_factory import Depends, Fail, Progress, RetryLater, Router, TaskContext, UserError, run_task, task
from data_factory.worker.task import declarations_of
from data_factory.worker.trial import declaration_named


def open_name() -> str:
    raise AssertionError("another one stands for it")


@task("power")
def power(power: int) -> dict[str, int]:
    return {"result": 2**power}


@task("greets", runs_in="process")
async def greets(ctx: TaskContext, name: Annotated[str, Depends(open_name)]) -> dict[str, Any]:
    (ctx.workdir / "file").write_text("x")
    return {"name": name, "page": ctx.previous["page"], "attempt": ctx.attempt, "folder": str(ctx.workdir)}


@task("counts")
def counts(rows: int) -> Iterator[Progress | dict[str, int] | Fail]:
    for done in range(rows):
        yield Progress(done / rows)
        yield {"rows": done + 1}
    if rows > 2:
        yield Fail("too many")


def test_a_task_runs_as_a_worker_would_run_it() -> None:
    trial = run_task(power, {"power": 10})
    assert (trial.completed, trial.output) == (True, {"result": 1024})
    wrong = run_task(power, {"power": "x"})
    assert wrong.status == "FAILED_WITH_TERMINAL_ERROR"
    assert wrong.output["message"] == 'Input validation failed: "power: Expected `int`, got `str`"'


def test_dependencies_are_given_and_the_folder_is_removed() -> None:
    trial = run_task(greets, previous={"page": 3}, attempt=2, dependencies={open_name: "Ada"})
    folder = Path(trial.output.pop("folder"))
    assert trial.output == {"name": "Ada", "page": 3, "attempt": 2}
    assert not folder.exists()


@pytest.mark.anyio
async def test_it_does_in_an_event_loop_too() -> None:
    assert run_task(power, {"power": 3}).output == {"result": 8}


def test_what_was_said_meanwhile_is_kept() -> None:
    trial = run_task(counts, {"rows": 2})
    assert trial.progress == (Progress(0.0), Progress(0.5))
    assert trial.output == trial.saved == {"rows": 2}
    failed = run_task(counts, {"rows": 3})
    assert (failed.status, failed.output) == ("FAILED", {"message": "too many", "rows": 3})


@pytest.mark.parametrize(
    ("ending", "status", "seconds", "is_error"),
    [
        (RetryLater(60), "SCHEDULED", 60, False),
        (UserError("no such shop"), "FAILED_WITH_TERMINAL_ERROR", 0, False),
        (RuntimeError("no luck"), "FAILED", 0, True),
    ],
)
def test_every_ending_is_told(ending: Exception, status: str, seconds: int, is_error: bool) -> None:
    @task("ends")
    def ends() -> None:
        raise ending

    trial = run_task(ends)
    assert (trial.status, trial.delay_seconds, trial.error is ending) == (status, seconds, is_error)
    assert not trial.completed


def test_middleware_is_around_it() -> None:
    async def around(ctx: TaskContext, proceed: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        return {**await proceed(), "around": True}

    router = Router(middleware=[around])
    router.include(power)
    (declaration,) = declarations_of(router)
    assert run_task(declaration, {"power": 1}).output == {"result": 2, "around": True}


def test_the_task_of_an_execution_is_found_by_key_or_id_or_because_it_is_the_only_one() -> None:
    (keyed,) = declarations_of([power])
    (bare,) = declarations_of([task(lambda: None)])
    assert declaration_named([bare, keyed], "0" * 24, "power") is keyed
    assert declaration_named([bare], "0" * 24, "anything") is bare
    assert declaration_named([bare, keyed], "0" * 24, "anything") is None
