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

import msgspec
import typer
import uvicorn

from data_factory.api.application import application
from data_factory.api.bounded_http import BoundedHttp
from data_factory.api.date_header import DateHeader
from data_factory.api.presenting import present_job_execution
from data_factory.cli.credentials import announce, keep_key
from data_factory.cli.listening import address_of, listening, listening_together
from data_factory.cli.logs import LogFormat, log_to_stderr
from data_factory.cli.supervising import CannotStart, Lifeline, Supervisor
from data_factory.model.rates import parse_rate
from data_factory.service.files import FileRules
from data_factory.service.platform import Platform
from data_factory.service.receivers import Outbound
from data_factory.service.vault import UnusableSecretKey, Vault, keys_in, parse_keys
from data_factory.store.disk import DiskBlobs
from data_factory.store.promises import Store, StoreUnavailable, UnusableSchema
from data_factory.store.sqlite import SqliteStore
from data_factory.store.sqlite.lock import DirectoryInUse, DirectoryLock

log = logging.getLogger("data_factory.server")

GRACE_S = 10
"""How long what is being answered may take when the server is stopped."""

CLOSE_S = 10
"""How long the store may take after that."""

KEEP_ALIVE_S = 75
"""Longer than clients and load balancers keep a connection that is idle: whoever closes it first must not be us, or a
request that is just being sent is lost."""


class Settings(msgspec.Struct, frozen=True):
    """What a server is told: where it listens, and where everything is kept.

    That is `database`, the address of a PostgreSQL, if there is one, else `data_dir`. `patience` is how long an answer
    of the database is waited for, in seconds. `key` is the admin key; without one the first start makes one, and keeps
    it in `data_dir`. `secret_key` encrypts secrets, and is kept in `data_dir` likewise; with a database it is not made,
    because all servers must have the same. The content of files is in `files_dir`, by these rules.
    Webhooks reach private addresses only if that is allowed, and a key is taken from the query string only then, too.
    """

    host: str
    port: int
    data_dir: Path
    database: str | None
    patience: float
    key: str | None
    secret_key: str | None
    files_dir: Path
    file_rules: FileRules
    allow_private_webhooks: bool = False
    audit_days: int = 365
    execution_days: int = 0
    rate_limit: str | None = None
    key_in_query: bool = False


def serve(settings: Settings) -> None:
    """Run the platform until SIGTERM or SIGINT.

    Raises:
        CannotStart: something that it needs cannot be had.
    """
    with _explained(), listening(settings.host, settings.port) as listener:
        address = address_of(listener, settings.host)

        def begun() -> None:
            announce(address, settings.data_dir)
            _log_begin(settings, address)

        _run(settings, listener, address, begun)


def serve_with(processes: int, settings: Settings, log_format: LogFormat) -> bool:
    """Run the platform in several processes on one address and one PostgreSQL, until SIGTERM or SIGINT; whether all
    ended in good order.

    Raises:
        CannotStart: something that they need cannot be had.
    """
    with _explained(), listening_together(settings.host, settings.port, processes) as listeners:
        address = address_of(listeners[0], settings.host)

        def work(number: int, lifeline: Lifeline) -> None:
            log_to_stderr(log_format, process=number)
            for listener in set(listeners) - {listeners[number - 1]}:
                listener.close()
            with _explained():
                _run(settings, listeners[number - 1], address, lifeline.say_ready, lifeline)

        def begun() -> None:
            announce(address, settings.data_dir)
            _log_begin(settings, address, f", in {processes} processes")

        def stopping() -> None:
            for listener in listeners:  # or who connects now would wait for nobody
                listener.close()

        return Supervisor(processes, work, begun, stopping, GRACE_S + CLOSE_S).run()


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (OSError, DirectoryInUse, StoreUnavailable, UnusableSchema, UnusableSecretKey) as error:
        raise CannotStart(str(error)) from error


def _log_begin(settings: Settings, address: str, more: str = "") -> None:
    kept_in = settings.data_dir if settings.database is None else _shown(settings.database)
    log.info("Data Factory %s listens on %s, data in %s%s", version("data-factory"), address, kept_in, more)


