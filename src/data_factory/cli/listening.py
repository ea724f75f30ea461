"""The address of a server, taken before anything else is done, so that it is known first whether it is free."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

_BACKLOG: Final = 2048
_SPREADS: Final = sys.platform == "linux"
"""Whether the system spreads connections over several sockets that listen on one address."""


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens.

    Raises:
        OSError: the address is taken, or not ours.
    """
    with _bound(host, port) as listener:
        listener.listen(_BACKLOG)
        yield listener


@contextmanager
def listening_together(host: str, port: int, count: int) -> Iterator[list[socket.socket]]:
    """Sockets that listen on one address, one for each of several processes.

    Each new connection waits at one of them, and the system sees to it that they get as many each. With one socket for
    all, whichever process is the quickest would take most of them, and keep them, for a connection is used for long.
    They are all open here too: what waits at the socket of a process that dies waits for the next that is given it.

    Raises:
        OSError: the address is taken, or not ours.
    """
    with listening(host, port) as alone:
        if not _SPREADS:
            yield [alone] * count
            return
        port = alone.getsockname()[1]
    # Nobody else listens there, or we would not have been alone; who shares an address is not asked that.
    with ExitStack() as stack:
        listeners = [stack.enter_context(_bound(host, port, shared=True)) for _ in range(count)]
        for listener in listeners:
            listener.listen(_BACKLOG)
        yield listeners


def address_of(listener: socket.socket, host: str) -> str:
    """The address as one writes it."""
    return f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"


def _bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the socket says that it is TCP.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made
