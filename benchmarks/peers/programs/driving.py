"""The load, the same for every peer: it runs in the peer's own environment, and needs nothing but the standard library.

A driver reads a command a line from standard input, carries it out, and answers each with a line of JSON.
What a peer brings is an object that knows how to run a job; what it can, its methods say:

- `job(sent)` starts a job of one task, and returns when it has ended if the peer's API tells; `sent` is its input.
- `ended(count)` returns when `count` jobs have ended, all that were started: for peers whose `job` does not wait.
- `chain(steps)` runs one job of so many steps to its end.

A method that is not `async` runs in a thread.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ARRIVALS = Path(os.environ["ARRIVALS"])
"""Where the tasks write when they were started; the clock is the machine's, the same in every process."""


def arrived(sent: float) -> None:
    """What a task does first: it notes when it was there, if its job was sent for that."""
    if sent:
        now = time.perf_counter()
        with ARRIVALS.open("a") as arrivals:
            arrivals.write(f"{now - sent}\n")


def power(sent: float) -> int:
    """The work of every task: 2 to the power of 10."""
    arrived(sent)
    return 2**10


def drive(subject) -> None:
    """Carry out commands until there are no more, for a subject that needs no event loop to be made."""
    asyncio.run(serve(subject))


async def serve(subject) -> None:
    """Carry out commands until there are no more."""
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(max_workers=256)
    measures = {"throughput": _throughput, "latency": _latency, "chain": _chain}

    async def call(method, *arguments):
        if inspect.iscoroutinefunction(method):
            await method(*arguments)
        else:
            await loop.run_in_executor(threads, method, *arguments)

    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints is no answer
    commands = ThreadPoolExecutor(max_workers=1)
    print(json.dumps("ready"), file=answers, flush=True)
    while line := await loop.run_in_executor(commands, sys.stdin.readline):
        command = json.loads(line)
        answer = await measures[command.pop("measure")](subject, call, **command)
        print(json.dumps(answer), file=answers, flush=True)


async def _throughput(subject, call, count: int, concurrency: int):
    """How many seconds `count` jobs take, `concurrency` at a time, from the first create to the last end."""
    numbers = iter(range(count))
    started = time.perf_counter()

    async def one_after_the_other():
        for _ in numbers:
            await call(subject.job, 0.0)

    await asyncio.gather(*(one_after_the_other() for _ in range(concurrency)))
    if hasattr(subject, "ended"):
        await call(subject.ended, count)
    return time.perf_counter() - started


async def _latency(subject, call, count: int, per_second: float):
    """How many seconds pass between a create and its task's start, for each of `count` jobs at a steady rate."""
    ARRIVALS.write_text("")
    loop = asyncio.get_running_loop()
    started = loop.time()
    jobs = []
    for number in range(count):
        await asyncio.sleep(max(0, started + number / per_second - loop.time()))
        jobs.append(asyncio.create_task(call(subject.job, time.perf_counter())))
    await asyncio.gather(*jobs)
    if hasattr(subject, "ended"):
        await call(subject.ended, count)
    return [float(line) for line in ARRIVALS.read_text().split()]


async def _chain(subject, call, steps: int, seconds: float):
    """How many seconds each job of `steps` steps took, one job at a time, for about so many seconds."""
    took = []
    while sum(took) < seconds:
        before = time.perf_counter()
        await call(subject.chain, steps)
        took.append(time.perf_counter() - before)
    return took
