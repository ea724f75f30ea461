"""What a large file costs: time, and memory of the server."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Scale
from benchmarks.place import Place
from benchmarks.server import Server
from data_factory.client import Client

MEBIBYTE: Final = 1024 * 1024

T = TypeVar("T")

LITTLE: Final = Goal("≤", 16)
"""How much more memory a server may take for it, in MiB."""


class Passage(msgspec.Struct, frozen=True):
    """How long a file took, how far the server's memory rose above what it was before, and the most it was."""

    seconds: float
    rise_mb: float
    peak_mb: float


def files(place: Place, scale: Scale) -> list[Figure]:
    """A file of 100 MB, as large as one may be, is uploaded and downloaded by our client: how fast, with the checksum
    at both ends and the fsync; and how far the server's memory rises meanwhile above what it was before, after a small
    file has gone both ways."""
    size = scale.of(100 * 1_000_000, MEBIBYTE)
    with place.data() as data, data.served() as server, Client(f"http://127.0.0.1:{server.port}", server.key) as client:
        source, target = data.directory / "source.bin", data.directory / "target.bin"
        source.write_bytes(os.urandom(4096))
        client.files.download(client.files.upload(source), target)
        with source.open("wb") as written:
            for _ in range(size // 100_000 + 1):
                written.write(os.urandom(100_000))
            written.truncate(size)
        file, up = _watched(server, lambda: client.files.upload(source))
        _, down = _watched(server, lambda: client.files.download(file, target))
        assert hashlib.sha256(target.read_bytes()).hexdigest() == file.sha256, "what comes back is what was sent"
    return [
        Figure("upload", size / up.seconds / 1e6, "MB/s"),
        Figure("upload: how far the server's memory rises", up.rise_mb, "MiB", LITTLE),
        Figure("download", size / down.seconds / 1e6, "MB/s"),
        Figure("download: how far the server's memory rises", down.rise_mb, "MiB", LITTLE),
        Figure("the most memory of the server", max(up.peak_mb, down.peak_mb), "MiB"),
    ]


def _watched(server: Server, pass_it: Callable[[], T]) -> tuple[T, Passage]:
    before = server.used().rss_mb
    server.forget_peak()
    began = time.perf_counter()
    given = pass_it()
    seconds, peak = time.perf_counter() - began, server.peak_mb()
    return given, Passage(seconds, max(0.0, peak - before), peak)
