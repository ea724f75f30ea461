"""A real server with two accounts, and clients that hold every answer against the document that the server serves."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from data_factory.model.ids import IdMaker
from data_factory.model.records import AccountRecord, ApiKeyRecord, PipelineRecord
from data_factory.service.platform import Platform
from data_factory.store.disk import DiskBlobs
from data_factory.store.promises import Transaction
from data_factory.store.sqlite import SqliteStore
from tests.api.contract import Contract
from tests.api.factory import SECRET, Factory
from tests.running import KEY, Server, running_server

STRANGER_KEY = "a-key-of-another-account"
LONG_AGO = 1_600_000_000_000


async def add_account(directory: Path) -> None:
    """The server's first start, and beside it an account as a later version will make them."""
    store = SqliteStore(directory)
    platform = Platform(store, DiskBlobs(directory / "files"))
    await platform.start(KEY)
    new_id = IdMaker(lambda: LONG_AGO)
    owner = AccountRecord(new_id(), "another", 2 * LONG_AGO)

    async def work(transaction: Transaction) -> None:
        await transaction.insert_account(owner)
        await transaction.insert_pipeline(PipelineRecord(new_id(), owner.id, "default", 1, 1, LONG_AGO, LONG_AGO))
        hash = hashlib.sha256(STRANGER_KEY.encode()).hexdigest()
        await transaction.insert_api_key(ApiKeyRecord(new_id(), owner.id, "ci", "a-key", hash, LONG_AGO, None))

    await store.write(work)
    await platform.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One for all tests of a process. When they are over, its log has neither a secret nor an input nor a failure."""
    directory = tmp_path_factory.mktemp("api") / "data"
    asyncio.run(add_account(directory))
    with running_server(directory) as server:
        yield server
        assert server.stop() == 0
    for private in (KEY, STRANGER_KEY, SECRET, "Traceback", "Exception ignored", "never retrieved"):
        assert private not in server.log


@pytest.fixture(scope="session")
def contract(server: Server) -> Contract:
    return Contract(httpx.get(f"{server.address}/openapi.json").json())


@pytest.fixture(scope="session")
def api(server: Server, contract: Contract) -> Iterator[httpx.Client]:
    with server.client() as client:
        client.event_hooks = {"response": [contract.check]}
        yield client


@pytest.fixture(scope="session")
def stranger(server: Server, contract: Contract) -> Iterator[httpx.Client]:
    """The same API for another account."""
    with server.client(STRANGER_KEY) as client:
        client.event_hooks = {"response": [contract.check]}
        yield client


@pytest.fixture
def factory(api: httpx.Client) -> Factory:
    return Factory(api)
