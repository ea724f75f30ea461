"""The process of `data-factory server`: takes its address and its data directory, and serves until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import typer
import uvicorn

from data_factory.api.application import application
from data_factory.api.bounded_http import BoundedHttp
from data_factory.cli.credentials import announce, keep_key
from data_factory.service.platform import Platform
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.postgresql.database import shown
from data_factory.store.postgresql.migrating import prepare
from data_factory.store.promises import StoreUnavailable, UnusableSchema
from data_factory.store.sqlite import SqliteStore
from data_factory.store.sqlite.lock import DirectoryInUse, DirectoryLock

log = logging.getLogger("data_factory.server")

GRACE_S = 10
KEEP_ALIVE_S = 75
"""Longer than clients and load balancers keep a connection that is idle: whoever closes it first must not be us, or a
request that is just being sent is lost."""


class CannotStart(Exception):
    """The address, the data directory or its database cannot be used; the message says which and why."""


def serve(host: str, port: int, data_dir: Path, database: str | None, patience: float, key: str | None) -> None:
    """Run the platform until SIGTERM or SIGINT, on the PostgreSQL `database` if there is one, else in `data_dir`.

    `patience` is how long an answer of the database is waited for, in seconds. `key` is the admin key; without one the
    first start makes one.

    Raises:
        CannotStart: something that it needs cannot be had.
    """
    try:
        with _listening(host, port) as listener:
            address = _address(listener, host)
            if database is None:
                _run_on_sqlite(listener, address, data_dir, patience, key)
            else:
                _run_on_postgresql(listener, address, data_dir, database, patience, key)
    except (OSError, DirectoryInUse, StoreUnavailable, UnusableSchema) as error:
        raise CannotStart(str(error)) from error


def _run_on_sqlite(listener: socket.socket, address: str, data_dir: Path, patience: float, key: str | None) -> None:
    lock = DirectoryLock(data_dir, f"serves {address}")
    try:
        store = SqliteStore(data_dir, patience)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(Platform(store), listener, address, data_dir, key, str(data_dir)))
    finally:
        lock.release()


def _run_on_postgresql(
    listener: socket.socket, address: str, data_dir: Path, url: str, patience: float, key: str | None
) -> None:
    """Any number of processes may; the directory is only where the first one keeps the key that it makes."""

    async def run() -> None:
        await prepare(url)
        await _serve(Platform(PostgresqlStore(url, patience)), listener, address, data_dir, key, shown(url))

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run())


async def _serve(
    platform: Platform, listener: socket.socket, address: str, data_dir: Path, key: str | None, kept_in: str
) -> None:
    made = await platform.start(key, partial(keep_key, data_dir))
    if made is not None:
        typer.echo(f"Your API key, shown this once (and kept in {data_dir / 'admin-key'}):\n\n    {made}\n")
        sys.stdout.flush()
    announce(address, data_dir)
    config = uvicorn.Config(
        application(platform),
        http=BoundedHttp,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    http = _Server(config, platform)
    _spare_the_collector()
    log.info("Data Factory %s listens on %s, data in %s", version("data-factory"), address, kept_in)
    try:
        await http.serve(sockets=[listener])
    finally:
        await platform.stop()
        log.info("stopped")


def _spare_the_collector() -> None:
    """What is there now stays, and what a request makes goes by itself: looking for circles among them that often, as
    is the default, is a twentieth of the work of the server."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class _Server(uvicorn.Server):
    """Stops on the first signal once everything is answered, at once on the second."""

    def __init__(self, config: uvicorn.Config, platform: Platform) -> None:
        super().__init__(config)
        self._platform = platform

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self, number: int) -> None:
        log.info("%s: stopping", signal.Signals(number).name)
        self.force_exit = self.should_exit
        self.should_exit = True
        self._platform.room.close()


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens, so that an address that is taken is known before anything else is done."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the socket says that it is TCP.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
        yield listener


def _address(listener: socket.socket, host: str) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
