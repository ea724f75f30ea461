"""Our own server, for the tests of what speaks to it: real HTTP, a real store, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from data_factory.api.application import application
from data_factory.service.platform import Platform
from data_factory.service.vault import Vault
from data_factory.store.disk import DiskBlobs
from data_factory.store.sqlite import SqliteStore
from tests.standin.listening import listen

KEY = "the-key-of-these-tests"


@contextmanager
def factory(folder: Path) -> Iterator[str]:
    """A server that keeps its data in `folder`; gives its address."""
    listener = listen()
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()

    async def serve() -> None:
        platform = Platform(SqliteStore(folder), DiskBlobs(folder / "files"), vault=Vault(bytes(32)))
        await platform.start(KEY)
        config = uvicorn.Config(application(platform), log_config=None, lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await stopping.wait()
        platform.room.close()
        server.should_exit = server.force_exit = True
        await serving
        await platform.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()
        listener.close()
