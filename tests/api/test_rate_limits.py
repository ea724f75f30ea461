"""Rate limits, on a real server; and that a client waits as long as it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from data_factory import Client, RateLimited
from tests.api.contract import Contract
from tests.api.factory import made, paths_of, refused, told
from tests.running import Server, running_server


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where each key may send three requests an hour."""
    with running_server(tmp_path_factory.mktemp("limited"), DATA_FACTORY_RATE_LIMIT="3/h") as server:
        yield server


def test_whoever_asks_too_often_is_told_when_to_go_on(limited: Server, contract: Contract) -> None:
    with limited.client() as client:
        client.event_hooks = {"response": [contract.check]}
        own = made(client.post("/api_keys", json={"title": "own", "rateLimit": "1/s", "role": "worker"}))
        assert own["rateLimit"] == "1/s"
        assert told(client.get("/api_keys"))["data"][-1]["rateLimit"] is None
        last = client.get("/tasks/no-such-task")  # what is refused counts, too
        assert last.headers["ratelimit-policy"] == '"key";q=3;w=3600'
        assert last.headers["ratelimit"] == '"key";r=0;t=3600'
        answer = client.get("/tasks")
        refused(answer, 429, "rate_limited")
        assert 1190 <= int(answer.headers["retry-after"]) <= 1200
        assert answer.headers["ratelimit"].startswith('"key";r=0;t=')
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(seconds)

    with Client(limited.address, own["key"], sleep=sleep) as patient:
        while not pauses:
            assert list(patient.tasks.list()) == []
    assert pauses[0] == 1


def exhaust(client: Client) -> None:
    for _ in range(4):
        list(client.tasks.list())


def test_a_client_that_would_wait_too_long_says_so(limited: Server) -> None:
    with Client(limited.address, limited.key) as client, pytest.raises(RateLimited) as refusal:
        exhaust(client)
    assert refusal.value.code == "rate_limited"
    assert (refusal.value.retry_after or 0) > 60


def test_without_a_limit_nothing_is_counted_or_said(api: httpx.Client) -> None:
    assert not [name for name in api.get("/tasks").headers if "ratelimit" in name]
    problem = refused(api.post("/api_keys", json={"title": "x", "rateLimit": "50/day"}), 400, "invalid")
    assert paths_of(problem) == {"rateLimit"}
