"""The timelines of `retry-and-time-out.md` are played, on a platform whose clock is ours."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from data_factory.engine.retry import retry_delay_ms
from data_factory.model.definitions import JobBody, JobTaskBody, TaskDefinition
from data_factory.model.records import TaskExecutionRecord
from data_factory.model.status import ReportStatus
from data_factory.service.commands import Claim, Launch, Report
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.service.waiting_room import Presence
from data_factory.store.disk import DiskBlobs
from data_factory.store.sqlite import SqliteStore
from tests.docs.page import ROOT, read_page
from tests.docs.test_tables import code

PAGE = read_page(ROOT / "docs/how-to/retry-and-time-out.md")
TIMELINES = [name for name in PAGE.tables if name.startswith("timeline ")]
SETTINGS = re.compile(r"`(\{[^`]*\})`[^{]*?<!-- table: ([a-z ]+) -->")
REPORTS: dict[str, ReportStatus] = {
    "heartbeat": "IN_PROGRESS",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "failed for good": "FAILED_WITH_TERMINAL_ERROR",
}


class Story:
    """One job execution of one task, from second to second."""

    def __init__(self, folder: Path) -> None:
        self.second = 0
        self.platform = Platform(
            SqliteStore(folder), DiskBlobs(folder / "files"), clock=lambda: 1_700_000_000_000 + self.second * 1000
        )
        self.account = self.task = self.run = self.held = ""

    async def begin(self, settings: dict[str, Any], *, optional: bool) -> None:
        catalog = self.platform.catalog
        key = await self.platform.start()
        assert key is not None
        self.account = (await self.platform.keys.caller(key)).account_id
        definition = msgspec.convert({"key": "task", **settings}, TaskDefinition)
        self.task = (await catalog.create_task(self.account, definition)).id
        step = JobTaskBody(name="${account}/task", task_reference_name="task", optional=optional)
        job, _ = await catalog.create_job(self.account, JobBody(key="job", tasks=(step,)))
        self.run = self.platform.new_id()
        await self.platform.executions.launch(Launch(self.run, self.account, job.id, "{}", None, "API", self.account))

    async def happen(self, second: int, what: str) -> None:
        for self.second in range(self.second, second + 1):  # noqa: B020 - time passes
            await self.platform.timers.run_once()
        if what in REPORTS:
            await self.platform.executions.report(Report(self.account, self.held, REPORTS[what]))
        elif what in ("claimed", "nothing to claim"):
            claim = Claim(self.account, (self.task,))
            given = await self.platform.executions.claim(claim, 0, Presence())
            assert bool(given) == (what == "claimed")
            self.held = given[0].id if given else self.held
        elif what == "warned":
            assert (await self.last()).warning is not None
        else:
            assert what in ("", "launched")

    async def last(self) -> TaskExecutionRecord:
        return (await self.platform.executions.task_executions(self.account, self.run, Part()))[-1]

    async def state(self) -> list[str]:
        last = await self.last()
        job = await self.platform.executions.job_execution(self.account, self.run)
        return [str(last.attempt), f"`{last.status}`", f"`{job.status}`"]


@pytest.mark.parametrize("name", TIMELINES)
def test_it_goes_as_the_timeline_says(name: str, tmp_path: Path) -> None:
    settings = {found[2]: json.loads(found[1]) for found in SETTINGS.finditer(PAGE.path.read_text(encoding="utf-8"))}

    async def play() -> None:
        story = Story(tmp_path)
        await story.begin(settings[name], optional="optional" in name)
        for second, what, *state in PAGE.tables[name].rows:
            await story.happen(int(second), what)
            assert await story.state() == state, f"second {second}"
        await story.platform.stop()

    asyncio.run(play())


def test_the_attempts_begin_at_these_seconds() -> None:
    for logic, *begins in PAGE.tables["pauses"].rows:
        settings = {"key": "task", "retryLogic": code(logic)[0], "retryDelaySeconds": 10, "backoffScaleFactor": 2}
        task = msgspec.convert(settings, TaskDefinition)
        seconds = [0]
        for attempt in range(1, len(begins)):
            seconds.append(seconds[-1] + 1 + retry_delay_ms(task, attempt) // 1000)
        assert [str(second) for second in seconds] == begins
