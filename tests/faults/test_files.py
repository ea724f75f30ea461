"""Files when they are large, when the server is killed, and when its disk is full."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from data_factory.client import Client
from tests.api.factory import made, refused, told
from tests.faults.test_full_disk import full_disk
from tests.running import KEY, Server, running_server, until

MIB = 1024 * 1024
LARGEST = 100 * MIB
MOST_MEMORY = 40 * MIB
"""How much more memory the server may ever have had, with files of more than twice that."""


def block(number: int) -> bytes:
    """A MiB that no other number has."""
    return hashlib.sha256(b"%d" % number).digest() * (MIB // 32)


def peak_memory(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def on_the_disk(server: Server) -> list[Path]:
    return [path for path in (server.directory / "files").rglob("*") if path.is_file()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_the_largest_file_goes_in_and_out_in_little_memory(server: Server, tmp_path: Path) -> None:
    large, back = tmp_path / "large.bin", tmp_path / "back.bin"
    checksum = hashlib.sha256()
    with large.open("wb") as out:
        for number in range(LARGEST // MIB):
            out.write(block(number))
            checksum.update(block(number))
    with Client(server.address, KEY) as client:
        client.files.upload(b"small")
        before = peak_memory(server)
        file = client.files.upload(large)
        assert (file.size, file.sha256) == (LARGEST, checksum.hexdigest())
        assert client.files.download(file, back) == back
        assert peak_memory(server) - before < MOST_MEMORY
        with back.open("rb") as content:
            assert hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    assert server.stop() == 0


def test_what_is_too_large_is_refused_whether_it_was_announced_or_not(tmp_path: Path) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        yield from map(block, range(4))

    form = {"Content-Type": "multipart/form-data; boundary=b"}
    with running_server(tmp_path / "data", DATA_FACTORY_MAX_FILE_SIZE="3") as server:
        with server.client() as api:
            made(api.post("/files", files={"file": b"x" * (3 * MIB)}))
            refused(api.post("/files", files={"file": b"x" * (3 * MIB + 1)}), 413, "too_large")
            refused(api.post("/files", content=endless(), headers=form), 413, "too_large")
        address = urlsplit(server.address)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
            head = f"POST /v1/data_factory/files HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\nContent-Length: 9000000\r\n"
            connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
        until(lambda: len(on_the_disk(server)) == 1, "nothing is left of what was refused")


def test_nothing_is_seen_or_left_of_a_file_that_was_being_uploaded_when_the_server_was_killed(server: Server) -> None:
    with server.client() as api:
        kept = made(api.post("/files", files={"file": ("a", b"content")}))
        address = urlsplit(server.address)
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=20) as connection:
            head = f"POST /v1/data_factory/files HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\nContent-Length: 9000000\r\n"
            begin = '--b\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\n'
            connection.sendall(f"{head}Content-Type: multipart/form-data; boundary=b\r\n\r\n{begin}".encode())
            connection.sendall(os.urandom(4 * MIB))
            until(lambda: len(on_the_disk(server)) == 2, "some of it has come")
            server.kill()
    assert len(on_the_disk(server)) == 2
    server.start()
    with server.client() as api:
        until(lambda: [path.name for path in on_the_disk(server)] == [kept["id"]], "what was left of it is swept")
        assert told(api.get("/files"))["data"] == [kept]
        assert api.get(f"/files/{kept['id']}/content").content == b"content"
    assert server.stop() == 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux's prlimit")
def test_a_disk_that_is_full_keeps_nothing_of_a_file_and_is_used_again_when_it_has_room(server: Server) -> None:
    with server.client() as api:
        made(api.post("/files", files={"file": ("a", b"content")}))
        with full_disk(server):
            answer = api.post("/files", files={"file": ("b", os.urandom(9 * MIB))})
            refused(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"
            assert "/" not in answer.json()["detail"]
            assert [file["filename"] for file in told(api.get("/files"))["data"]] == ["a"]
        until(lambda: len(on_the_disk(server)) == 1, "nothing of it is left")
        file = made(api.post("/files", files={"file": ("b", b"x" * MIB)}))
        assert api.get(f"/files/{file['id']}/content").content == b"x" * MIB
    assert server.stop() == 0


def test_a_download_goes_on_where_the_connection_was_lost(server: Server, tmp_path: Path) -> None:
    content = os.urandom(20 * MIB)
    with Client(server.address, KEY, sleep=lambda _: None) as client:
        file = client.files.upload(content, filename="a.bin")
        passed: list[int] = []
        cuts = iter([httpx.ReadError("the cable was cut")])

        def advance(more: int) -> None:
            passed.append(more)
            if sum(passed) > 5 * MIB and (cut := next(cuts, None)):
                raise cut

        path = client.files.download(file, tmp_path, advance=advance)
    assert path == tmp_path / "a.bin"
    assert path.read_bytes() == content
    assert 20 * MIB <= sum(passed) < 22 * MIB, "what had come did not come again"
