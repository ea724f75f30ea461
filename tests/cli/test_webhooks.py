"""`data-factory webhook`, `run --webhook` and `events`, as their users have them."""

from __future__ import annotations

import json
import select
from collections.abc import Iterator

import pytest

from data_factory.client import Client
from tests.cli.conftest import CommandLine, Desk, interrupt
from tests.receiver import SECRET, Receiver, receiver
from tests.running import Server, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("server") / "data"
    with running_server(directory, DATA_FACTORY_ALLOW_PRIVATE_WEBHOOKS="true") as server:
        yield server


@pytest.fixture(scope="module")
def api(server: Server) -> Iterator[Client]:
    with Client(server.address, server.key) as client:
        yield client


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


def test_a_webhook_from_its_making_to_its_end(cli: CommandLine, there: Receiver) -> None:
    made = cli("webhook", "create", there.address)
    id, secret = made.out.split()[3].rstrip("."), made.out.split()[-1]
    assert cli("webhook", "test", id, "--json").json["status"] == "PENDING"
    got = there.next()
    assert got.json == {**got.json, "type": "webhook.test", "data": {"webhookId": id}} and got.is_signed_with(secret)
    listed = cli("webhook", "list").out
    assert id in listed and there.address in listed and secret not in listed
    [delivery] = cli("webhook", "deliveries", id, "--json").json
    assert delivery["id"] == got.id
    new = cli("webhook", "rotate", id).out.split()[-1]
    assert new.startswith("whsec_") and new != secret
    assert "Deleted the webhook" in cli("webhook", "delete", id).out
    assert "There is no webhook" in cli("webhook", "test", id, code=2).err


def test_only_of_these_ends_and_jobs(cli: CommandLine, desk: Desk) -> None:
    words = ("--status", "FAILED", "--status", "TIMEDOUT", "--job", desk.job)
    made = cli("webhook", "create", "http://127.0.0.1:9/", *words, "--json").json
    assert (made["statuses"], made["jobIds"]) == (["FAILED", "TIMEDOUT"], [desk.job_id])
    assert cli("webhook", "delete", made["id"], "--yes", "--json").json["id"] == made["id"]
    assert "There is no" in cli("webhook", "create", "http://127.0.0.1:9/", "--job", "nothing", code=2).err
    assert "url" in cli("webhook", "create", "ftp://example.com", code=2).err


def test_one_is_changed_and_what_is_not_said_stays(cli: CommandLine, desk: Desk) -> None:
    words = ("--status", "FAILED", "--job", desk.job)
    id = cli("webhook", "create", "http://127.0.0.1:9/", *words, "--json").json["id"]

    def update(*words: str) -> tuple[str, list[str], list[str], bool]:
        found = cli("webhook", "update", id, *words, "--json").json
        return found["url"], found["statuses"], found["jobIds"], found["isActive"]

    assert update("--inactive") == ("http://127.0.0.1:9/", ["FAILED"], [desk.job_id], False)
    assert update("--address", "http://127.0.0.1:9/new") == ("http://127.0.0.1:9/new", ["FAILED"], [desk.job_id], False)
    assert update("--status", "TIMEDOUT", "--active") == ("http://127.0.0.1:9/new", ["TIMEDOUT"], [desk.job_id], True)
    assert update("--all", "--status", "FAILED") == ("http://127.0.0.1:9/new", ["FAILED"], [], True)
    assert update("--all") == ("http://127.0.0.1:9/new", [], [], True)
    assert "http://127.0.0.1:9/new" in cli("webhook", "update", id, "--job", desk.job).out
    cli("webhook", "delete", id)


def test_what_all_were_told_of_one_job_execution(cli: CommandLine, desk: Desk, there: Receiver) -> None:
    for _ in range(2):
        cli("run", desk.job, "--webhook", there.address)
        desk.complete()
        got = there.next()
    ended = got.json["data"]["id"]
    [delivery] = cli("webhook", "deliveries", "--execution", ended, "--json").json
    assert (delivery["id"], delivery["jobExecutionId"]) == (got.id, ended)
    assert delivery["webhookId"] in cli("webhook", "deliveries", "--execution", ended).out
    for words in ((), ("01a2b3c4d5e6f708192a3b4c", "--execution", ended)):
        assert "Say of which webhook" in cli("webhook", "deliveries", *words, code=2).err


def test_a_run_that_somebody_is_told_of(cli: CommandLine, desk: Desk, there: Receiver) -> None:
    own = cli("run", desk.job, "--webhook", there.address)
    assert "DATA_FACTORY_WEBHOOK_SECRET gives your own" in own.err
    desk.complete()
    made = own.err.split("signed with ")[1].split(",")[0]
    assert there.next().is_signed_with(made)
    given = cli("run", desk.job, "--webhook", there.address, DATA_FACTORY_WEBHOOK_SECRET=SECRET)
    assert "whsec_" not in given.err
    desk.complete(v=1)
    got = there.next()
    assert got.is_signed_with(SECRET) and got.json["data"]["output"] == {"v": 1}
    bad = cli("run", desk.job, "--webhook", there.address, code=2, DATA_FACTORY_WEBHOOK_SECRET="whsec_short")
    assert "webhook.secret" in bad.err


def test_events_of_one_execution_end_with_it(cli: CommandLine, desk: Desk) -> None:
    run = desk.launch()
    with cli.start("events", "--execution", run, "--json") as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["event"] == "task_execution.scheduled"
        desk.complete()
        kinds = [json.loads(line)["event"] for line in process.stdout]
    assert (process.returncode, kinds[-1]) == (0, "job_execution.ended")
    assert cli("events", "--execution", run, "--kind", "job_execution").out.split() == [
        *("job_execution.ended", run, "COMPLETED"),
    ]
    assert "kinds" in cli("events", "--kind", "gossip", code=2).err
    assert "There is no job execution" in cli("events", "--execution", "0" * 24, code=2).err


def test_ctrl_c_ends_the_events_of_an_account(cli: CommandLine, desk: Desk) -> None:
    with cli.start("events") as process:
        assert process.stdout is not None
        while not select.select([process.stdout], [], [], 0.2)[0]:
            desk.launch()  # once it is listened to
        line = process.stdout.readline()
        assert line.startswith(("job_execution.", "task_execution."))
        interrupt(process)
        process.communicate(timeout=60)
    assert process.returncode == 130
