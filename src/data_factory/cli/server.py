"""`data-factory server`: the platform on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from data_factory.cli.credentials import announce, keep_key
from data_factory.cli.logs import LogFormat, log_to_stderr

try:
    import uvicorn

    from data_factory.api.application import application
    from data_factory.service.platform import Platform
    from data_factory.store.sqlite import SqliteStore
    from data_factory.store.sqlite.database import SchemaTooNew
    from data_factory.store.sqlite.lock import DirectoryInUse, DirectoryLock
except ModuleNotFoundError as missing:
    INSTALL_HINT: str | None = f"The server is not installed ({missing.name}): pip install 'data-factory[server]'"
else:
    INSTALL_HINT = None

log = logging.getLogger("data_factory.server")

GRACE_S = 10
MIN_KEY_LENGTH = 16


def server(
    host: Annotated[str, typer.Option(envvar="DATA_FACTORY_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="DATA_FACTORY_PORT", min=0, max=65535, help="The port; 0 takes a free one.")
    ] = 8080,
    data_dir: Annotated[
        Path, typer.Option(envvar="DATA_FACTORY_DATA_DIR", help="Where everything is kept; made if it is not there.")
    ] = Path(".data-factory"),
    log_format: Annotated[
        LogFormat, typer.Option(envvar="DATA_FACTORY_LOG_FORMAT", help="How the log is written, on standard error.")
    ] = LogFormat.TEXT,
) -> None:
    """Run the platform: the HTTP API, on one SQLite database in a directory.

    The first start makes an account, its default pipeline and an admin API key, which it prints once.
    DATA_FACTORY_API_KEY sets that key instead: for containers and tests. Every setting can also stand in a file .env
    in this directory. Stop it with Ctrl-C or SIGTERM: what is being answered is finished first.
    """
    if INSTALL_HINT is not None:
        typer.echo(INSTALL_HINT, err=True)
        raise typer.Exit(2)
    log_to_stderr(log_format)
    key = os.environ.get("DATA_FACTORY_API_KEY") or None
    if key is not None and len(key) < MIN_KEY_LENGTH:
        typer.echo(f"DATA_FACTORY_API_KEY is too short to be safe: at least {MIN_KEY_LENGTH} characters.", err=True)
        raise typer.Exit(2)
    try:
        with _listening(host, port) as listener:
            _run(listener, _address(listener, host), data_dir, key)
    except (OSError, DirectoryInUse, SchemaTooNew) as error:
        typer.echo(f"The server cannot start: {error}", err=True)
        raise typer.Exit(1) from None


def _run(listener: socket.socket, address: str, data_dir: Path, key: str | None) -> None:
    lock = DirectoryLock(data_dir, address)
    try:
        store = SqliteStore(data_dir)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(Platform(store), listener, address, data_dir, key))
    finally:
        lock.release()


async def _serve(platform: Platform, listener: socket.socket, address: str, data_dir: Path, key: str | None) -> None:
    made = await platform.start(key)
    if made is not None:
        keep_key(data_dir, made)
        typer.echo(f"Your API key, shown this once (and kept in {data_dir / 'admin-key'}):\n\n    {made}\n")
        sys.stdout.flush()
    announce(address, data_dir)
    config = uvicorn.Config(
        application(platform),
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    http = _Server(config, platform)
    log.info("Data Factory %s listens on %s, data in %s", version("data-factory"), address, data_dir)
    try:
        await http.serve(sockets=[listener])
    finally:
        await platform.stop()
        log.info("stopped")


if INSTALL_HINT is None:

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
    with socket.create_server((host, port), family=family, backlog=2048) as listener:
        listener.set_inheritable(True)
        yield listener


def _address(listener: socket.socket, host: str) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
