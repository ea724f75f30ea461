"""One verb for many job executions, a portion at a time."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.factory import Factory, made, paths_of, refused, step, told


def test_all_of_a_job_are_canceled_in_portions_that_can_be_asked_for_again(
    api: httpx.Client, stranger: httpx.Client, factory: Factory
) -> None:
    job = factory.job(step(factory.task()), slots=2)
    runs = [factory.launch(job)["id"] for _ in range(5)]
    told(api.post(f"/job_executions/{runs[2]}/cancel"))
    asked: dict[str, Any] = {
        "verb": "cancel", "filter": {"type": "eq", "field": "jobId", "value": job["id"]}, "size": 3, "reason": "wrong"
    }  # fmt: skip

    def bulk(**more: Any) -> dict[str, Any]:
        return told(api.post("/job_executions/bulk", json=asked | more))

    assert told(stranger.post("/job_executions/bulk", json=asked))["data"] == []
    for verb in ("pause", "pause", "resume"):
        assert (bulk(verb=verb)["done"], bulk(verb=verb)["refused"]) == (3, 0)
    planned = bulk(dryRun=True)
    assert [one["id"] for one in planned["data"]] == [runs[4], runs[3], runs[1]]
    assert (planned["done"], planned["dryRun"]) == (0, True)
    first = bulk()
    assert [(one["id"], one["status"]) for one in first["data"]] == [(runs[n], "TERMINATED") for n in (4, 3, 1)]
    assert (first["done"], first["refused"]) == (3, 0)
    late = factory.launch(job)["id"]
    second = bulk(cursor=first["nextCursor"])
    assert ([one["id"] for one in second["data"]], second["nextCursor"]) == ([runs[0]], None)
    assert bulk(cursor=first["nextCursor"])["data"] == []
    assert told(api.get(f"/job_executions/{late}"))["status"] == "RUNNING"
    assert "wrong" in told(api.get(f"/job_executions/{runs[0]}"))["failure"]["message"]


def test_what_failed_is_run_again_once_and_then_deleted(
    api: httpx.Client, stranger: httpx.Client, factory: Factory
) -> None:
    job = factory.job(step(factory.task()), slots=9)
    runs = [factory.launch(job)["id"] for _ in range(3)]
    for id in runs:
        told(api.post(f"/job_executions/{id}/cancel"))
    asked = {"filter": {"type": "eq", "field": "jobId", "value": job["id"]}, "size": 2}

    def bulk(verb: str, key: str | None = None, **more: Any) -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        return told(api.post("/job_executions/bulk", json={"verb": verb, **asked, **more}, headers=headers))

    for verb in ("rerun", "retry"):
        first = bulk(verb, verb + job["id"])
        launched = [one["launchedId"] for one in first["data"]]
        assert ([one["id"] for one in first["data"]], first["done"]) == ([runs[2], runs[1]], 2)
        assert bulk(verb, verb + job["id"])["data"] == first["data"]
        last = bulk(verb, verb + job["id"], cursor=first["nextCursor"])
        assert ([one["id"] for one in last["data"]], last["nextCursor"]) == ([runs[0]], None)
        launched.append(last["data"][0]["launchedId"])
        assert [told(api.get(f"/job_executions/{id}"))["origin"] for id in launched] == [verb.upper()] * 3
        for id in launched:
            told(api.post(f"/job_executions/{id}/cancel"))
        # What it has launched, and what has failed since, is not run again by the same request.
        assert bulk(verb, verb + job["id"], size=100)["data"] == first["data"] + last["data"]
        other = bulk("retry" if verb == "rerun" else "rerun", verb + job["id"], size=100)
        assert ({one["code"] for one in other["data"]}, other["refused"]) == ({"idempotency_key_reused"}, 3)
        assert bulk("delete", filter={"type": "in", "field": "id", "value": launched}, size=9)["done"] == 3
    assert told(stranger.post("/job_executions/bulk", json={"verb": "delete", **asked}))["data"] == []
    refused(api.post("/job_executions/bulk", json={"verb": "delete", **asked, "cursor": runs[0]}), 400, "invalid")
    first = bulk("delete")
    last = bulk("delete", cursor=first["nextCursor"])  # behind what is not there any more
    assert ((first["done"], last["done"]), last["nextCursor"]) == ((2, 1), None)
    assert bulk("delete", size=9)["data"] == []
    assert api.get(f"/job_executions/{runs[0]}").status_code == 404


def test_only_an_admin_deletes_many(api: httpx.Client) -> None:
    secret = made(api.post("/api_keys", json={"title": "operates", "role": "operator"}))["key"]
    for verb, status in (("delete", 403), ("cancel", 200)):
        asked = {"verb": verb, "filter": {"type": "eq", "field": "id", "value": "0" * 24}}
        answer = api.post("/job_executions/bulk", json=asked, headers={"X-Api-Key": secret})
        assert answer.status_code == status


def test_what_makes_no_sense_is_refused(api: httpx.Client) -> None:
    for body, path in (
        ({"verb": "cancel"}, "filter"),
        ({"verb": "dance", "filter": {}}, "verb"),
        ({"verb": "cancel", "filter": {}, "size": 0}, "size"),
        ({"verb": "cancel", "filter": {"type": "eq", "field": "x", "value": 1}}, "filter.field"),
    ):
        assert path in paths_of(refused(api.post("/job_executions/bulk", json=body), 400, "invalid"))
