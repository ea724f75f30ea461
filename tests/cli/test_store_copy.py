"""`data-factory store copy`: a Data Factory that moves from one store to another, and goes on there."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from data_factory.store.sqlite.copying import DRAFT_NAME
from data_factory.store.sqlite.database import FILE_NAME
from tests.api.factory import Factory, Json, made, refused, step, told
from tests.cli.conftest import CommandLine
from tests.cli.terminal import Terminal
from tests.postgresql import PASSWORD, Database
from tests.running import COMMAND, Server, running_server, until

MOST_MEGABYTES = 160


@pytest.fixture
def there(database: Database) -> Database:
    """A database to copy to and from."""
    return database


@pytest.fixture
def settled(stranger: CommandLine, tmp_path: Path) -> Path:
    """A data directory on which a server was, and a job ran."""
    with running_server(tmp_path / "data") as server, server.client() as client:
        factory = Factory(client)
        _, _, held = factory.held()
        told(factory.report(held))
        made(client.post("/files", files={"file": ("prices.csv", b"9.99", "text/csv")}))
    return tmp_path / "data"


def test_a_server_on_the_copy_goes_on_where_the_other_was(
    stranger: CommandLine, tmp_path: Path, there: Database
) -> None:
    """From SQLite to PostgreSQL and back; on each, something is running, waiting, due later, and launched once."""
    once = {"Idempotency-Key": "order-4711"}
    with running_server(tmp_path / "data") as first, first.client() as client:
        factory = Factory(client)
        work, flaky = factory.task(), factory.task(retryCount=1, retryDelaySeconds=1)
        job = factory.job(step(work), step(work, "second"), slots=1)
        queue = [factory.launch(job, n=n) for n in range(3)]
        [held] = factory.claim(work)
        retried = factory.launch(factory.job(step(flaky)))
        told(factory.report(factory.claim(flaky)[0], "FAILED"))
        slow = factory.launch(factory.job(step(factory.task()), timeoutSeconds=2))
        body = {"jobId": job["id"], "input": {}}
        queue.append(client.post("/job_executions", json=body, headers=once).json())
        before = [factory.run(run) for run in (*queue, retried, slow)]
    stranger("store", "copy", "data", there.url)
    with running_server(tmp_path / "elsewhere", DATABASE_URL=there.url) as second, second.client() as client:
        factory = Factory(client)
        assert [factory.run(run) for run in queue] == before[:4]
        assert client.post("/job_executions", json=body, headers=once).json()["id"] == queue[-1]["id"]
        told(factory.report(held, "IN_PROGRESS", lease=held["lease"]))
        told(factory.report(held, "COMPLETED", lease=held["lease"]))
        [again] = factory.claim(flaky, wait=20)
        assert (again["attempt"], again["jobExecutionId"]) == (2, retried["id"])
        late = told(client.get(f"/job_executions/{slow['id']}", headers={"Prefer": "wait=20"}))
        assert late["status"] == "TIMEDOUT"
        queue.append(factory.launch(job, n=4))
        finish(factory, work, queue[0])
        [held] = factory.claim(work, wait=20)
        assert held["jobExecutionId"] == queue[1]["id"], "first in, first out"
    stranger("store", "copy", there.url, "back")
    with running_server(tmp_path / "back") as third, third.client() as client:
        factory = Factory(client)
        told(factory.report(held, "COMPLETED", lease=held["lease"]))
        finish(factory, work, queue[1])
        for run in queue[2:]:
            finish(factory, work, run)
            finish(factory, work, run)
        assert {factory.run(run)["status"] for run in queue} == {"COMPLETED"}
        told(factory.report(again, lease=again["lease"]))
        assert factory.run(retried)["status"] == "COMPLETED"
        newest = told(client.get("/job_executions", params={"jobId": job["id"]}))["data"]
        assert [run["id"] for run in newest] == [run["id"] for run in reversed(queue)]


def finish(factory: Factory, task: Json, run: Json) -> None:
    """Do the next step of a job execution, which has to be the one whose turn it is."""
    [held] = factory.claim(task, wait=20)
    assert held["jobExecutionId"] == run["id"]
    told(factory.report(held, lease=held["lease"]))


def test_what_was_copied_is_shown(stranger: CommandLine, settled: Path, there: Database) -> None:
    said = stranger("store", "copy", "data", there.url)
    lines = [line.split() for line in said.out.splitlines()]
    assert lines[0] == ["TABLE", "ROWS", "SIZE", "SHA-256"]
    assert [line[:2] for line in lines[1:]] == sorted(line[:2] for line in lines[1:])
    assert ["job_executions", "1"] in [line[:2] for line in lines]
    assert re.search(
        r"^copying (\d+) rows\nchecking \1 rows\nCopied \1 rows, .* the target has the same\.\n"
        r"Files: 1\. Their content is no part of a store: give servers on the target the same --files-dir",
        said.err,
        re.MULTILINE,
    )
    back = stranger("store", "copy", there.url, "back", "--json").json
    assert (back["source"], back["target"]) == (there.url.replace(f":{PASSWORD}", ""), "back")
    assert {one["table"]: (one["rows"], one["sha256"]) for one in back["tables"]} == {
        line[0]: (int(line[1]), line[-1]) for line in lines[1:]
    }
    assert back["rows"] == sum(one["rows"] for one in back["tables"])
    assert back["bytes"] == sum(one["bytes"] for one in back["tables"]) > 0 < back["seconds"]


def test_a_person_sees_how_far_it_is(stranger: CommandLine, settled: Path) -> None:
    with Terminal(settled.parent, stranger.variables, "store", "copy", "data", "copied", width=120) as terminal:
        assert terminal.end() == 0
    assert re.search(r"copying +.*\d+/\d+ rows", terminal.text)
    assert re.search(r"checking +.*\d+/\d+ rows", terminal.text)
    assert "Read back, the target has the same." in terminal.text


def test_what_is_refused_is_said_in_a_line(stranger: CommandLine, settled: Path, there: Database) -> None:
    for words, code, said in (
        (("data", "data"), 2, "The source and the target are the same"),
        (("data", "mysql://here/there"), 2, "or an address that begins with postgresql://"),
        (("nowhere", there.url), 2, "There is no Data Factory in nowhere"),
        (
            ("data", f"postgresql://tests:{PASSWORD}@127.0.0.1:1/x"),
            3,
            "postgresql://tests@127.0.0.1:1/x cannot be reached",
        ),
        (("data", there.url.replace(there.name, "nowhere")), 3, 'database "nowhere" does not exist'),
        (("data", "data/data-factory.sqlite"), 2, "The data directory data/data-factory.sqlite cannot be used"),
    ):
        answer = stranger("store", "copy", *words, code=code)
        assert said in answer.err and answer.out == ""
        assert "Traceback" not in answer.err and PASSWORD not in answer.err
    assert not (settled.parent / "nowhere").exists()
    stranger("store", "copy", "data", there.url)
    assert "is not empty" in stranger("store", "copy", there.url, "data", code=2).err
    assert "are the same" in stranger("store", "copy", there.url, there.url, code=2).err


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_from_a_running_server_only_when_told_so(
    stranger: CommandLine, tmp_path: Path, there: Database, kind: str
) -> None:
    settings = {"DATABASE_URL": there.url} if kind == "postgresql" else {}
    place = there.url if kind == "postgresql" else "data"
    with running_server(tmp_path / "data", **settings) as server, server.client() as client:
        run = Factory(client).waiting()[1]
        said = stranger("store", "copy", place, "copied", code=2).err
        assert ("Servers are at work" if kind == "postgresql" else server.address) in said
        assert not (tmp_path / "copied").exists()
        said = stranger("store", "copy", place, "copied", "--from-running").err
        assert "What servers on the source have done since the copy began is not in it." in said
        later = Factory(client).launch({"id": run["jobId"]})
    with running_server(tmp_path / "copied") as server, server.client() as client:
        assert Factory(client).run(run)["status"] == "RUNNING"
        refused(client.get(f"/job_executions/{later['id']}"), 404, "not_found")


# -- a large one


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A folder with a data directory that has many small rows, and 40 with payloads of 2 MB."""
    folder = tmp_path_factory.mktemp("large")
    with running_server(folder / "data") as server, server.client() as client:
        Factory(client).waiting()
    with closing(sqlite3.connect(folder / "data" / FILE_NAME)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(job_executions)")]
        others = ", ".join(name for name in columns if name not in ("seq", "id", "input"))
        connection.execute(
            f"INSERT INTO job_executions (id, input, {others}) "  # noqa: S608 - ours
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            "SELECT printf('%024x', i), iif(i % 500 = 0, json_object('x', hex(zeroblob(1000000))), '{}'), "
            f"{others} FROM n, job_executions"
        )
        connection.commit()
    return CommandLine(folder)


def test_a_large_store_is_copied_in_little_memory(large: CommandLine, there: Database) -> None:
    for source, target in (("data", there.url), (there.url, "copied")):
        assert megabytes_of(large, "store", "copy", source, target) < MOST_MEGABYTES


def megabytes_of(command: CommandLine, *words: str) -> float:
    """How much memory a command takes at the most. A little process starts it: for the system, what a process had
    before it became the command counts too, and this one has much."""
    measure = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=sys.stderr);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)"
    )
    run = [sys.executable, "-c", measure, str(COMMAND), *words]
    return float(subprocess.run(run, cwd=command.folder, env=command.variables, check=True, capture_output=True).stdout)


