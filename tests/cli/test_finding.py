"""Things that are found from the command line."""

from __future__ import annotations

import json

from tests.cli.conftest import CommandLine, Desk


def test_it_is_found_by_what_is_in_it(cli: CommandLine, desk: Desk) -> None:
    runs = [desk.launch(number=number) for number in range(3)]
    for run in runs[:2]:
        desk.api.job_executions.log(run, f"looked at {run}", emitter_name="it", severity="error")

    def found(*words: str) -> list[str]:
        return [one["jobExecutionId"] for one in json.loads(cli("find", *words, "--json").out)]

    of_job = json.dumps({"type": "in", "field": "jobExecutionId", "value": runs})
    assert found("task-execution", "--filter", of_job) == runs[::-1]
    assert found("task-execution", "--filter", of_job, "--where", "attempt=1", "--order", "asc") == runs
    assert found("task-execution", "--filter", of_job, "--where", "attempt=2") == []
    assert found("log", "--where", "severity=error", "--where", f"message=looked at {runs[0]}") == runs[:1]
    assert found("log", "--execution", runs[1], "--sort", "severity") == runs[1:2]
    said = cli("find", "task-execution", "--filter", of_job, "--limit", "2")
    header, *rows = said.out.splitlines()
    assert header.split()[:4] == ["ID", "CREATED", "JOB", "EXECUTION"]
    assert [next(run for run in runs if run in row) for row in rows] == runs[:0:-1]
    assert said.err == "There are more: --limit 10\n"


def test_every_resource_can_be_found(cli: CommandLine, desk: Desk) -> None:
    desk.api.variables.set("found", "x")
    webhook = desk.api.webhooks.create("https://example.invalid/found", is_active=False)
    run = desk.launch()
    for words, shown in (
        (["task"], "DESCRIPTION"),
        (["job", "--where", f"key={desk.job}"], desk.job_id),
        (["execution", "--where", f"id={run}"], "RUNNING"),
        (["pipeline", "--where", "isDefault=true"], "SLOTS"),
        (["project", "--where", "displayName=no such project"], "Nothing was found."),
        (["file", "--where", "filename=no such file"], "Nothing was found."),
        (["variable", "--where", "key=found"], "ACTIVE"),
        (["webhook", "--where", f"id={webhook.id}"], "no"),
        (["key", "--sort", "title"], "admin"),
        (["account"], "default"),
        (["audit", "--where", f"objectId={webhook.id}"], "webhook.created"),
    ):
        said = cli("find", *words)
        assert shown in said.out + said.err, words


def test_wrong_use(cli: CommandLine) -> None:
    for words, said in (
        (["dance"], "dance"),
        (["task", "--filter", "[]"], "--filter is not a JSON object"),
        (["task", "--where", "key"], "--where 'key' is not name=value"),
        (["task", "--where", "colour=red"], "field: expected one of"),
        (["task", "--execution", "0" * 24], "--execution is for task executions and logs"),
        (["execution", "--sort", "status"], "only --order"),
        (["task-execution", "--sort", "status"], "sort: expected one of createdAt"),
        (["log", "--execution", "0" * 24], "There is no job execution"),
    ):
        assert said in cli("find", *words, code=2).err
