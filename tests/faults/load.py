"""Load on servers that come and go: launchers and workers that never give up, and a ledger of what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx

from tests.running import KEY, until

PAUSE = 0.02
"""Seconds between two tries of the same request, while a server is away."""

BREATH = 0.05
"""Seconds between two launches of one launcher: so that what waits at the end is soon done."""

LOST = 0.1
"""How often a client goes away before it has its answer."""

UNKEYED = 0.2
"""How often a launch comes without an Idempotency-Key, from a client that does not try again."""

WINDOW = 1.0
"""Seconds over which a rate is measured."""

Json = dict[str, Any]


class Ledger:
    """What the clients were told. Nothing of it may turn out untrue.

    A launch is known by the title that it gives its execution. `refused` are those without a key that were answered
    with 503, and will not be there; `lost` those that may be there, because no answer came or nobody knew.
    """

    def __init__(self) -> None:
        self.events = 0
        self.launched: dict[str, set[str]] = defaultdict(set)
        self.refused: set[str] = set()
        self.lost: set[str] = set()
        self.wanted: dict[str, int] = {}
        self.ran: Counter[tuple[str, str, int]] = Counter()
        self.completed: set[tuple[str, str]] = set()
        self.violations: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.slowest = 0.0
        self.cut = 0
        self._times: list[float] = []

    def wait_for(self, events: int) -> None:
        """Return when that much more has happened; for those in another thread."""
        reached = self.events + events
        until(lambda: self.events >= reached, "clients get answers", 60)

    async def more(self, events: int) -> None:
        """Return when that much more has happened."""
        reached = self.events + events
        async with asyncio.timeout(60):
            while self.events < reached:  # noqa: ASYNC110 - the servers are other processes
                await asyncio.sleep(0.01)

    def rate(self) -> float:
        """How much happens a second, now."""
        since = time.monotonic() - WINDOW
        return sum(1 for _ in self._since(since)) / WINDOW

    async def until_fast(self, rate: float, seconds: float = 60) -> float:
        """Wait until about as much happens as before, which varies with the machine; how long that took."""
        began = time.monotonic()
        while self.rate() < rate / 4 or time.monotonic() - began < WINDOW / 2:
            assert time.monotonic() - began < seconds, f"{self.rate()} a second, after {rate}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    def note_answer(self, answer: httpx.Response, took: float) -> None:
        """An answer, and how long it took beyond what the client was ready to wait for something to happen."""
        self.statuses[answer.status_code] += 1
        self.slowest = max(self.slowest, took)
        known = answer.is_success or answer.status_code == 504
        if not known and (answer.status_code != 503 or answer.headers.get("retry-after") is None):
            self.violations.append(f"{answer.request.method} {answer.request.url}: {answer.text}")

    def note_launch(self, title: str, execution: Json) -> None:
        self._note_event()
        self.launched[title].add(execution["id"])

    def note_run(self, held: Json) -> None:
        step = (held["jobExecutionId"], held["taskReferenceName"])
        if step in self.completed:
            self.violations.append(f"{step} was completed, and is handed out again as {held['id']}")
        self.ran[(*step, held["attempt"])] += 1

    def note_verdict(self, held: Json, status: str, verdict: Json) -> None:
        self._note_event()
        if not verdict["accepted"]:
            self.violations.append(f"{held['id']} was refused: {verdict['code']}")
        elif status == "COMPLETED":
            self.completed.add((held["jobExecutionId"], held["taskReferenceName"]))

    def _note_event(self) -> None:
        self.events += 1
        self._times.append(time.monotonic())

    def _since(self, since: float) -> Iterator[float]:
        for at in reversed(self._times):
            if at < since:
                return
            yield at


class Load:
    """Clients of the servers at these addresses: `launchers` that launch these jobs, and `workers` that do these tasks.
    Each request goes to any of the servers, as through a load balancer.

    The work is arithmetic: every step knows what it must give from its input, so an output that was lost, doubled or
    mixed up shows in the result of the job.
    """

    def __init__(self, addresses: list[str], jobs: dict[str, str], tasks: list[str], ledger: Ledger) -> None:
        self.ledger = ledger
        self._name = f"load-{uuid4().hex[:8]}"
        self._addresses = addresses
        self._jobs = jobs
        self._tasks = tasks
        self._random = random.Random(0)
        self._launching = True
        self._working = True
        self._client = httpx.AsyncClient(
            headers={"X-Api-Key": KEY},
            timeout=30,
            limits=httpx.Limits(max_connections=64),
        )

    @contextlib.asynccontextmanager
    async def running(self, launchers: int, workers: int) -> AsyncIterator[None]:
        """Under load; at its end the launchers stop and the workers go on until nothing is left to do."""
        async with self._client, asyncio.TaskGroup() as clients:
            for number in range(workers):
                clients.create_task(self._work(number))
            launchings = [clients.create_task(self._launch(number)) for number in range(launchers)]
            yield
            self._launching = False
            await asyncio.wait(launchings)
            await self._drained()
            self._working = False

    async def call(
        self, method: str, path: str, body: Json | None = None, wait: int = 0, headers: dict[str, str] | None = None
    ) -> Json:
        """Send a request until it is answered otherwise than with 503; now and then go away before the answer."""
        while True:
            answer = await self._once(method, path, body, wait, headers or {})
            if answer is not None and answer.status_code != 503:
                assert answer.is_success, answer.text
                told: Json = answer.json()
                return told
            await asyncio.sleep(PAUSE)

    async def _once(
        self, method: str, path: str, body: Json | None, wait: int, headers: dict[str, str]
    ) -> httpx.Response | None:
        """The answer to a request, if one comes."""
        patience = 0.004 if self._random.random() < LOST else 30
        url = f"{self._random.choice(self._addresses)}/v1/data_factory{path}"
        if wait:
            headers = {**headers, "Prefer": f"wait={wait}"}
        began = time.monotonic()
        try:
            answer = await self._client.request(method, url, json=body, headers=headers, timeout=patience)
        except httpx.TransportError:
            self.ledger.cut += 1
            return None
        self.ledger.note_answer(answer, time.monotonic() - began - wait)
        return answer

    async def _launch(self, number: int) -> None:
        count = 0
        while self._launching:
            await asyncio.sleep(BREATH)
            count += 1
            title = f"{self._name}-{number}-{count}"
            kind = self._random.choice(list(self._jobs))
            body = {"jobId": self._jobs[kind], "input": {"n": count}, "info": {"title": title}}
            self.ledger.wanted[title] = count
            if self._random.random() < UNKEYED:
                await self._launch_unkeyed(title, body)
                continue
            for _ in range(self._random.choice((1, 1, 1, 2))):  # some are said twice
                launched = await self.call("POST", "/job_executions", body, headers={"Idempotency-Key": title})
                self.ledger.note_launch(title, launched)

    async def _launch_unkeyed(self, title: str, body: Json) -> None:
        answer = await self._once("POST", "/job_executions", body, 0, {})
        if answer is None or answer.status_code == 504:
            self.ledger.lost.add(title)
        elif answer.status_code == 503:
            self.ledger.refused.add(title)
        else:
            self.ledger.note_launch(title, answer.json())

    async def _work(self, number: int) -> None:
        count = 0
        while self._working:
            count += 1
            body = {
                "taskIds": self._tasks,
                "limit": 5,
                "requestId": f"{self._name}-{number}-{count}",
                "workerId": f"w-{number}",
            }
            held = (await self.call("POST", "/task_executions/claim", body, wait=1))["data"]
            if not held:
                continue
            reports = []
            for one in held:
                self.ledger.note_run(one)
                status, output = done(one)
                reports.append({"id": one["id"], "status": status, "output": output, "lease": one["lease"]})
            verdicts = (await self.call("POST", "/task_executions/report", {"reports": reports}))["results"]
            for one, report, verdict in zip(held, reports, verdicts, strict=True):
                self.ledger.note_verdict(one, report["status"], verdict)

    async def _drained(self) -> None:
        """Wait until everything has ended, also what nobody was told of."""
        for job in self._jobs.values():
            cursor = ""
            while cursor is not None:
                page = await self.call("GET", f"/job_executions?jobId={job}&size=100{cursor and f'&cursor={cursor}'}")
                for run in page["data"]:
                    while run["endedAt"] is None:
                        run = await self.call("GET", f"/job_executions/{run['id']}", wait=20)
                cursor = page["nextCursor"]


def done(held: Json) -> tuple[str, Json]:
    """The work: a flaky step fails at its first attempt, every other gives one more than it was given."""
    if held["taskReferenceName"].startswith("flaky") and held["attempt"] == 1:
        return "FAILED", {"message": "the first time always fails"}
    return "COMPLETED", {"v": held["input"]["v"] + 1}
