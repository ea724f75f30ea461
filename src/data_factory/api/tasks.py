"""Tasks: the custom tasks of an account, and the poll for their work."""

from __future__ import annotations

from typing import Final

from data_factory.api.call import Call
from data_factory.api.finding import SORTING, find_in, is_sorted, of_key
from data_factory.api.lists import LISTS
from data_factory.api.presenting import Wire, present_task, present_task_execution
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.definitions import TaskDefinition
from data_factory.model.errors import IdempotencyKeyReused, KeyTaken, NotFound, NothingToDo, TaskInUse
from data_factory.model.resources import Page, Task, TaskExecution
from data_factory.service.commands import Claim

routes: Final = Routes("Tasks")

ECHOES: Final = frozenset({"object", "id", "createdAt", "updatedAt"})
"""What a client may send back unchanged in a PUT."""


@routes.post(
    "/tasks", body=TaskDefinition, answer=Task, status=201, errors=(KeyTaken, IdempotencyKeyReused), idempotent=True
)
async def create_task(call: Call, body: TaskDefinition) -> Wire:
    """Declare a custom task."""
    return present_task(
        await call.platform.catalog.create_task(call.account_id, body, call.idempotency(), by=call.actor)
    )


@routes.get("/tasks", answer=Page[Task], query=(*PAGING, *SORTING, Query("key", "Only the task with this key.")))
async def list_tasks(call: Call) -> Wire:
    """List the tasks, newest first."""
    if is_sorted(call):
        return await find_in(call, Task, LISTS[Task](call), of_key(call))
    tasks = await call.platform.catalog.tasks(call.account_id, call.part(), call.query("key"))
    return call.listed(tasks, present_task, lambda task: str(task.id))


@routes.get("/tasks/{id}", answer=Task, errors=(NotFound,))
async def get_task(call: Call) -> Wire:
    """Get a task."""
    return present_task(await call.platform.catalog.task(call.account_id, call.path["id"]))


@routes.put(
    "/tasks/{id}",
    body=TaskDefinition,
    echoes=ECHOES,
    answer=Task,
    status=201,
    errors=(NotFound, KeyTaken, TaskInUse),
)
async def update_task(call: Call, body: TaskDefinition) -> Wire:
    """Replace the definition of a task."""
    return present_task(await call.platform.catalog.update_task(call.account_id, call.path["id"], body, by=call.actor))


@routes.delete("/tasks/{id}", answer=Task, status=201, errors=(NotFound, TaskInUse))
async def delete_task(call: Call) -> Wire:
    """Delete a task that no job uses."""
    return present_task(await call.platform.catalog.delete_task(call.account_id, call.path["id"], by=call.actor))


@routes.get("/task/{id}/poll", answer=TaskExecution, errors=(NotFound, NothingToDo), waits=True, takes=True)
@routes.get("/tasks/{id}/poll", answer=TaskExecution, errors=(NotFound, NothingToDo), waits=True, takes=True)
async def poll_task(call: Call) -> Wire:
    """Claim the oldest waiting execution of a task, for the task's `responseTimeoutSeconds`; 404 when none waits."""
    wait = call.wait()
    claim = Claim(account_id=call.account_id, task_ids=(call.path["id"],))
    async with call.presence(wait) as presence:
        for execution in await call.platform.executions.claim(claim, wait, presence):
            return present_task_execution(execution, to_worker=True)
    raise NothingToDo
