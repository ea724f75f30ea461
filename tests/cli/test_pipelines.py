"""Pipelines, as their users have them on the command line."""

from __future__ import annotations

from tests.cli.conftest import CommandLine, Desk


def test_a_pipeline_is_made_changed_listed_paused_and_resumed(cli: CommandLine, desk: Desk) -> None:
    made = cli("pipeline", "create", "at night", "--slots", "2")
    id = made.out.split()[-1]
    assert made.out == f"Created the pipeline at night: {id}\n" and f"--pipeline {id}" in made.err
    desk.api.jobs.update(desk.job_id, {**desk.definition, "pipelineId": id})
    runs = [desk.launch() for _ in range(4)]

    def running() -> int:
        return sum(desk.api.job_executions.get(run).status == "RUNNING" for run in runs)

    assert running() == 2
    changed = cli("pipeline", "update", id, "--slots", "3", "--json").json
    assert (changed["title"], changed["slots"], running()) == ("at night", 3, 3)
    assert cli("pipeline", "update", id, "--title", "by day").out.splitlines()[-1].split() == [id, "by", "day", "3"]
    assert cli("pipeline", "pause", id, "--reason", "noon").out == "Paused by day.\n"
    assert "noon" in next(line for line in cli("pipeline", "list").out.splitlines() if id in line)
    assert cli("pipeline", "resume", id).out == "Resumed by day.\n"
    assert "There are more: --limit 5" in cli("pipeline", "list", "--limit", "1").err
    assert "Say what is to change" in cli("pipeline", "update", id, code=2).err
    assert "There is no pipeline" in cli("pipeline", "update", "01a2b3c4d5e6f708192a3b4c", "--slots", "2", code=2).err
    assert cli("pipeline", "create", "none", "--slots", "0", code=2).out == ""
