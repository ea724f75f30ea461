"""What `make explain` and `make profile` print can be believed."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.big import fill, marks_of
from benchmarks.explain import explain
from benchmarks.place import Place
from benchmarks.profiling import NotAllowed, profile, shared_out
from benchmarks.scene import drive

HOT = {
    ("launch", "insert_job_executions"),
    ("claim", "claimable_task_executions"),
    ("claim", "update_task_executions"),
    ("heartbeat", "update_task_executions"),
    ("report", "update_job_executions"),
    ("report", "pending_job_executions"),
    ("report", "insert_task_executions"),
    ("timers", "due_task_executions"),
    ("read", "job_executions_of_job"),
}


def test_the_plan_of_each_hot_statement_is_that_of_a_real_run_and_nothing_is_kept_of_it(postgresql: Place) -> None:
    with postgresql.data() as data:
        fill(data, 200)
        count = "SELECT count(*) FROM job_executions"
        before = data.postgres.sql(count, database=data.database) if data.postgres else ""
        plans = asyncio.run(explain(data.url, marks_of(data)))
        assert plans.keys() >= HOT
        assert all("Execution Time" in plan for plan in plans.values())
        assert "Update on task_executions" in plans["claim", "update_task_executions"]
        assert data.postgres is not None
        assert data.postgres.sql(count, database=data.database) == before


def test_a_sample_counts_for_the_innermost_function_that_has_a_room() -> None:
    main = "run (/lib/python3.11/asyncio/runners.py)"
    api = "answer (/x/src/data_factory/api/routing.py)"
    rooms, functions = shared_out(
        [
            f"{main} 1",
            f"{main};{api} 2",
            f"{main};{api};dumps (/lib/python3.11/json/__init__.py) 4",
            f"{main};{api};start (/x/src/data_factory/engine/decider.py:12) 8",
            "main (<frozen runpy>) 16",
        ]
    )
    assert rooms == {"loop: uvloop, asyncio": 1, "api": 6, "engine": 8, "elsewhere": 16}
    assert functions["api", "routing.py answer"] == 6


def test_a_server_under_load_is_sampled(sqlite: Place) -> None:
    try:
        found = profile(sqlite, drive, seconds=1, jobs=160)
    except NotAllowed as error:
        pytest.skip(str(error))
    assert found.server_us > 0
    assert {"store", "api", "service"} <= found.rooms.keys()
