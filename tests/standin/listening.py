from __future__ import annotations

import socket


def listen() -> socket.socket:
    """A socket that listens on a free port of the loopback.

    It says that it is TCP: only then does asyncio turn off Nagle's algorithm, which costs 40 ms an answer.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(2048)
    return listener
