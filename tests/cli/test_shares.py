"""Jobs that another account shares, from the command line of who launches them."""

from __future__ import annotations

from data_factory.client import Client
from tests.cli.conftest import CommandLine, Desk
from tests.running import Server


def test_a_shared_job_is_run_by_its_key_and_looked_at(
    server: Server, api: Client, cli: CommandLine, desk: Desk
) -> None:
    guest = cli("account", "create", "in Lyon", "--json").json
    theirs = {"API_ACCESS_TOKEN": guest["apiKey"]["key"]}
    refused = cli("run", desk.job, code=2, **theirs)
    assert f"There is no job '{desk.job}'" in refused.err
    cli("job", "share", desk.job, guest["id"])

    run = cli("run", desk.job, "--input", "n=10", "--json", **theirs).json
    assert (run["jobId"], run["input"]["n"]) == (desk.job_id, 10)
    assert "has waited for a worker" in cli("execution", "why", run["id"], **theirs).out
    desk.report(desk.claim(), "FAILED_WITH_TERMINAL_ERROR", message="no paper")

    shown = cli("execution", "get", run["id"], "--wait", code=1, **theirs)
    assert desk.job in shown.out and "no paper" in shown.out
    assert "the-worker" not in shown.out + shown.err
    assert "attempt 1  FAILED_WITH_TERMINAL_ERROR" in shown.err
    assert "The task 'task' has failed for good: no paper" in cli("execution", "timeline", run["id"], **theirs).out
    assert desk.job in cli("execution", "list", "--job", desk.job, **theirs).out
    assert run["id"] not in cli("execution", "list", "--job", desk.job).out

    asked = [{"key": "n", "type": "NUMBER", "required": True}, {"key": "note", "type": "TEXT"}]
    desk.api.jobs.update(desk.job_id, {**desk.definition, "userInputs": asked})
    assert cli("job", "shared", **theirs).out.splitlines()[1].endswith("n, [note]")
    assert "lets you run it, and no more" in cli("job", "get", desk.job, code=2, **theirs).err
    told = cli("webhook", "create", "https://example.com/", "--job", desk.job, "--json", **theirs).json
    assert told["jobIds"] == [desk.job_id]

    cli("job", "unshare", desk.job, guest["id"])
    assert desk.job_id in cli("execution", "get", run["id"], **theirs).out


def test_of_two_shared_jobs_with_one_key_one_is_named_by_its_id(server: Server, cli: CommandLine, desk: Desk) -> None:
    guest = cli("account", "create", "in Lyon", "--json").json
    theirs = {"API_ACCESS_TOKEN": guest["apiKey"]["key"]}
    other = cli("account", "create", "in Nice", "--json").json
    with Client(server.address, other["apiKey"]["key"]) as api:
        api.tasks.create({"key": desk.task})
        twin = api.jobs.create(desk.definition)
        api.jobs.share(twin.id, guest["id"])
    cli("job", "share", desk.job, guest["id"])
    said = cli("run", desk.job, code=2, **theirs).err
    assert "More than one account shares a job" in said and twin.id in said and desk.job_id in said
    assert cli("run", twin.id, "--json", **theirs).json["jobId"] == twin.id
