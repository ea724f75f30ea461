"""What users of the SDK write: every line type-checks, strictly, but those that say `# wrong`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypedDict, assert_type

from data_factory import (
    Client,
    Depends,
    Fail,
    FailForGood,
    Progress,
    RetryLater,
    Router,
    TaskContext,
    Trial,
    UserError,
    Worker,
    run_task,
    task,
)


@dataclass
class PowerInput:
    power: int


class PowerOutput(TypedDict):
    result: int


@task("power")
def power(input: PowerInput) -> PowerOutput:
    return {"result": 2**input.power}


# The function stays what it was.
assert_type(power(PowerInput(10)), PowerOutput)
power("10")  # wrong
power(PowerInput("10"))  # wrong


@task("async-power", concurrency=2, rate="50/minute", timeout=1.5)
async def async_power(input: PowerInput, ctx: TaskContext) -> PowerOutput | FailForGood:
    ctx.progress(0.4, "400/1000 rows")
    ctx.progress("40 %")  # wrong
    ctx.log("text", "warning", markdown=True)
    ctx.log("text", "loud")  # wrong
    ctx.save({"page": ctx.previous.get("page", 0)})
    ctx.attempt = 2  # wrong
    assert_type(ctx.workdir, Path)
    assert_type(ctx.cancelled, bool)
    assert_type(ctx.files.upload("x"), dict[str, Any])
    _ = ctx.workspace  # wrong
    return FailForGood("no", {"rows": 1})


async def awaits() -> None:
    assert_type(await async_power(PowerInput(1), TaskContext()), PowerOutput | FailForGood)


@task
def bare(input: dict[str, Any]) -> Iterator[Progress | PowerOutput]:
    yield Progress(0.5)
    yield {"result": 1}
    yield {"wrong": 1}  # wrong


@task(id="01a2098b3c8759d89d78fd07", runs_in="process", memory_limit="512 MB")
def isolated(power: int, factor: float = 2) -> Fail | RetryLater | UserError:
    if power:
        raise RetryLater(timedelta(minutes=1), "not yet")
    raise RetryLater("soon")  # wrong


task(5)  # wrong
task("x", runs_in="moon")  # wrong
task("x", concurrency="2")  # wrong


class Pool:
    name = "pool"


async def open_pool() -> AsyncIterator[Pool]:
    yield Pool()


router = Router()


@router.task("count", concurrency=2)
class Count:
    def __init__(self, pool: Annotated[Pool, Depends(open_pool)]) -> None:
        self.pool = pool

    def run(self, rows: list[int]) -> dict[str, int]:
        return {"rows": len(rows)}


assert_type(Count(Pool()).run([1]), dict[str, int])
Count("pool")  # wrong
router.include("count")  # wrong


async def timed(ctx: TaskContext, proceed: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    return await proceed()


def not_middleware(ctx: TaskContext) -> None: ...


def workers() -> None:
    everything = Router(middleware=[timed])
    everything.include(router)
    Router(middleware=[not_middleware])  # wrong
    Worker([power, Count, everything], concurrency=4, middleware=[timed], executor=ProcessPoolExecutor()).run()
    Worker(everything, base_url="http://127.0.0.1:8080", token="key").stop()
    Worker(power)  # wrong
    Worker([power], concurrency="4")  # wrong
    asyncio.run(Worker([power]).run_async())


def trials() -> None:
    trial = run_task(power, {"power": 10}, previous={"page": 1}, dependencies={open_pool: Pool()})
    assert_type(trial, Trial)
    assert_type(trial.output, dict[str, Any])
    assert_type(trial.progress, tuple[Progress, ...])
    trial.status = "COMPLETED"  # wrong
    run_task("power", {})  # wrong


def clients() -> None:
    with Client() as client:
        for one in client.tasks.list():
            assert_type(one.key, str)
        execution = client.job_executions.launch("01a2098b3c8759d89d78fd07", {"power": 10})
        assert_type(execution.output, dict[str, Any])
        client.job_executions.launch(5)  # wrong
