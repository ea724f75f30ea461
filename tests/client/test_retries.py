"""Real connections, really cut: what is repeated, what is not, and with which pauses."""

from __future__ import annotations

import json
import socket

import pytest

from data_factory.client import ApiError, Backoff, Client, ConnectionFailed, RateLimited, RetryPolicy, ServerFailed
from data_factory.client.calls import poll_task
from tests.client.conftest import JITTERLESS
from tests.standin.faults import Answer, Cut, FaultProxy
from tests.standin.hosted import TOKEN, HostedPlatform

PIPELINES = json.dumps({"object": "list", "data": []}).encode()


@pytest.mark.parametrize("fault", [Cut(after=False), Cut(after=True), Answer(502), Answer(503), Answer(504)])
def test_a_get_is_repeated(proxied: Client, faults: FaultProxy, platform: HostedPlatform, fault: Cut | Answer) -> None:
    task_id = platform.add_task("power")
    faults.plan("GET", fault, fault)
    assert proxied.tasks.get(task_id).key == "power"
    assert faults.done


def test_the_pauses_grow(proxied: Client, faults: FaultProxy, pauses: list[float], platform: HostedPlatform) -> None:
    faults.plan("GET", *[Answer(503)] * 3)
    assert list(proxied.tasks.list()) == []
    assert pauses == [1, 2, 4]


def test_it_gives_up_in_the_end(proxied: Client, faults: FaultProxy, pauses: list[float]) -> None:
    faults.plan("GET", *[Answer(503)] * 9)
    with pytest.raises(ServerFailed):
        list(proxied.tasks.list())
    assert len(faults.requests("GET")) == JITTERLESS.attempts


def test_a_500_is_not_repeated(proxied: Client, faults: FaultProxy) -> None:
    faults.plan("GET", Answer(500))
    with pytest.raises(ServerFailed):
        list(proxied.tasks.list())


def test_retry_after_is_honoured(proxied: Client, faults: FaultProxy, pauses: list[float]) -> None:
    faults.plan("GET", Answer(429, {"Retry-After": "17"}), Answer(503, {"Retry-After": "1"}))
    assert list(proxied.tasks.list()) == []
    assert pauses == [17, 2]


def test_a_server_that_asks_for_too_much_patience_gets_none(
    proxied: Client, faults: FaultProxy, pauses: list[float]
) -> None:
    faults.plan("GET", Answer(429, {"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as caught:
        list(proxied.tasks.list())
    assert caught.value.retry_after == 3600
    assert pauses == []


def test_a_launch_is_repeated_with_the_same_key_where_keys_are_known(
    proxied: Client, faults: FaultProxy, platform: HostedPlatform
) -> None:
    platform.add_task("power")
    job = proxied.jobs.create({"key": "run-task", "tasks": [{"name": "${account}/power", "taskReferenceName": "t"}]})
    faults.plan("GET /v1/data_factory/pipelines", Answer(200, body=PIPELINES))
    faults.plan("POST /v1/data_factory/job_executions", Cut(after=False), Answer(502))
    execution = proxied.job_executions.launch(job.id, {"power": 10}, idempotency_key="mine")
    assert execution.input["power"] == 10
    assert len(faults.requests("job_executions")) == 3
    assert len(faults.requests("pipelines")) == 1


def test_a_launch_whose_answer_was_lost_is_not_repeated_on_the_hosted_platform(
    proxied: Client, faults: FaultProxy, platform: HostedPlatform
) -> None:
    platform.add_task("power")
    job = proxied.jobs.create({"key": "run-task", "tasks": [{"name": "${account}/power", "taskReferenceName": "t"}]})
    faults.plan("POST /v1/data_factory/job_executions", Cut(after=True))
    with pytest.raises(ConnectionFailed, match="look before you do it again"):
        proxied.job_executions.launch(job.id, {"power": 10})
    assert len(platform.job_executions) == 1


def test_a_launch_that_was_refused_for_haste_is_repeated_anywhere(
    proxied: Client, faults: FaultProxy, platform: HostedPlatform
) -> None:
    faults.plan("POST", Answer(429, {"Retry-After": "1"}))
    assert proxied.tasks.create({"key": "power"}).key == "power"
    assert faults.requests("pipelines") == []


def test_a_poll_whose_answer_was_lost_is_not_repeated(
    proxied: Client, faults: FaultProxy, platform: HostedPlatform
) -> None:
    task_id = platform.add_task("power")
    faults.plan("poll", Cut(after=True))
    with pytest.raises(ConnectionFailed) as caught:
        proxied.send(poll_task(task_id))
    assert caught.value.sent


def test_a_closed_port_is_tried_again_then_named(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with (
        Client(address, TOKEN, retries=JITTERLESS, sleep=pauses.append) as client,
        pytest.raises(ApiError, match=f"cannot connect to {address}") as caught,
    ):
        client.api_keys.create("x")
    assert caught.value.code == "connection_failed"
    assert pauses == [1, 2, 4]


def test_jitter_halves_a_pause_at_most() -> None:
    low, high = Backoff(initial=1, jitter=lambda: 0.0), Backoff(initial=1, jitter=lambda: 1.0)
    assert [low.pause(n) for n in range(5)] == [0.5, 1, 2, 4, 5]
    assert [high.pause(n) for n in range(5)] == [1, 2, 4, 8, 10]
    assert high.pause(10_000) == 10
    assert RetryPolicy(attempts=1).attempts == 1
