"""Several servers on one PostgreSQL: each a whole platform, with connections, timers and a waiting room of its own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from data_factory.model.definitions import PipelineDefinition
from data_factory.model.errors import AccountDisabled, Conflict, DataFactoryError, Unauthorized
from data_factory.model.records import JobRecord, PipelineRecord, TaskExecutionRecord, TaskRecord
from data_factory.model.status import JOB_EXECUTION_ENDED
from data_factory.service.commands import Cancel
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.service.waiting_room import Presence
from data_factory.store.disk import DiskBlobs
from data_factory.store.postgresql import PostgresqlStore
from tests.postgresql import Database
from tests.workshop import KEY, Orders, declare_job, declare_pipeline, declare_task, step

pytestmark = pytest.mark.anyio

LONG = 3_600
"""Seconds that no test waits: what is waited for comes, or the test hangs and fails."""


class Server(Orders):
    """One of the servers, and the account that they share."""

    def __init__(self, database: Database, url: str | None = None, blobs: Path = Path("/nowhere")) -> None:
        self.store = PostgresqlStore(url or database.url)
        self.platform = Platform(self.store, DiskBlobs(blobs))

    async def start(self) -> None:
        await self.platform.start(KEY)
        caller = await self.platform.keys.caller(KEY)
        super().__init__(caller.account_id, self.platform.new_id)

    async def launches(self, job: JobRecord, key: str | None = None) -> str:
        return (await self.platform.executions.launch(self.launch(job, key=key))).id

    async def claims(self, *tasks: TaskRecord, limit: int = 1, wait: float = 0) -> list[TaskExecutionRecord]:
        return await self.platform.executions.claim(self.claim(*tasks, limit=limit), wait, Presence())

    async def stop(self) -> None:
        self.platform.room.close()
        await self.platform.stop()


@asynccontextmanager
async def servers(database: Database, count: int = 2, blobs: Path = Path("/nowhere")) -> AsyncIterator[list[Server]]:
    here = [Server(database, blobs=blobs) for _ in range(count)]
    await asyncio.gather(*(server.start() for server in here))
    try:
        yield here
    finally:
        await asyncio.gather(*(server.stop() for server in here))


# -- what one does, the others hear


async def test_however_many_servers_there_are_a_job_that_is_due_is_launched_once(database: Database) -> None:
    async with servers(database, 3) as [one, *others]:
        work = await declare_task(one.platform, one.account_id, "work")
        line = await declare_pipeline(one.platform, one.account_id, 100)
        rules = [{"cronExpression": "0 0 1 1 *"}]
        jobs = [
            await declare_job(one.platform, one.account_id, step("first", work), pipeline=line, periodicity=rules)
            for _ in range(20)
        ]
        connection = await asyncpg.connect(database.url)
        for _ in range(3):
            await connection.execute("UPDATE jobs SET due_at = 1 WHERE due_at IS NOT NULL")
            await asyncio.gather(*(server.platform.timers.run_once() for server in (one, *others)))
        launched = await connection.fetch("SELECT job_id, count(*) FROM job_executions GROUP BY job_id")
        assert {row["job_id"]: row["count"] for row in launched} == {job.id: 3 for job in jobs}
        assert await connection.fetchval("SELECT min(due_at) FROM jobs") > 1
        await connection.close()


async def test_a_launch_here_wakes_a_poll_there(database: Database) -> None:
    async with servers(database, 3) as [one, *others]:
        work = await declare_task(one.platform, one.account_id, "work")
        job = await declare_job(one.platform, one.account_id, step("first", work))
        polls = [asyncio.create_task(other.claims(work, wait=LONG)) for other in others]
        await nothing_under_way(others)
        await one.launches(job)
        [got], _ = await asyncio.wait(polls, return_when=asyncio.FIRST_COMPLETED)
        assert [row.status for row in await got] == ["IN_PROGRESS"]
        for poll in polls:
            poll.cancel()


async def test_an_end_here_answers_who_waits_for_it_there(database: Database) -> None:
    async with servers(database) as [one, other]:
        work = await declare_task(one.platform, one.account_id, "work")
        job = await declare_job(one.platform, one.account_id, step("first", work))
        id = await one.launches(job)
        [held] = await other.claims(work)
        waiting = asyncio.create_task(other.platform.executions.job_execution(other.account_id, id, LONG))
        await nothing_under_way([other])
        await one.platform.executions.report(one.report(held))
        assert (await waiting).status == "COMPLETED"


async def test_the_end_of_an_execution_starts_the_next_for_a_poll_elsewhere(database: Database) -> None:
    async with servers(database) as [one, other]:
        work = await declare_task(one.platform, one.account_id, "work")
        job = await declare_job(one.platform, one.account_id, step("first", work))
        first, second = await one.launches(job), await other.launches(job)
        [held] = await one.claims(work)
        assert held.job_execution_id == first
        poll = asyncio.create_task(other.claims(work, wait=LONG))
        await nothing_under_way([other])
        await one.platform.executions.report(one.report(held))
        [held] = await poll
        assert held.job_execution_id == second


async def test_a_key_revoked_here_ends_there(database: Database) -> None:
    async with servers(database) as [one, other]:
        record, key = await one.platform.keys.create(one.account_id, "ci")
        for server in (one, other):
            await server.platform.keys.caller(key)
        await one.platform.keys.revoke(one.account_id, record.id)
        with pytest.raises(Unauthorized):
            await one.platform.keys.caller(key)
        await until(lambda: is_refused(other, key))


async def test_an_account_disabled_here_is_refused_there(database: Database) -> None:
    async with servers(database) as [one, other]:
        account, _, key = await one.platform.accounts.create(one.account_id, "theirs")
        for server in (one, other):
            await server.platform.keys.caller(key)
        await one.platform.accounts.disable(one.account_id, account.id)

        async def is_disabled() -> bool:
            try:
                await other.platform.keys.caller(key)
            except AccountDisabled:
                return True
            return False

        await until(is_disabled)
        await other.platform.accounts.enable(one.account_id, account.id)
        await one.platform.keys.caller(key)


async def test_a_new_key_of_the_environment_ends_the_former_everywhere(database: Database) -> None:
    async with servers(database, 1) as [one]:
        await one.platform.keys.caller(KEY)
        another = Server(database)
        await another.platform.start("another-key-of-the-environment")
        await until(lambda: is_refused(one, KEY))
        await another.stop()


async def test_a_timer_made_by_one_that_is_gone_is_fired_by_the_other(database: Database) -> None:
    async with servers(database, 1) as [one]:
        work = await declare_task(one.platform, one.account_id, "work", retry_count=1, retry_delay_seconds=0)
        job = await declare_job(one.platform, one.account_id, step("first", work))
        gone = Server(database)
        await gone.start()
        await gone.launches(job)
        [held] = await gone.platform.executions.claim(gone.claim(work, lease=1), 0, Presence())
        await gone.stop()
        [again] = await one.claims(work, wait=LONG)
        assert (again.attempt, again.job_execution_id) == (2, held.job_execution_id)


async def test_what_another_let_go_of_without_a_word_is_found(database: Database) -> None:
    async with servers(database, 1) as [one]:
        work = await declare_task(one.platform, one.account_id, "work")
        job = await declare_job(one.platform, one.account_id, step("first", work))
        await one.launches(job)
        other = await asyncpg.connect(database.url)
        await other.execute("BEGIN; SELECT FROM task_executions FOR UPDATE")
        poll = asyncio.create_task(one.claims(work, wait=LONG))
        await nothing_under_way([one])
        assert not poll.done()
        await other.close()
        assert len(await poll) == 1


# -- the beginning


async def test_servers_that_start_at_once_make_one_account(database: Database) -> None:
    async with servers(database, 4) as here:
        assert len({server.account_id for server in here}) == 1
        assert database.sql("SELECT count(*) FROM accounts", "SELECT count(*) FROM pipelines") == "1\n1"
        assert database.sql("SELECT count(*) FROM api_keys WHERE revoked_at IS NULL") == "1"


async def test_only_the_first_to_come_spares_leases(database: Database) -> None:
    """Or servers that are restarted one after the other would keep the lease of a dead worker alive."""
    async with servers(database, 1) as [one]:
        work = await declare_task(one.platform, one.account_id, "work", retry_count=1, retry_delay_seconds=0)
        job = await declare_job(one.platform, one.account_id, step("first", work))
        await one.launches(job)
        [held] = await one.platform.executions.claim(one.claim(work, lease=2), 0, Presence())
        for _ in range(3):
            next_one = Server(database)
            await next_one.start()
            await next_one.stop()
        assert (await one.platform.executions.task_execution(one.account_id, held.id)) == held
    before = held.lease_expires_at or 0
    async with servers(database, 1) as [one]:

        async def is_spared() -> bool:
            spared = await one.platform.executions.task_execution(one.account_id, held.id)
            return spared.status == "IN_PROGRESS" and (spared.lease_expires_at or 0) > before

        await until(is_spared, seconds=60)


# -- connections that are lost


async def test_after_a_lost_connection_everybody_looks_once(database: Database) -> None:
    async with servers(database) as [one, other]:
        work = await declare_task(one.platform, one.account_id, "work")
        job = await declare_job(one.platform, one.account_id, step("first", work))
        poll = asyncio.create_task(other.claims(work, wait=LONG))
        await nothing_under_way([other])
        for _ in range(5):  # the launch falls at any moment of the loss
            await asyncio.to_thread(database.cut)
            await one.launches(job)
            [held] = await poll
            await one.platform.executions.report(one.report(held))
            poll = asyncio.create_task(other.claims(work, wait=LONG))
        poll.cancel()


async def test_a_key_is_not_trusted_from_memory_while_nobody_is_heard(database: Database) -> None:
    async with servers(database) as [one, other]:
        record, key = await one.platform.keys.create(one.account_id, "ci")
        await other.platform.keys.caller(key)
        await asyncio.to_thread(database.cut)
        await one.platform.keys.revoke(one.account_id, record.id)
        await until(lambda: is_refused(other, key))


# -- under load


async def test_the_same_idempotency_key_makes_one_execution_wherever_it_comes(database: Database) -> None:
    async with servers(database, 3) as here:
        one = here[0]
        work = await declare_task(one.platform, one.account_id, "work")
        job = await declare_job(one.platform, one.account_id, step("first", work))
        for round in range(10):
            made = await asyncio.gather(*(server.launches(job, f"key-{round}") for server in here for _ in range(5)))
            assert len(set(made)) == 1
        assert database.sql("SELECT count(*) FROM job_executions") == "10"


async def test_load_keeps_slots_limits_order_and_attempts(database: Database) -> None:
    """Everything at once on three servers: nothing more runs than may, nothing is lost, nothing waits in a circle."""
    before = database.sql(DEADLOCKS)
    async with servers(database, 3) as here:
        one = here[0]
        line = await declare_pipeline(one.platform, one.account_id, 1)
        wide = await declare_pipeline(one.platform, one.account_id, 5)
        limited = await declare_task(one.platform, one.account_id, "limited", concurrent_exec_limit=3, retry_count=5)
        free = await declare_task(one.platform, one.account_id, "free", retry_count=5, retry_delay_seconds=0)
        await asyncio.gather(*(server.platform.catalog.tasks(server.account_id, Part()) for server in here))
        in_line = await declare_job(one.platform, one.account_id, step("only", free), pipeline=line)
        in_wide = await declare_job(
            one.platform, one.account_id, step("first", limited), step("second", free), pipeline=wide
        )
        load = Load(here, [limited, free], {in_line.id: in_line, in_wide.id: in_wide}, [line, wide])
        watching = asyncio.create_task(never(database, load))
        await load.run(launches=150)
        load.over = True
        looks = await watching
        assert looks > 20
        assert database.sql("SELECT count(*) FROM job_executions") == "300"
        assert database.sql("SELECT count(*) FROM job_executions WHERE ended_at IS NULL") == "0"
        assert database.sql("SELECT count(*) FROM task_executions WHERE ended_at IS NULL") == "0"
        order = [int(at) for at in database.sql(STARTS).split()]
        assert order == sorted(order) and len(order) == 150
    assert database.sql(DEADLOCKS) == before


class Load:
    """Launchers, workers, cancellers and somebody who changes pipelines, each on any of the servers."""

    def __init__(
        self, here: list[Server], tasks: list[TaskRecord], jobs: dict[str, JobRecord], pipelines: list[PipelineRecord]
    ) -> None:
        self.here = here
        self.tasks = tasks
        self.jobs = jobs
        self.pipelines = pipelines
        self.over = False
        self.accepted: Counter[str] = Counter()
        self.chance = random.Random(7)

    def any(self) -> Server:
        return self.chance.choice(self.here)

    async def run(self, launches: int) -> None:
        workers = [asyncio.create_task(self.work()) for _ in range(12)]
        others = [asyncio.create_task(self.cancel()), asyncio.create_task(self.resize())]
        await asyncio.gather(*(self.launch(job, launches // 5) for job in self.jobs.values() for _ in range(5)))
        await until(self.is_done, seconds=200)
        for task in (*workers, *others):
            task.cancel()
        for end in await asyncio.gather(*workers, *others, return_exceptions=True):
            assert isinstance(end, asyncio.CancelledError), end
        assert set(self.accepted.values()) == {1}

    async def launch(self, job: JobRecord, count: int) -> None:
        for _ in range(count):
            await self.any().launches(job)

    async def work(self) -> None:
        while True:
            tasks = self.chance.sample(self.tasks, self.chance.choice([1, 2]))
            held = await self.any().claims(*tasks, limit=self.chance.randint(1, 4), wait=0.2)
            await asyncio.gather(*map(self.do, held))

    async def do(self, held: TaskExecutionRecord) -> None:
        fate = self.chance.random()
        server = self.any()
        try:
            if fate < 0.3:
                await server.platform.executions.report(server.report(held, "IN_PROGRESS"))
            if fate < 0.1:
                await server.platform.executions.report(server.report(held, "SCHEDULED"))
            elif fate < 0.2:
                await server.platform.executions.report(server.report(held, "FAILED"))
            else:
                twice = [self.any() for _ in range(self.chance.choice([1, 2]))]
                await asyncio.gather(*(one.platform.executions.report(one.report(held)) for one in twice))
                self.accepted[f"{held.job_execution_id} {held.path}"] += 1
        except Conflict:
            pass  # its job execution was cancelled meanwhile

    async def cancel(self) -> None:
        wide = next(job for job in self.jobs.values() if job.pipeline_id == self.pipelines[1].id)
        while True:
            server = self.any()
            for row in await server.platform.executions.job_executions(server.account_id, Part(limit=20), wide.id):
                if row.status not in JOB_EXECUTION_ENDED and self.chance.random() < 0.1:
                    try:
                        await self.any().platform.executions.cancel(Cancel(server.account_id, row.id, "load"))
                    except DataFactoryError as error:
                        assert error.code == "job_execution_ended"

    async def resize(self) -> None:
        while True:
            for pipeline in self.pipelines:
                server = self.any()
                same = PipelineDefinition(title=pipeline.title, slots=pipeline.slots)
                await server.platform.catalog.update_pipeline(server.account_id, pipeline.id, same)
            await asyncio.sleep(0.05)

    async def is_done(self) -> bool:
        one = self.here[0]
        found = await one.platform.executions.job_executions(one.account_id, Part(limit=1_000))
        return all(row.status in JOB_EXECUTION_ENDED for row in found)


DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"

STARTS = """
SELECT e.started_at FROM job_executions AS e JOIN pipelines AS p ON p.id = e.pipeline_id
WHERE p.slots = 1 AND NOT p.is_default = 1 ORDER BY e.seq
"""

NEVER = """
SELECT 'slots', p.id FROM pipelines AS p
WHERE (SELECT count(*) FROM job_executions AS e WHERE e.pipeline_id = p.id AND e.status = 'RUNNING') > p.slots
UNION ALL
SELECT 'tally', p.id FROM pipelines AS p WHERE (p.running, p.pending) <> (
    SELECT count(*) FILTER (WHERE e.status = 'RUNNING'), count(*) FILTER (WHERE e.status = 'PENDING')
    FROM job_executions AS e WHERE e.pipeline_id = p.id
)
UNION ALL
SELECT 'limit', t.id FROM tasks AS t WHERE t.key = 'limited'
    AND (SELECT count(*) FROM task_executions AS e WHERE e.task_id = t.id AND e.status = 'IN_PROGRESS') > 3
