"""What a new connection does before anybody has it."""

from __future__ import annotations

from typing import Final

from data_factory.store.postgresql.database import Connection
from data_factory.store.postgresql.statements import statements

REHEARSED: Final = (
    "jobs_by_id",
    "tasks_by_id",
    "hold_pipelines",
    "hold_job_executions_by_id",
    "hold_task_executions",
    "claimable_tasks",
    "claimable_task_executions",
    "insert_job_executions",
    "insert_task_executions",
    "update_job_executions",
    "update_task_executions",
)
"""What launches, claims, heartbeats and reports are made of. With NULL for each value, none finds or writes a row."""


async def rehearse(connection: Connection) -> None:
    """Have the database parse and plan what is asked most, and read what it knows of the tables.

    The first time takes a session ten times as long as each one after it. Whoever was given a new connection would
    wait for all that.
    """
    for name in REHEARSED:
        statement = statements()[name]
        await connection.fetch(statement.sql, *[None] * len(statement.parameters))
