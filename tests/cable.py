"""The network between servers and their PostgreSQL, which can be cut: at a message, or so that nobody notices.

async with Cable(postgres.port) as cable:
    store = PostgresqlStore(cable.to(database.url))
    cable.fate = lambda message: Fate.LOSE_ANSWER if is_commit(message) else Fate.PASS
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import Callable, Iterator
from types import TracebackType

_HEAD = 4
_READY = b"Z\x00\x00\x00\x05"
"""What PostgreSQL ends every answer with, before a byte that says whether a transaction is open."""


class Fate(enum.Enum):
    """What becomes of a message to the database."""

    PASS = "it arrives"
    LOSE = "the connection is cut before it arrives"
    STALL = "neither it nor anything after it arrives, in either direction, and nobody is told"
    LOSE_ANSWER = "it arrives and is answered; the connection is cut before the answer arrives"


def is_commit(message: bytes) -> bool:
    """Whether a message asks to keep a transaction."""
    return message[:1] == b"Q" and message[5:] == b"COMMIT\0"


class Cable:
    """Forwards connections to a port of this machine."""

    def __init__(self, port: int) -> None:
        self.fate: Callable[[bytes], Fate] = lambda _: Fate.PASS
        self.links: set[_Link] = set()
        self._port = port
        self._silent = False
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it takes connections."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def to(self, url: str) -> str:
        """The address of a database, by this cable."""
        return url.replace(f":{self._port}/", f":{self.port}/")

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """A time in which nothing arrives, in either direction, and nobody is told. Connections that were there before
        it ends are dead for ever; those that are made afterwards work."""
        self._silent = True
        for link in self.links:
            link.dead = True
        try:
            yield
        finally:
            self._silent = False

    async def __aenter__(self) -> Cable:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for link in self.links:
            link.cut()
        await asyncio.gather(*(link.ended.wait() for link in self.links))

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._port)
        link = _Link(self, (reader, writer), there)
        link.dead = self._silent
        self.links.add(link)
        try:
            await link.run()
        finally:
            self.links.discard(link)


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One connection through the cable."""

    def __init__(self, cable: Cable, here: Ends, there: Ends) -> None:
        self.dead = False
        self._cable = cable
        self._here_in, self._here_out = here
        self._there_in, self._there_out = there
        self._deaf = False
        self._cut = asyncio.Event()
        self.ended = asyncio.Event()

    def cut(self) -> None:
        """Close it at both ends."""
        self._cut.set()

    async def run(self) -> None:
        pumps = [asyncio.create_task(self._ask()), asyncio.create_task(self._answer())]
        try:
            await self._cut.wait()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.wait(pumps)
            for out in (self._here_out, self._there_out):
                out.transport.abort()
            self.ended.set()

    async def _ask(self) -> None:
        """Forward what is asked, message by message. The first of a connection have no letter before their length."""
        try:
            began = False
            while True:
                letter = await self._here_in.readexactly(1) if began else b""
                head = await self._here_in.readexactly(_HEAD)
                body = await self._here_in.readexactly(int.from_bytes(head) - _HEAD)
                began = began or body[:4] == b"\x00\x03\x00\x00"
                if self.dead:
                    continue
                message = letter + head + body
                fate = self._cable.fate(message)
                if fate is Fate.LOSE:
                    self.cut()
                    return
                if fate is Fate.STALL:
                    self.dead = True
                    continue
                self._deaf = fate is Fate.LOSE_ANSWER
                self._there_out.write(message)
        except (OSError, asyncio.IncompleteReadError):
            self._end()

    async def _answer(self) -> None:
        try:
            while answer := await self._there_in.read(65_536):
                if self.dead:
                    continue
                if not self._deaf:
                    self._here_out.write(answer)
                elif answer[-6:-1] == _READY:
                    self.cut()
                    return
        except OSError:
            pass
        self._end()

    def _end(self) -> None:
        """One end has closed it; of a dead link, the other one does not hear that."""
        if not self.dead:
            self.cut()
