from __future__ import annotations

from collections.abc import Iterator

import pytest

from data_factory.client import Backoff, Client, RetryPolicy
from tests.standin.faults import FaultProxy, faulty
from tests.standin.hosted import TOKEN, HostedPlatform, Stage, served

JITTERLESS = RetryPolicy(attempts=4, backoff=Backoff(initial=1, ceiling=8, jitter=lambda: 1.0))


@pytest.fixture
def platform() -> HostedPlatform:
    return HostedPlatform(limit=10_000)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    with served(stage := Stage()) as stage.address:
        yield stage


@pytest.fixture
def address(stage: Stage, platform: HostedPlatform) -> str:
    stage.app = platform.app()
    return stage.address


@pytest.fixture
def proxy(address: str) -> Iterator[tuple[str, FaultProxy]]:
    with faulty(address) as proxied:
        yield proxied


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, TOKEN, retries=JITTERLESS, sleep=lambda seconds: None) as client:
        yield client


@pytest.fixture
def proxied(proxy: tuple[str, FaultProxy], pauses: list[float]) -> Iterator[Client]:
    """A client that goes through the proxy, and notes its pauses instead of making them."""
    with Client(proxy[0], TOKEN, retries=JITTERLESS, sleep=pauses.append) as client:
        yield client


@pytest.fixture
def faults(proxy: tuple[str, FaultProxy]) -> FaultProxy:
    return proxy[1]
