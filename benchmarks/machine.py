"""What machine this is: a figure means nothing without it."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
import time
from importlib.metadata import version
from pathlib import Path

from tests.postgresql import PostgresServer


def describe(where: Path, postgres: PostgresServer | None = None) -> list[tuple[str, str]]:
    """The machine, its disk and the versions, as rows of a table."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    libraries = ("uvicorn", "starlette", "msgspec", "uvloop", "httptools", "asyncpg")
    return [
        ("CPU", f"{cpu}, {os.cpu_count()} cores"),
        ("System", f"{platform.system()} {platform.release()}, Python {platform.python_version()}"),
        ("One core", f"{_microseconds_to_decode():.1f} µs to decode a kilobyte of JSON with Python's own library"),
        ("Busy with", f"{os.getloadavg()[0]:.1f} processes in the minute before"),
        ("Disk", f"{_file_system(where)}, {_syncs_per_second(where):,.0f} appends of 4 KiB with fsync a second"),
        _store(postgres),
        ("Versions", ", ".join(f"{name} {version(name)}" for name in ("data-factory", *libraries))),
    ]


def _microseconds_to_decode(count: int = 20_000) -> float:
    """How fast a core is at what a server does: figures of two machines can be compared by it."""
    document = json.dumps(
        {f"field_{number}": {"id": number, "key": f"key-{number}", "on": True} for number in range(20)}
    )
    times = []
    for _ in range(5):
        before = time.perf_counter()
        for _ in range(count // 5):
            json.loads(document)
        times.append((time.perf_counter() - before) / (count // 5))
    return statistics.median(times) * 1_000_000 * 1024 / len(document)


def _store(postgres: PostgresServer | None) -> tuple[str, str]:
    if postgres is None:
        return ("SQLite", f"{sqlite3.sqlite_version}, WAL, synchronous=FULL")
    settings = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
    values = {name: postgres.sql(f"SHOW {name}") for name in settings}
    return ("PostgreSQL", ", ".join(f"{name} {value}" for name, value in values.items()))


def _file_system(where: Path) -> str:
    path = str(where.resolve())
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    fitting = [(len(point), kind) for _, point, kind, *_ in mounts if path.startswith(point)]
    return max(fitting)[1]


def _syncs_per_second(where: Path, count: int = 500) -> float:
    where.mkdir(parents=True, exist_ok=True)
    path = where / "fsync"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            before = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - before)
    path.unlink()
    return 1 / statistics.median(times)
