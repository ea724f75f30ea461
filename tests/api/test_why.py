"""Why a job execution waits, over HTTP."""

from __future__ import annotations

import httpx

from data_factory.model.resources import Why
from tests.api.contract import decoded
from tests.api.factory import Factory, refused, step, told
from tests.running import until


def test_a_job_execution_says_why_it_waits_and_then_that_it_runs(api: httpx.Client, factory: Factory) -> None:
    task = factory.task(retryCount=2)
    job = factory.job(step(task), slots=1)
    run, second = factory.launch(job), factory.launch(job)
    [reason] = decoded(api.get(f"/job_executions/{second['id']}/why"), Why).reasons
    assert (reason.code, reason.position, reason.running) == ("waiting_for_slot", 1, (run["id"],))
    why = decoded(api.get(f"/job_executions/{run['id']}/why"), Why)
    assert [reason.code for reason in why.reasons] == ["no_worker"]
    assert why.message == why.reasons[0].message
    [held] = factory.claim(task, workerId="vm-7")
    [reason] = decoded(api.get(f"/job_executions/{run['id']}/why"), Why).reasons
    assert (reason.code, reason.worker_id, reason.attempts) == ("running", "vm-7", 3)
    assert reason.until is not None
    factory.report(held)
    [reason] = decoded(api.get(f"/job_executions/{run['id']}/why"), Why).reasons
    assert (reason.code, reason.message) == ("ended", "It has ended: it is COMPLETED.")

    def asked() -> bool:
        [reason] = told(api.get(f"/job_executions/{second['id']}/why"))["reasons"]
        return bool(reason["code"] == "waiting_for_worker" and reason["workerId"] == "vm-7")

    until(asked, "it is known that a worker asked")


def test_another_account_is_told_nothing(stranger: httpx.Client, factory: Factory) -> None:
    _, run = factory.waiting()
    refused(stranger.get(f"/job_executions/{run['id']}/why"), 404, "not_found")
