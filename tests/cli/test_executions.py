from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import CommandLine, Desk


def test_executions_are_listed_newest_first(cli: CommandLine, desk: Desk) -> None:
    ids = [desk.launch(n=n) for n in range(4)]
    listed = cli("execution", "list", "--job", desk.job, "--limit", "3")
    header, *rows = listed.out.splitlines()
    assert header.split() == ["ID", "JOB", "STATUS", "CREATED", "TIME"]
    assert [row.split()[:3] for row in rows] == [[id, desk.job, "RUNNING"] for id in reversed(ids[1:])]
    assert listed.err == "There are more: --limit 15\n"
    everything = cli("execution", "list", "--job", desk.job_id, "--json")
    assert [execution["id"] for execution in everything.json] == ids[::-1]
    assert everything.err == ""
    assert cli("execution", "list", "--job", "no-such-job", code=2).out == ""


def test_an_empty_list_says_what_to_do(cli: CommandLine, desk: Desk) -> None:
    empty = cli("execution", "list", "--job", desk.job)
    assert (empty.out, empty.err) == ("", "There are no job executions: `data-factory run JOB` makes one.\n")
    none = cli("execution", "list", "--job", desk.job, "--status", "failed")
    assert (none.out, none.err) == ("", f"There are no such job executions of {desk.job}.\n")
    assert "'BAD' is not one of" in cli("execution", "list", "--status", "BAD", code=2).err
    assert cli("execution", "list", "--job", desk.job, "--json").json == []


def test_an_execution_is_shown_with_every_attempt(cli: CommandLine, desk: Desk) -> None:
    id = desk.launch(power=10)
    running = cli("execution", "get", id).out
    assert "RUNNING" in running
    assert '"power": 10' in running
    assert "context" not in running
    desk.report(desk.claim(), "FAILED", message="the printer is off")
    failed = cli("execution", "get", id).out
    assert "failure   task_failed (task task): " in failed
    (attempt,) = [line for line in failed.splitlines() if line.startswith("task ")]
    assert attempt.split()[:3] == ["task", "1", "FAILED"]
    assert "the-worker" in attempt
    assert attempt.rstrip().endswith("the printer is off")
    assert cli("execution", "get", id, "--json").json["failure"]["code"] == "task_failed"


def asking(desk: Desk, *names: str) -> str:
    """A job execution that waits for people, in a branch each."""
    branches = [[{"name": "ask", "taskReferenceName": name, "type": "HUMAN"}] for name in names]
    fork = {"name": "fork", "taskReferenceName": "fork", "type": "FORK_JOIN", "forkTasks": branches}
    join = {"name": "join", "taskReferenceName": "join", "type": "JOIN"}
    definition = {"key": f"ask-{desk.job}", "pipelineId": desk.pipeline_id, "output": {"all": "${join.output}"}}
    job = desk.api.jobs.create({**definition, "tasks": [fork, join]})
    return desk.api.job_executions.launch(job.id).id


def test_what_waits_for_a_person_is_answered(cli: CommandLine, desk: Desk) -> None:
    id = asking(desk, "first", "second")
    assert "--task first or --task second" in cli("execution", "complete", id, code=2).err
    assert "does not wait for a person" in cli("execution", "complete", id, "--task", "third", code=2).err
    answered = cli("execution", "complete", id, "--task", "second", "--output", "ok=true", "--output", "by=Ada")
    assert answered.out == "second: COMPLETED\n"
    assert cli("execution", "complete", id, "--output", "ok=false", "--json").json["status"] == "COMPLETED"
    given = {"all": {"first": {"ok": False}, "second": {"ok": True, "by": "Ada"}}}
    assert desk.api.job_executions.get(id).output == given
    assert "waits for a person" in cli("execution", "complete", id, code=2).err


def test_what_waits_for_a_person_is_answered_while_it_is_paused(cli: CommandLine, desk: Desk) -> None:
    id = asking(desk, "first")
    cli("execution", "pause", id)
    _, paused, waits = cli("execution", "why", id).out.splitlines()
    assert "has been paused" in paused and "The HUMAN 'first' has waited for a person" in waits
    assert cli("execution", "complete", id, "--output", "ok=true").out == "first: COMPLETED\n"
    assert desk.api.job_executions.get(id).output == {"all": {"first": {"ok": True}}}


def test_a_person_may_say_that_it_has_failed(cli: CommandLine, desk: Desk) -> None:
    id = asking(desk, "review")
    assert cli("execution", "complete", id, "--fail", "no", "--output", "ok=true", code=2).out == ""
    assert cli("execution", "complete", id, "--fail", "too dark").out == "review: FAILED\n"
    ended = desk.api.job_executions.get(id)
    assert (ended.status, ended.failure and ended.failure.message) == ("FAILED", "too dark")


def test_a_long_input_is_cut_for_people_only(cli: CommandLine, desk: Desk) -> None:
    id = desk.launch(rows=list(range(500)))
    shown = cli("execution", "get", id).out
    assert "… (--json prints all of it)" in shown
    assert len(shown.splitlines()) < 100
    assert cli("execution", "get", id, "--json").json["input"]["rows"] == list(range(500))


