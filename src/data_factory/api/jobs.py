"""Jobs: published and published again."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final

import msgspec

from data_factory.api.bodies import Misfit, what_fits
from data_factory.api.call import Call
from data_factory.api.presenting import Wire, present_job
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.definitions import JobBody, JobTaskBody
from data_factory.model.errors import IdempotencyKeyReused, Invalid, KeyTaken, NotFound
from data_factory.model.resources import Job, Page

routes: Final = Routes("Jobs")

ECHOES: Final = frozenset({"object", "id", "createdAt", "updatedAt", "version"})
"""What a client may send back unchanged in a PUT."""

_BLANK: Final = JobTaskBody(name="", task_reference_name="")
_FLOW: Final = {
    "type": "type",
    "evaluatorType": "evaluator_type",
    "expression": "expression",
    "caseValueParam": "case_value_param",
    "loopCondition": "loop_condition",
    "decisionCases": "decision_cases",
    "defaultCase": "default_case",
    "loopOver": "loop_over",
}
_INNER: Final = frozenset({"decisionCases", "defaultCase", "loopOver"})


async def refuse_job(call: Call, misfit: Misfit) -> Invalid:
    """Of a job that does not fit, what does is checked too: all that is wrong is told at once."""
    body = await asyncio.to_thread(_what_fits_of_a_job, misfit.value)
    return await call.platform.catalog.job_refusal(call.account_id, body, misfit.errors)


def _what_fits_of_a_job(value: Any) -> JobBody:
    """A job with blanks where something does not fit: to be checked (see `job_errors`), and no more."""
    sent = value.get("tasks") if isinstance(value, dict) else None
    return JobBody(**{"key": "", **what_fits(value, JobBody), "tasks": _what_fits_of_tasks(sent)})


def _what_fits_of_tasks(sent: Any) -> tuple[JobTaskBody, ...]:
    return tuple(map(_what_fits_of_a_task, sent)) if isinstance(sent, list) else (_BLANK,)


def _what_fits_of_a_task(sent: Any) -> JobTaskBody:
    """Where the control flow of a task does not fit, nothing is known of it, nor of the tasks in it."""
    with contextlib.suppress(msgspec.ValidationError):
        return msgspec.convert(sent, JobTaskBody)
    fitting = what_fits(sent, JobTaskBody)
    if not isinstance(sent, dict):
        return _BLANK
    if isinstance(cases := sent.get("decisionCases"), dict):
        fitting["decision_cases"] = {case: _what_fits_of_tasks(tasks) for case, tasks in cases.items()}
    for name, field in (("defaultCase", "default_case"), ("loopOver", "loop_over")):
        if name in sent:
            fitting[field] = _what_fits_of_tasks(sent[name])
    if any(name in sent and field not in fitting for name, field in _FLOW.items()):
        fitting = {name: value for name, value in fitting.items() if name not in _FLOW.values()} | {"name": ""}
        if _INNER & sent.keys():
            fitting["task_reference_name"] = ""
    return JobTaskBody(**{"name": "", "task_reference_name": "", **fitting})


@routes.post(
    "/jobs",
    body=JobBody,
    answer=Job,
    status=201,
    errors=(KeyTaken, IdempotencyKeyReused),
    idempotent=True,
    refuse=refuse_job,
)
async def create_job(call: Call, body: JobBody) -> Wire:
    """Publish a job. Everything that is wrong with it is told at once."""
    return present_job(await call.platform.catalog.create_job(call.account_id, body, call.idempotency()))


@routes.get("/jobs", answer=Page[Job], query=(*PAGING, Query("key", "Only the job with this key.")))
async def list_jobs(call: Call) -> Wire:
    """List the jobs, newest first."""
    jobs = await call.platform.catalog.jobs(call.account_id, call.part(), call.query("key"))
    return call.listed(jobs, present_job, lambda published: str(published[0].id))


@routes.get("/jobs/{id}", answer=Job, errors=(NotFound,))
async def get_job(call: Call) -> Wire:
    """Get a job."""
    return present_job(await call.platform.catalog.job(call.account_id, call.path["id"]))


@routes.put(
    "/jobs/{id}",
    body=JobBody,
    echoes=ECHOES,
    answer=Job,
    status=201,
    errors=(NotFound, KeyTaken),
    refuse=refuse_job,
)
async def update_job(call: Call, body: JobBody) -> Wire:
    """Publish the next version of a job. What runs goes on with the version that it started with."""
    return present_job(await call.platform.catalog.update_job(call.account_id, call.path["id"], body))
