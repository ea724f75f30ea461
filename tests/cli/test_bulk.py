"""One verb for many job executions, from the command line."""

from __future__ import annotations

import json

from tests.cli.conftest import CommandLine, Desk


def test_many_are_named_canceled_run_again_and_deleted(cli: CommandLine, desk: Desk) -> None:
    runs = [desk.launch(number=number) for number in range(3)]

    def bulk(verb: str, *words: str, code: int = 0) -> str:
        return cli("execution", "bulk", verb, "--job", desk.job, *words, code=code).out

    planned = bulk("cancel", "--since", "1h", "--dry-run").splitlines()
    assert planned == ["Would cancel 3 job executions:", *(f"  {id}  RUNNING" for id in reversed(runs))]
    only = json.dumps({"type": "eq", "field": "id", "value": runs[0]})
    assert bulk("cancel", "--filter", only, "--reason", "wrong") == "Canceled 1 job executions.\n"
    assert bulk("cancel", "--status", "running") == "Canceled 2 job executions.\n"
    # Of a job that is INACTIVE nothing is launched: each is refused, and the others are told all the same.
    desk.api.jobs.update(desk.job_id, {**desk.definition, "status": "INACTIVE"})
    refused = bulk("rerun", "--filter", only, code=1).splitlines()
    assert refused[0] == "Ran again 0 job executions; refused 1:"
    assert refused[1].startswith("  1 job_inactive: ") and refused[1].endswith(runs[0])
    desk.api.jobs.update(desk.job_id, {**desk.definition, "status": "ACTIVE"})
    again = json.loads(bulk("retry", "--status", "TERMINATED", "--json"))
    assert (again["done"], again["refused"]) == (3, 0)
    launched = {one["launchedId"] for one in again["data"]}
    assert {desk.api.job_executions.get(id).origin for id in launched} == {"RETRY"}
    assert bulk("delete", "--yes") == "Deleted 3 job executions.\n"


def test_wrong_use(cli: CommandLine) -> None:
    for words, said in (
        (["cancel"], "Say which"),
        (["dance", "--all"], "dance"),
        (["cancel", "--filter", "[]"], "not a JSON object"),
        (["cancel", "--since", "soon"], "--since soon is not a length"),
        (["cancel", "--status", "BAD"], "'--status': 'BAD' is not one of"),
        (["cancel", "--filter", '{"type": "eq", "field": "no"}'], "filter.field: expected one of"),
        (["cancel", "--job", "no-such-job"], "There is no job"),
    ):
        assert said in cli("execution", "bulk", *words, code=2).err