UNION ALL
SELECT 'attempts', min(e.id) FROM task_executions AS e WHERE e.ended_at IS NULL
GROUP BY e.job_execution_id HAVING count(*) > 1
UNION ALL
SELECT 'orphans', e.id FROM task_executions AS e JOIN job_executions AS j ON j.id = e.job_execution_id
WHERE e.ended_at IS NULL AND j.ended_at IS NOT NULL
UNION ALL
SELECT 'stuck', j.id FROM job_executions AS j WHERE j.status = 'RUNNING'
    AND NOT EXISTS (SELECT FROM task_executions AS e WHERE e.job_execution_id = j.id AND e.ended_at IS NULL)
"""


async def never(database: Database, load: Load) -> int:
    """Look at the whole state again and again for what must never be; how often that was."""
    looks = 0
    while not load.over:
        assert await asyncio.to_thread(database.sql, NEVER) == ""
        looks += 1
    return looks


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while not await holds():
        assert clock() < end, f"not within {seconds} s"
        await asyncio.sleep(0.01)


async def is_refused(server: Server, key: str) -> bool:
    try:
        await server.platform.keys.caller(key)
    except Unauthorized:
        return True
    return False


async def nothing_under_way(here: list[Server]) -> None:
    """What was asked has been looked at, and now waits."""
    await asyncio.sleep(0.05)
    for server in here:
        await server.platform.dispatcher.stop()


async def test_control_flow_goes_on_at_whichever_server_a_report_comes_to(database: Database) -> None:
    async with servers(database) as [one, other]:
        work = await declare_task(one.platform, one.account_id, "work")
        end: dict[str, Any] = {"name": "end", "taskReferenceName": "end", "type": "TERMINATE"}
        end["inputParameters"] = {"terminationStatus": "COMPLETED", "outputParameters": {"v": "${body.output.v}"}}
        way: dict[str, Any] = {
            "name": "way",
            "taskReferenceName": "way",
            "type": "SWITCH",
            "expression": "$.v > 1 ? 'END' : 'ON'",
        }
        way |= {"inputParameters": {"v": "${body.output.v}"}, "decisionCases": {"END": [end]}}
        loop: dict[str, Any] = {
            "name": "loop",
            "taskReferenceName": "loop",
            "type": "DO_WHILE",
            "loopCondition": "true",
        }
        loop["loopOver"] = [step("body", work), way]
        job = await declare_job(one.platform, one.account_id, loop)
        id = await one.launches(job)
        for number, here in enumerate((other, one, other)):
            (held,) = await here.claims(work)
            await here.platform.executions.report(here.report(held, output={"v": number}))
        ended = await one.platform.executions.job_execution(one.account_id, id)
        assert (ended.status, ended.output) == ("COMPLETED", '{"v":2}')
        rows = await one.platform.executions.task_executions(one.account_id, id, Part(limit=100))
        assert [f"{row.path} {row.status}" for row in rows] == [
            "loop CANCELED",
            "body[1] COMPLETED",
            "way[1] COMPLETED",
            "body[2] COMPLETED",
            "way[2] COMPLETED",
            "body[3] COMPLETED",
            "way[3] COMPLETED",
            "end[3] COMPLETED",
        ]
