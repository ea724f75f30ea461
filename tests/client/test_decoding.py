from __future__ import annotations

import json
from typing import Any

import pytest

from data_factory.client.call import Listing
from data_factory.client.decoding import UNKNOWN_TIME, decode
from data_factory.model.resources import Job, JobExecution, Task, TaskExecution

HOSTED_TASK_EXECUTION = {
    "object": "task_execution", "id": "a", "taskId": "b", "createdAt": "2023-07-31T09:11:33.236Z",
    "updatedAt": "2023-07-31T09:11:33.236Z", "status": "IN_PROGRESS", "input": {"power": 10}, "output": {},
}  # fmt: skip


def read(document: Any, result: type[Any]) -> Any:
    return decode(json.dumps(document).encode(), result)


def test_an_answer_of_the_hosted_platform_lacks_what_we_add() -> None:
    execution: TaskExecution = read(HOSTED_TASK_EXECUTION, TaskExecution)
    assert (execution.id, execution.task_id, execution.input) == ("a", "b", {"power": 10})
    assert execution.created_at.isoformat() == "2023-07-31T09:11:33.236000+00:00"
    assert (execution.attempt, execution.lease, execution.failure) == (0, None, None)


def test_a_time_that_is_not_told_is_unknown() -> None:
    task: Task = read({"object": "task", "id": "x", "key": "k", "status": "ACTIVE"}, Task)
    assert (task.created_at, task.retry_count, task.input_keys) == (UNKNOWN_TIME, 0, ())


def test_unknown_task_types_statuses_and_fields_are_kept_or_ignored() -> None:
    task = {"name": "n", "taskReferenceName": "t", "type": "SWITCH", "decisionCases": {}, "isOptional": True}
    job: Job = read({"object": "job", "id": "x", "key": "k", "status": "ARCHIVED", "tasks": [task]}, Job)
    assert (job.status, job.tasks[0].type, job.tasks[0].is_optional) == ("ARCHIVED", "SWITCH", True)


def test_a_list_without_cursor_differs_from_one_at_its_end() -> None:
    hosted: Listing[Task] = read({"object": "list", "data": [{"id": "x", "key": "k"}]}, Listing[Task])
    ours: Listing[Task] = read({"object": "list", "data": [], "nextCursor": None}, Listing[Task])
    assert hosted.next_cursor != ours.next_cursor
    assert hosted.data[0].key == "k"


def test_integers_of_any_size_pass_exactly() -> None:
    execution: JobExecution = read({"id": "x", "status": "COMPLETED", "output": {"result": 2**10_000}}, JobExecution)
    assert execution.output == {"result": 2**10_000}


@pytest.mark.parametrize("wrong", [[], "x", {"status": "FAILED"}, {"id": 3, "status": "FAILED"}, {"id": "x"}])
def test_what_is_no_such_resource_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"missing|not what it should be"):
        read(wrong, JobExecution)
