"""`data-factory server --processes`: several processes on one address, of which any may die, and who starts them."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_factory.cli.serving import GRACE_S
from tests.api.factory import made, new_key, told
from tests.api.wire import Wire, wires
from tests.faults.test_kill import CRASHES
from tests.faults.test_start import failed
from tests.faults.work import under_load
from tests.postgresql import Database
from tests.running import Server, until

TWO = {"DATA_FACTORY_PROCESSES": "2"}
_READY = re.compile(r"process (\d+) \((\d+)\) is ready")

pytestmark = pytest.mark.anyio


def processes(server: Server) -> dict[int, int]:
    """The id of each process by its number, as the log has it."""
    return {int(number): int(pid) for number, pid in _READY.findall(server.log)}


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has buried does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def kill(server: Server, number: int) -> None:
    """End a process as a crash does, and wait for the next one of its number."""
    pid = processes(server)[number]
    os.kill(pid, signal.SIGKILL)
    until(lambda: processes(server)[number] != pid, "another one is ready")


@pytest.fixture
def server(tmp_path: Path, database: Database) -> Iterator[Server]:
    with Server(tmp_path / "data", DATABASE_URL=database.url, **TWO) as server:
        yield server


# -- under load


async def test_processes_that_are_killed_under_load_lose_nothing(server: Server) -> None:
    chance = random.Random(CRASHES)
    async with under_load(server) as ledger:
        rate = ledger.rate()
        for _ in range(CRASHES):
            await ledger.more(chance.randint(1, 100))
            await asyncio.to_thread(kill, server, chance.randint(1, 2))
        await ledger.until_fast(rate)
    assert set(ledger.statuses) <= {200, 201}
    assert server.stop() == 0


async def test_stopped_under_load_all_that_was_begun_is_answered(server: Server) -> None:
    """The signal comes to every process at once, as from a terminal, or from who stops a service."""
    async with under_load(server) as ledger:
        for number in (signal.SIGTERM, signal.SIGINT):
            await ledger.more(50)
            for pid in (server.process.pid, *processes(server).values()):
                os.kill(pid, number)
            assert await asyncio.to_thread(server.process.wait, 10) == 0
            await asyncio.to_thread(server.start)
    assert set(ledger.statuses) <= {200, 201}, "a request was answered with a failure"


# -- one of them


def test_what_waits_for_a_process_that_is_killed_is_answered(server: Server) -> None:
    """The connections that one process has not taken yet are not its own."""
    os.kill(processes(server)[1], signal.SIGSTOP)
    with wires(server, 24) as connections:
        for wire in connections:
            wire.send("GET", "/tasks")
        kill(server, 1)
        assert {wire.answer()[0] for wire in connections} == {200}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one socket is for all, and nothing is promised")
def test_connections_are_spread_over_the_processes(server: Server) -> None:
    """They are kept for long, so none may have nearly all. By chance one has fewer than 10 of 64 once in 10^8 times."""

    def open_files() -> list[int]:
        return [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in processes(server).values()]

    with Wire(server) as first:
        first.send("GET", "/tasks")
        first.answer()
    before = open_files()
    with wires(server, 64) as connections:
        for wire in connections:
            wire.send("GET", "/health")
        for wire in connections:
            wire.answer()
        assert min(now - then for now, then in zip(open_files(), before, strict=True)) >= 10


def test_one_that_is_told_to_stop_ends_in_good_order_and_is_replaced(server: Server) -> None:
    pid = processes(server)[2]
    os.kill(pid, signal.SIGTERM)
    until(lambda: processes(server)[2] != pid, "another one is ready")
    assert f"process 2 ({pid}): ended with 0; another one starts" in server.log
    with server.client() as client:
        told(client.get("/tasks"))


def test_one_that_cannot_start_again_is_tried_until_it_can(server: Server, database: Database) -> None:
    """Once they are at work a reason passes: the database is away."""
    with database.refused():
        os.kill(processes(server)[1], signal.SIGKILL)
        until(lambda: "cannot be reached" in server.log, "it says why it does not start")
        assert runs(processes(server)[2]) and server.process.poll() is None
    until(lambda: len(_READY.findall(server.log)) == 3, "it is ready")
    assert re.search(r"process 1 \(\d+\): The database .* cannot be reached.*; another one starts", server.log)
    with server.client() as client:
        made(client.post("/tasks", json={"key": new_key()}))
    assert "Traceback" not in server.log


# -- the one that starts them


def test_none_stays_behind_when_the_first_process_is_killed(server: Server) -> None:
    with server.client() as client, Wire(server) as wire:
        task = made(client.post("/tasks", json={"key": new_key()}))
        body = b'{"key":"%s"}' % new_key().encode()
        wire.raw(wire.head("POST", "/tasks", Content_Length=str(len(body))) + body[:5])
        until(lambda: wire_is_taken(server), "the request has begun")
        server.kill()
        wire.raw(body[5:])
        assert wire.answer()[0] == 201, "what was begun is finished"
    until(lambda: not any(map(runs, processes(server).values())), "all have ended")
    server.start()
    with server.client() as client:
        told(client.get(f"/tasks/{task['id']}"))
    assert "Traceback" not in server.log


def wire_is_taken(server: Server) -> bool:
    """Every connection that was made was taken by a process: an answer to one that came later says so of its process;
    a few of them are of every process."""
    with wires(server, 24) as connections:
        for wire in connections:
            wire.send("GET", "/tasks")
        return {wire.answer()[0] for wire in connections} == {200}


def test_the_second_signal_does_not_wait(server: Server) -> None:
    with Wire(server) as wire, server.client() as client:
        wire.raw(wire.head("POST", "/tasks", Content_Length="100") + b"{")
        told(client.get("/tasks"))
        assert wire_is_taken(server)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(server), "nobody listens any more")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(60)
        assert time.monotonic() - began < GRACE_S
    assert "SIGTERM: stopping at once" in server.log
    assert not any(map(runs, processes(server).values()))


def refuses(server: Server) -> bool:
    try:
        Wire(server).leave()
    except ConnectionRefusedError:
        return True
    return False


def test_one_key_is_made_and_shown_once_and_one_line_says_where_it_listens(tmp_path: Path, database: Database) -> None:
    settings = {"DATABASE_URL": database.url, "DATA_FACTORY_PROCESSES": "3", "DATA_FACTORY_LOG_FORMAT": "json"}
    with Server(tmp_path / "data", None, **settings) as server:
        key = (server.directory / "admin-key").read_text().strip()
        with server.client(key) as client:
            assert len(told(client.get("/api_keys"))["data"]) == 1
        assert server.log.count(key) == server.log.count("listens on") == 1
        assert sorted(processes(server)) == [1, 2, 3]
        assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    assert sorted(line["process"] for line in lines if line["message"] == "stopped") == [1, 2, 3]
    assert {line.get("process") for line in lines if "listens on" in line["message"]} == {None}


# -- starts that cannot be


def test_when_they_cannot_start_it_gives_up_with_the_reason(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing", **TWO)
    code, said = failed(server)
    assert (code, said.count("The server cannot start: The database postgresql://nobody@127.0.0.1:1/nothing")) == (1, 1)
    assert "cannot be reached" in said and not said.count("listens on")


def test_an_address_belongs_to_one_server_however_many_processes_it_has(server: Server, tmp_path: Path) -> None:
    port = server.address.rpartition(":")[2]
    for settings in ({"DATABASE_URL": server.settings["DATABASE_URL"], **TWO}, {}):
        code, said = failed(Server(tmp_path / "other", **settings), "--port", port)
        assert (code, "ddress already in use" in said) == (1, True)


@pytest.mark.parametrize(
    ("number", "said"),
    [("2", "needs a PostgreSQL database"), ("0", "not in the range x>=1"), ("two", "not a valid int")],
)
def test_how_many_cannot_be(tmp_path: Path, number: str, said: str) -> None:
    code, words = failed(Server(tmp_path / "data"), "--processes", number)
    assert (code, said in " ".join(words.split())) == (2, True)
    assert not (tmp_path / "data").exists()


def test_one_process_is_a_server_as_ever(tmp_path: Path) -> None:
    with Server(tmp_path / "data", DATA_FACTORY_PROCESSES="1") as server:
        assert processes(server) == {}
        assert server.stop() == 0
