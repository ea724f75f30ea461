"""How PostgreSQL goes about each statement of the hot path: EXPLAIN (ANALYZE, BUFFERS), on a big store.

The statements are those that real batches and real reads run, with the values that they run with, under the settings of
the server's own sessions; each is explained and undone, and then really run. In the end all of it is rolled back.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.big import Marks, big
from benchmarks.measuring import Scale, end_in_order
from benchmarks.place import opened
from data_factory.model.ids import IdMaker
from data_factory.model.records import TaskExecutionRecord
from data_factory.service.batch import run_batch
from data_factory.service.clock import SteadyClock
from data_factory.service.commands import Claim, Command, FireTimers, IdempotencyKey, Launch, Report
from data_factory.service.graphs import Graphs
from data_factory.service.paging import Part
from data_factory.service.vault import Vault
from data_factory.store.postgresql.database import connect
from data_factory.store.postgresql.reads import PostgresqlReads
from data_factory.store.postgresql.statements import statements
from data_factory.store.postgresql.transaction import PostgresqlTransaction

OF_A_KIND: Final = 64
"""How many commands of each kind make a batch."""

_TIME: Final = re.compile(r"^Execution Time: ([\d.]+) ms", re.MULTILINE)
_BUFFERS: Final = re.compile(r"Buffers: shared (?:hit=(\d+))?(?: ?read=(\d+))?")


class Explaining:
    """A connection that explains each named statement the first time that it is to run it in a batch."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._connection = connection
        self._names = {statement.sql: name for name, statement in statements().items()}
        self._prepared: set[str] = set()
        self.batch = ""
        self.plans: dict[tuple[str, str], str] = {}

    async def fetch(self, sql: str, *values: Any) -> Any:
        await self._explain(sql, values)
        return await self._connection.fetch(sql, *values)

    async def execute(self, sql: str, *values: Any) -> Any:
        await self._explain(sql, values)
        return await self._connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    async def _explain(self, sql: str, values: Sequence[Any]) -> None:
        name = self._names.get(sql)
        if name is None or (self.batch, name) in self.plans or sql.startswith("LOCK"):
            return
        if name not in self._prepared:
            await self._connection.execute(f"PREPARE explained_{name} AS {sql}")
            self._prepared.add(name)
        given = f"({', '.join(map(literal, values))})" if values else ""
        await self._connection.execute("SAVEPOINT explained")
        rows = await self._connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS) EXECUTE explained_{name}{given}")
        await self._connection.execute("ROLLBACK TO SAVEPOINT explained")
        self.plans[self.batch, name] = "\n".join(row[0] for row in rows)


def literal(value: Any) -> str:
    """A value as SQL has it, whatever its type is to be.

    >>> literal(["a'b", None, 3]), literal(None)
    ('\\'{"a\\'\\'b",NULL,"3"}\\'', 'NULL')
    """
    if value is None:
        return "NULL"
    text = "{" + ",".join(map(_element, value)) + "}" if isinstance(value, list | tuple) else str(value)
    return "'" + text.replace("'", "''") + "'"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


async def explain(url: str, marks: Marks) -> dict[tuple[str, str], str]:
    """The plan of each statement, by the batch that runs it and its name."""
    connection = await connect(url)
    await connection.execute("BEGIN")
    try:
        explaining: Any = Explaining(connection)
        await _batches(explaining, marks)
        await _reads(explaining, marks)
        plans: dict[tuple[str, str], str] = explaining.plans
        return plans
    finally:
        connection.terminate()


async def _batches(connection: Any, marks: Marks) -> None:
    transaction, graphs, clock = PostgresqlTransaction(connection), Graphs(), SteadyClock()
    new_id = IdMaker(clock)
    account = await transaction.first_account()
    assert account is not None
    scene = marks.scene

    async def run(name: str, commands: Sequence[Command]) -> list[Any]:
        connection.batch = name
        done = await run_batch(transaction, commands, clock(), new_id, graphs, Vault())
        await transaction.seal("explained", 1, ["news"])
        return done.answers

    def launch(number: int) -> Launch:
        key = IdempotencyKey(f"explained-{number}", "")
        return Launch(new_id(), account.id, scene.job_id, '{"power":10}', None, "API", account.id, key)

    await run("launch", [launch(number) for number in range(OF_A_KIND)])
    claim = Claim(account.id, (scene.task_id,), limit=OF_A_KIND, lease_ms=60_000, claim_id="explained")
    (taken,) = await run("claim", [claim])
    held: list[TaskExecutionRecord] = taken
    await run("heartbeat", [Report(account.id, one.id, "IN_PROGRESS", lease=one.lease) for one in held])
    await run("report", [Report(account.id, one.id, "COMPLETED", '{"v":1}', one.lease) for one in held])
    await run("timers", [FireTimers()])


async def _reads(connection: Any, marks: Marks) -> None:
    connection.batch = "read"
    reads = PostgresqlReads(connection)
    account = await reads.first_account()
    assert account is not None
    part = Part(cursor=marks.middle_id, limit=100)
    await reads.job_execution(account.id, marks.finished_id)
    await reads.job_executions_of_account(account.id, part)
    await reads.job_executions_of_job(account.id, marks.scene.job_id, part)
    for task_execution in await reads.task_executions_of_job(account.id, marks.finished_id, Part(limit=100)):
        await reads.task_execution(account.id, task_execution.id)
    await reads.tasks_of_account(account.id, Part(limit=100))
    await reads.jobs_of_account(account.id, Part(limit=100))
    await reads.pipelines_of_account(account.id, Part(limit=100))
    await reads.waiting_pipelines()
    await reads.next_timer()


def show(plans: dict[tuple[str, str], str], console: Console) -> None:
    """Print what each statement took, and then its plan."""
    table = Table("batch", "statement", "ms", "buffers hit", "read", show_edge=False)
    for (batch, name), plan in plans.items():
        took = _TIME.search(plan)
        buffers = _BUFFERS.search(plan)
        table.add_row(batch, name, took[1] if took else "", *(buffers.groups("0") if buffers else ("0", "0")))
    console.print(table)
    for (batch, name), plan in plans.items():
        console.print(f"\n[bold]{batch}: {name}")
        console.print(plan, highlight=False, markup=False, soft_wrap=True)


def main() -> None:
    """Explain, and print."""
    parser = argparse.ArgumentParser(prog="make explain ARGS=…", description=__doc__)
    parser.add_argument("--rows", type=int, default=Scale().rows, help="how many executions of each kind (1,000,000)")
    parser.add_argument("--where", type=Path, default=Path(".benchmarks"), help="where the data is")
    asked = parser.parse_args()
    end_in_order()
    with opened(asked.where, "postgresql") as place:
        data, marks = big(place, asked.rows)
        plans = uvloop.run(explain(data.url, marks))
    show(plans, Console(width=max(Console().width, 100)))


if __name__ == "__main__":
    main()