def _shown(database: str) -> str:
    from data_factory.store.postgresql.database import shown

    return shown(database)


def _run(
    settings: Settings,
    listener: socket.socket,
    address: str,
    begun: Callable[[], None],
    lifeline: Lifeline | None = None,
) -> None:
    """Serve on this socket, in this process. One may use a directory, any number a database."""

    async def on_postgresql(url: str) -> None:
        from data_factory.store.postgresql import PostgresqlStore  # whoever has no such database need not wait for it
        from data_factory.store.postgresql.migrating import prepare

        await prepare(url)
        await _serve(settings, _platform(settings, PostgresqlStore(url, settings.patience)), listener, begun, lifeline)

    async def on_sqlite() -> None:
        await _serve(
            settings, _platform(settings, SqliteStore(settings.data_dir, settings.patience)), listener, begun, lifeline
        )

    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        if settings.database is not None:
            runner.run(on_postgresql(settings.database))
            return
        lock = DirectoryLock(settings.data_dir, f"serves {address}")
        try:
            runner.run(on_sqlite())
        finally:
            lock.release()


def _platform(settings: Settings, store: Store) -> Platform:
    outbound = Outbound(present_job_execution, settings.allow_private_webhooks)
    vault = Vault(*_secret_keys(settings))
    return Platform(
        store,
        DiskBlobs(settings.files_dir),
        settings.file_rules,
        vault=vault,
        outbound=outbound,
        audit_days=settings.audit_days,
        execution_days=settings.execution_days,
        rate=None if settings.rate_limit is None else parse_rate(settings.rate_limit),
    )


def _secret_keys(settings: Settings) -> list[bytes]:
    if settings.secret_key is not None:
        return parse_keys(settings.secret_key)
    return keys_in(settings.data_dir) if settings.database is None else []


async def _serve(
    settings: Settings,
    platform: Platform,
    listener: socket.socket,
    begun: Callable[[], None],
    lifeline: Lifeline | None = None,
) -> None:
    made = await platform.start(settings.key, partial(keep_key, settings.data_dir))
    if made is not None:
        kept_in = settings.data_dir / "admin-key"
        typer.echo(f"Your API key, shown this once (and kept in {kept_in}):\n\n    {made}\n")
        sys.stdout.flush()
    config = uvicorn.Config(
        application(platform, key_in_query=settings.key_in_query),
        http=BoundedHttp,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    http = _Server(config, platform, begun) if lifeline is None else _OneOfSeveral(config, platform, begun, lifeline)
    _spare_the_collector()
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

    def __init__(self, config: uvicorn.Config, platform: Platform, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._platform = platform
        self._begun = begun
        self._stopping = asyncio.Event()
        self.server_state.default_headers = DateHeader()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begun()

    async def main_loop(self) -> None:
        """Sleep until it is to stop: uvicorn's own looks ten times a second, and writes the date."""
        await self._stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, signal.Signals(number).name)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _stop(self, why: str) -> None:
        log.info("%s: stopping", why)
        self.force_exit = self.should_exit
        self.should_exit = True
        self._stopping.set()
        self._platform.room.close()


class _OneOfSeveral(_Server):
    """Stops when it is told to, or when there is nobody any more who could.

    A signal may come to all processes at once, so one that comes here does not mean more for being the second.
    """

    def __init__(
        self, config: uvicorn.Config, platform: Platform, begun: Callable[[], None], lifeline: Lifeline
    ) -> None:
        super().__init__(config, platform, begun)
        self._lifeline = lifeline

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop_once, signal.SIGTERM.name)
        loop.add_reader(self._lifeline, self._hear)
        try:
            yield
        finally:
            loop.remove_reader(self._lifeline)
            loop.remove_signal_handler(signal.SIGTERM)

    def _hear(self) -> None:
        times = self._lifeline.hear()
        if times is None:
            asyncio.get_running_loop().remove_reader(self._lifeline)
            self._stop_once("nobody supervises this process any more")
        for _ in range(times or 0):
            self._stop("told to")

    def _stop_once(self, why: str) -> None:
        if not self.should_exit:
            self._stop(why)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
