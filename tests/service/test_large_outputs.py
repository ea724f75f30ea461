"""What is too large to be one output is found to be so before it is read."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.json import decode

from data_factory.engine import scope
from data_factory.model.records import TaskExecutionRecord
from data_factory.store.promises import Pair
from data_factory.store.sqlite.verbs.task_executions import TaskExecutions
from tests.properties.test_control_flow import settle
from tests.workshop import workshop

JOIN = {"name": "j", "taskReferenceName": "join", "type": "JOIN"}


@pytest.mark.parametrize(("length", "status"), [(100, "COMPLETED"), (1_000_000, "FAILED")])
def test_what_branches_gave_is_read_if_it_can_be_one_output(
    length: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[TaskExecutionRecord] = []
    latest = TaskExecutions.latest_task_executions

    async def watched(verbs: TaskExecutions, pairs: Iterable[Pair]) -> list[TaskExecutionRecord]:
        rows = await latest(verbs, pairs)
        read.extend(row for row in rows if row.task_id)
        return rows

    monkeypatch.setattr(TaskExecutions, "latest_task_executions", watched)
    branches = scope.FEW + 2
    given = {"forkTaskName": "work", "forkTaskInputs": [{} for _ in range(branches)]}
    fork = {"name": "f", "taskReferenceName": "fork", "type": "FORK_JOIN_DYNAMIC", "inputParameters": given}
    with workshop() as shop:
        work = shop.task("work")
        shop.do(shop.launch(shop.job(fork, JOIN, outputParameters={"all": "${join.output}"})))
        settle(shop)
        for held in shop.do(shop.claim(work, limit=branches)):
            shop.do(shop.report(held, "COMPLETED", {"v": "x" * length}))
        (run,) = shop.executions()
        assert run.status == status
        assert run.failure is None or decode(run.failure)["code"] == "output_too_large"
        assert len(read) == (branches - 1 if status == "COMPLETED" else 0)
