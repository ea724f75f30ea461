"""What control flow costs: each branch of a wide fork, each time round of a long loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import msgspec
import uvloop

from benchmarks.course import Course, ends, others_at_work
from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.scene import Scene, launch_of, prepare, work
from benchmarks.server import Server
from benchmarks.wire import connected

AT_A_TIME: Final = 10
"""How many branches a worker claims and reports in one call."""

NAME: Final = "${account}/power"

JOIN: Final = {"name": "join", "taskReferenceName": "join", "type": "JOIN"}


def fork(place: Place, scale: Scale) -> list[Figure]:
    """A job that is a fork of 1,000 branches of one task each, and their JOIN: how long it takes until all have begun
    (100 in a transaction), and then, with a worker that does ten of them in a call, until they are joined; and how long
    such a call takes among the first tenth, in the middle and among the last."""
    branches = scale.of(1_000, 50)
    return _measured(place, _listed(branches), branches)


def wide_fork(place: Place, scale: Scale) -> list[Figure]:
    """As `fork`, with 9,998 branches: as many as a job can have. Then another execution of it is canceled when all have
    begun; and while branches begin, somebody else launches and works: the longest that one of those requests took."""
    branches = scale.of(9_998, 60)
    return _measured(place, _listed(branches), branches)


def dynamic_fork(place: Place, scale: Scale) -> list[Figure]:
    """As `wide`, with a FORK_JOIN_DYNAMIC that is given 10,000 inputs of one task when it runs."""
    branches = scale.of(10_000, 60)
    return _measured(place, dynamic(branches), branches)


def loop(place: Place, scale: Scale) -> list[Figure]:
    """A job that is a loop of 10,000 iterations of one task, with a worker that claims the next one in the call that
    reports the last: the time of an iteration, its condition in JavaScript included, at both ends and in the middle;
    and how long a cancel takes of an execution that is in its last iteration but one."""
    rounds = scale.of(10_000, 50)
    with place.server() as server:
        early, middle, late, canceled = uvloop.run(_looped(server, rounds))
    return [
        Figure("an iteration among the first tenth", early * 1e3, "ms"),
        Figure("an iteration in the middle", middle * 1e3, "ms"),
        Figure("an iteration among the last tenth", late * 1e3, "ms"),
        Figure("last / first", late / early, "x", Goal("≤", 1.1)),
        Figure("a cancel at its end", canceled * 1e3, "ms"),
    ]


def dynamic(branches: int) -> dict[str, Any]:
    """A fork that is told of so many branches when it runs."""
    given = {"forkTaskName": "power", "forkTaskInputs": [{"power": number % 10} for number in range(branches)]}
    return {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN_DYNAMIC", "inputParameters": given}


def _listed(branches: int) -> dict[str, Any]:
    """A fork of so many branches, each of which is written down in the job."""
    ways = [[{"name": NAME, "taskReferenceName": f"t{number}", "type": "SUB_WORKFLOW"}] for number in range(branches)]
    return {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": ways}


def _measured(place: Place, forking: dict[str, Any], branches: int) -> list[Figure]:
    with place.server() as server:
        course = uvloop.run(_forked(server, forking, branches))
    return [
        Figure("from create until all have begun", course.begun * 1e3, "ms"),
        Figure("from there until they are joined", course.joined * 1e3, "ms"),
        Figure("ten branches among the first tenth", course.early * 1e3, "ms"),
        Figure("ten branches in the middle", course.middle * 1e3, "ms"),
        Figure("ten branches among the last tenth", course.late * 1e3, "ms"),
        Figure("last / first", course.late / course.early, "x", Goal("≤", 1.2)),
        Figure("a cancel, with all branches waiting", course.canceled * 1e3, "ms"),
        Figure("the longest request of somebody else while they begin", course.longest * 1e3, "ms"),
    ]


async def _forked(server: Server, forking: dict[str, Any], branches: int) -> Course:
    marks: list[float] = []
    scene = await scene_of(server, forking, JOIN)
    began = time.perf_counter()
    run = await launched(server, scene)
    await all_begun(server, run, branches)
    begun = time.perf_counter() - began
    began = time.perf_counter()
    await work(server, scene, branches, AT_A_TIME, lambda held: marks.append(time.perf_counter()))
    await _ended(server, run)
    joined = time.perf_counter() - began
    async with others_at_work(server) as longest:
        run = await launched(server, scene)
        await all_begun(server, run, branches)
    return Course(begun, joined, *ends(marks), canceled=await canceled(server, run), longest=longest())


async def all_begun(server: Server, run: str, branches: int) -> None:
    """Wait until all branches of its fork are under way, those included that are to begin again."""
    async with connected(server) as connection:
        _, join = (await connection.call("GET", f"/job_executions/{run}/task_executions?size=2"))["data"]
        while join["output"]["begun"] < branches or join["output"].get("again"):
            await asyncio.sleep(0.005)
            join = await connection.call("GET", f"/task_executions/{join['id']}")


async def canceled(server: Server, run: str) -> float:
    """Cancel it; how long that took."""
    async with connected(server) as connection:
        began = time.perf_counter()
        await connection.call("POST", f"/job_executions/{run}/cancel", {"reason": "measured"})
        return time.perf_counter() - began


async def _looped(server: Server, rounds: int) -> tuple[float, float, float, float]:
    marks: list[float] = []
    over = [{"name": NAME, "taskReferenceName": "body", "type": "SUB_WORKFLOW"}]
    condition = {"loopCondition": f"$.loop.iteration < {rounds}", "loopOver": over}
    scene = await scene_of(server, {"name": "loop", "taskReferenceName": "loop", "type": "DO_WHILE", **condition})
    run = await launched(server, scene)
    await work(server, scene, rounds - 1, 1, lambda held: marks.append(time.perf_counter()))
    return *ends(marks), await canceled(server, run)


async def scene_of(server: Server, *tasks: dict[str, Any]) -> Scene:
    """A job of these tasks, which gives nothing back."""
    scene = await prepare(server)
    async with connected(server) as connection:
        job = {"key": "flow", "pipelineId": scene.pipeline_id, "tasks": tasks, "outputParameters": {}}
        published = await connection.call("POST", "/jobs", job)
    return msgspec.structs.replace(scene, job_id=published["id"])


async def launched(server: Server, scene: Scene) -> str:
    """Launch it; its id."""
    async with connected(server) as connection:
        return str((await connection.call("POST", "/job_executions", launch_of(scene)))["id"])


async def _ended(server: Server, run: str) -> None:
    """Make sure that it has come to its end, and well."""
    async with connected(server) as connection:
        execution = await connection.call("GET", f"/job_executions/{run}", wait=20)
    assert execution["status"] == "COMPLETED", execution
