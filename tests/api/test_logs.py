"""Logs, over HTTP: as the platform documents them, many at a time, and listed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from data_factory.model.resources import Log, Logged
from tests.api.contract import decoded
from tests.api.factory import NO_ID, SECRET, Factory, Json, made, paths_of, refused, told


def line(run: Json, **more: Any) -> Json:
    return {"message": SECRET, "emitterName": "tests", "eventCorrelationId": run["id"], **more}


def listed(api: httpx.Client, run: Json, **query: str) -> list[Json]:
    data: list[Json] = told(api.get(f"/job_executions/{run['id']}/logs", params=query))["data"]
    return data


def test_a_task_tells_something_with_the_correlation_id_that_it_was_given(api: httpx.Client, factory: Factory) -> None:
    _, run, held = factory.held()
    cid = held["input"]["eventCorrelationId"]
    answer = api.post("/logs", json=line(run, eventCorrelationId=cid), headers={"cid": cid})
    log = decoded(answer, Log)
    assert (log.job_execution_id, log.severity, log.message_type, log.kept) == (run["id"], "info", "DEFAULT", True)
    assert listed(api, run) == [answer.json()]


def test_the_header_says_which_execution_and_the_body_what_belongs_together(
    api: httpx.Client, factory: Factory
) -> None:
    _, run = factory.waiting()
    made(api.post("/logs", json=line(run, eventCorrelationId="import of the night"), headers={"cid": run["id"]}))
    assert len(listed(api, run)) == 1


def test_everything_that_can_be_told(api: httpx.Client, factory: Factory) -> None:
    _, run, held = factory.held()
    given = line(
        run,
        message="# 400 of 1,000\n\n*rows*",
        severity="warning",
        messageType="MARKDOWN",
        taskExecutionId=held["id"],
        loggedAt="2026-11-25T20:00:00.123+01:00",
    )
    log = decoded(api.post("/logs", json=given), Log)
    assert log.logged_at == datetime(2026, 11, 25, 19, 0, 0, 123_000, tzinfo=UTC)
    assert (log.severity, log.message_type, log.task_execution_id) == ("warning", "MARKDOWN", held["id"])


def test_many_at_a_time_in_their_order_and_one_that_is_refused_hinders_no_other(
    api: httpx.Client, factory: Factory
) -> None:
    _, run = factory.waiting()
    lines = [line(run, message=f"{n}") for n in range(50)]
    lines[7]["eventCorrelationId"] = NO_ID
    answer = decoded(api.post("/logs/batch", json={"logs": lines}), Logged)
    assert [result.kept for result in answer.results] == [n != 7 for n in range(50)]
    assert answer.results[7].code == "invalid"
    assert [log["message"] for log in listed(api, run, size="100")] == [f"{n}" for n in range(50) if n != 7]


def test_the_list_goes_on_from_where_it_was_and_shows_what_is_bad_enough(api: httpx.Client, factory: Factory) -> None:
    _, run = factory.waiting()
    severities = ["info", "error", "warning"] * 2
    lines = [line(run, message=f"{n}", severity=severity) for n, severity in enumerate(severities)]
    told(api.post("/logs/batch", json={"logs": lines}))
    first = told(api.get(f"/job_executions/{run['id']}/logs", params={"size": 4}))
    rest = listed(api, run, size="4", cursor=first["nextCursor"])
    assert [log["message"] for log in (*first["data"], *rest)] == [f"{n}" for n in range(6)]
    assert [log["severity"] for log in listed(api, run, severity="warning")] == severities[1:3] * 2
    assert [log["severity"] for log in listed(api, run, severity="error")] == ["error"] * 2


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"message": None}, "message"),
        ({"message": "x" * 100_001}, "message"),
        ({"message": "a\0b"}, "message"),
        ({"emitterName": ""}, "emitterName"),
        ({"eventCorrelationId": NO_ID}, "eventCorrelationId"),
        ({"eventCorrelationId": "../..", "severity": "info"}, "eventCorrelationId"),
        ({"severity": "fatal"}, "severity"),
        ({"messageType": "HTML"}, "messageType"),
        ({"loggedAt": "yesterday"}, "loggedAt"),
        ({"loggedAt": "2026-11-25T20:00:00"}, "loggedAt"),
        ({"level": "info"}, "level"),
    ],
)
def test_what_is_wrong_is_told(api: httpx.Client, factory: Factory, change: Json, path: str) -> None:
    _, run = factory.waiting()
    assert path in paths_of(refused(api.post("/logs", json=line(run, **change)), 400, "invalid"))
    assert listed(api, run) == []


def test_a_severity_that_is_not_there_cannot_be_asked_for(api: httpx.Client, factory: Factory) -> None:
    _, run = factory.waiting()
    answer = api.get(f"/job_executions/{run['id']}/logs", params={"severity": "fatal"})
    assert paths_of(refused(answer, 400, "invalid")) == {"severity"}


def test_another_account_neither_sees_nor_tells_anything(
    api: httpx.Client, stranger: httpx.Client, factory: Factory
) -> None:
    _, run = factory.waiting()
    made(api.post("/logs", json=line(run)))
    refused(stranger.get(f"/job_executions/{run['id']}/logs"), 404, "not_found")
    refused(stranger.post("/logs", json=line(run)), 400, "invalid")
    refused(stranger.post("/logs", json=line(run), headers={"cid": run["id"]}), 400, "invalid")
    assert len(listed(api, run)) == 1
