"""Answers are written in one go, and nothing of them is held back for longer than a turn of the loop."""

from __future__ import annotations

import asyncio

import pytest

from data_factory.api.bounded_http import InOneGo

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Recorder(asyncio.Transport):
    """What reaches the socket."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def socket() -> Recorder:
    return Recorder()


@pytest.fixture
async def transport(socket: Recorder) -> InOneGo:
    return InOneGo(socket, asyncio.get_running_loop())


async def test_a_head_goes_with_its_body(transport: InOneGo, socket: Recorder) -> None:
    for _ in range(2):
        transport.write(HEAD)
        transport.write(b"{}")
    await asyncio.sleep(0)
    assert socket.written == [HEAD + b"{}"] * 2


async def test_a_head_without_a_body_goes_by_the_next_turn(transport: InOneGo, socket: Recorder) -> None:
    transport.write(HEAD)
    await asyncio.sleep(0)
    assert socket.written == [HEAD]
    transport.write(b"{}")
    assert socket.written == [HEAD, b"{}"]


async def test_a_head_without_a_body_goes_before_the_end(transport: InOneGo, socket: Recorder) -> None:
    transport.write(HEAD)
    transport.close()
    assert (socket.written, socket.closed) == ([HEAD], True)


async def test_what_looks_like_a_head_keeps_its_place(transport: InOneGo, socket: Recorder) -> None:
    pieces = [HEAD, b"4\r\n", b"HTTP/1.1 ", b"HTTP/1.1 ", b"\r\n"]
    for piece in pieces:
        transport.write(piece)
    transport.close()
    assert b"".join(socket.written) == b"".join(pieces)


async def test_all_else_is_as_the_socket_has_it(transport: InOneGo) -> None:
    assert transport.get_extra_info("peername") == ("127.0.0.1", 1)
    assert not hasattr(transport, "no_such_thing")