def test_waiting_ends_as_the_execution_did(cli: CommandLine, desk: Desk, meanwhile: Callable[..., Any]) -> None:
    id = desk.launch()
    meanwhile(desk.complete, result=1)
    shown = cli("execution", "get", id, "--wait")
    assert "COMPLETED" in shown.out
    assert '"result": 1' in shown.out
    assert cli("execution", "get", id, "--wait", "--json").json["output"] == {"result": 1}
    other = desk.launch()
    desk.api.job_executions.cancel(other)
    assert "is TERMINATED" in cli("execution", "get", other, "--wait", code=1).err
    assert "TERMINATED" in cli("execution", "get", other).out
    assert cli("execution", "get", desk.launch(), "--wait", "--timeout", "0", code=4).out == ""


def test_an_execution_is_canceled_once(cli: CommandLine, desk: Desk) -> None:
    id = desk.launch()
    assert cli("execution", "cancel", id, "--reason", "wrong input").out == f"Canceled {id}: TERMINATED\n"
    failure = desk.api.job_executions.get(id).failure
    assert failure is not None
    assert "wrong input" in failure.message
    assert cli("execution", "cancel", id, "--json").json["status"] == "TERMINATED"
    done = desk.launch()
    desk.complete()
    assert "already ended" in cli("execution", "cancel", done, code=2).err


def test_an_id_that_is_not_there(cli: CommandLine) -> None:
    for words in (["get", "0" * 24], ["get", "0" * 24, "--wait"], ["cancel", "nonsense"]):
        assert "There is no job execution" in cli("execution", *words, code=2).err
    assert "it is empty" in cli("execution", "get", "", code=2).err


def test_what_was_told_is_shown_in_its_order_and_only_what_is_bad_enough(cli: CommandLine, desk: Desk) -> None:
    id = desk.launch()
    empty = cli("execution", "logs", id)
    assert (empty.out, empty.err) == ("", f"Nothing was told of {id}.\n")
    desk.api.job_executions.log(id, "400 of 1,000 \x1b[31mrows", emitter_name="power")
    desk.api.job_executions.log(id, "row 401 is empty", emitter_name="power", severity="warning")
    lines = cli("execution", "logs", id).out.splitlines()
    assert [line.partition(" UTC  ")[2] for line in lines] == [
        "info     power: 400 of 1,000 \N{REPLACEMENT CHARACTER}[31mrows",
        "warning  power: row 401 is empty",
    ]
    assert [log["message"] for log in cli("execution", "logs", id, "--severity", "warning", "--json").json] == [
        "row 401 is empty"
    ]
    assert cli("execution", "logs", id, "--severity", "fatal", code=2).out == ""
    assert cli("execution", "logs", id, "--limit", "1").err == "There are more: --limit 5\n"


def test_why_it_waits_is_said_in_words(cli: CommandLine, desk: Desk) -> None:
    id = desk.launch()
    said = cli("execution", "why", id).out.splitlines()
    assert said[0] == "RUNNING"
    assert said[1].endswith(f"and none has ever asked for '{desk.task}': is one running?")
    assert cli("execution", "why", id, "--json").json["reasons"][0]["code"] == "no_worker"
    assert cli("execution", "why", "f" * 24, code=2).out == ""


def test_the_report_comes_out_or_goes_to_a_file(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    id = desk.launch()
    shown = cli("execution", "report", id).out
    assert shown.startswith('<?xml version="1.0" encoding="utf-8"?>')
    assert shown.endswith("</Job-Report>")
    path = tmp_path / f"report-{id}.xml"
    assert cli("execution", "report", id, "-o", str(tmp_path)).out == f"{path}\n"
    assert cli("execution", "report", id, "-o", str(path), "--json").json == {"path": str(path)}
    text = path.read_text(encoding="utf-8")
    assert text.partition("reported-at")[0] == shown.partition("reported-at")[0]
    assert desk.api.job_executions.report(id).decode().partition("reported-at")[0] == text.partition("reported-at")[0]
    assert "There is no job execution" in cli("execution", "report", "0" * 24, "-o", str(path), code=2).err
    assert path.read_text(encoding="utf-8") == text
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert "cannot be written" in cli("execution", "report", id, "-o", str(tmp_path / "no" / "where"), code=2).err
    assert "--output" in cli("execution", "report", id, "--json", code=2).err


def test_the_timeline_says_who_did_what_and_when(cli: CommandLine, desk: Desk) -> None:
    id = desk.launch()
    cli("execution", "cancel", id, "--reason", "wrong \x1b[31minput")
    first, *lines = cli("execution", "timeline", id).out.splitlines()
    assert first.endswith(" UTC")
    said = [line.split("  ")[-1] for line in lines]
    assert said[0].startswith("Launched by ")
    assert said[0].endswith(" (API).")
    assert said[1:3] == ["Started.", "The task 'task' waits for a worker."]
    assert "wrong \N{REPLACEMENT CHARACTER}[31minput" in said[3]
    assert said[-1].startswith("TERMINATED after ")
    assert all(line.lstrip().startswith("+") for line in lines)
    launched, canceled = [one for one in cli("execution", "timeline", id, "--json").json if "by" in one]
    assert (launched["kind"], launched["by"]["address"]) == ("job_execution.launched", "127.0.0.1")
    assert (canceled["by"]["origin"], canceled["by"]["address"]) == ("CLI", "127.0.0.1")
    assert cli("execution", "timeline", id, "--limit", "2").err == "There is more: --limit 10\n"
    assert "There is no job execution" in cli("execution", "timeline", "0" * 24, code=2).err