def test_killed_while_it_writes_to_a_directory_it_can_be_tried_again(large: CommandLine) -> None:
    target = large.folder / "again"
    with large.start("store", "copy", "data", "again") as process:
        until(lambda: size_of(target / DRAFT_NAME) > 1_000_000, "some of it is written")
        process.kill()
    assert not (target / FILE_NAME).exists()
    large("store", "copy", "data", "again")
    assert {file.name for file in target.iterdir()} == {"lock", FILE_NAME}


def size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_while_it_writes_to_a_database_it_can_be_tried_again(
    large: CommandLine, there: Database, number: signal.Signals
) -> None:
    with large.start("store", "copy", "data", there.url) as process:
        until(lambda: is_copying(there), "some of it is written")
        process.send_signal(number)
        said = process.communicate()[1]
    assert (process.returncode, "Nothing was copied" in said) == ((130, True) if number == 2 else (-9, False))
    until(
        lambda: there.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0", "its session has ended"
    )
    assert there.sql("SELECT count(*) FROM accounts") == there.sql("SELECT count(*) FROM job_executions") == "0"
    assert "checking" in large("store", "copy", "data", there.url).err


def is_copying(database: Database) -> bool:
    return database.sql("SELECT coalesce(sum(bytes_processed), 0) > 1000000 FROM pg_stat_progress_copy") == "t"


def test_a_server_does_not_start_on_what_is_being_copied(large: CommandLine, there: Database) -> None:
    with large.start("store", "copy", "data", there.url) as process:
        until(lambda: is_copying(there), "some of it is written")
        process.send_signal(signal.SIGSTOP)
        for server in (Server(large.folder / "data"), Server(large.folder / "other", DATABASE_URL=there.url)):
            server.launch()
            assert server.process.wait(90) == 1
            assert "which copies it" in server.log or "The database is being copied" in server.log
        process.kill()
