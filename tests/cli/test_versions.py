"""What a job has been, from the command line and from Python."""

from __future__ import annotations

from tests.cli.conftest import CommandLine, Desk


def test_versions_are_listed_compared_and_published_again(cli: CommandLine, desk: Desk) -> None:
    desk.api.jobs.update(desk.job_id, {**desk.definition, "title": "Run it\x1b", "timeoutSeconds": 5})
    listed = cli("job", "versions", desk.job).out.splitlines()
    assert [line.split()[0] for line in listed] == ["VERSION", "2", "1"]
    assert listed[1].rstrip().endswith("present")
    assert [one["version"] for one in cli("job", "versions", desk.job, "--json").json] == [2, 1]
    said = cli("job", "diff", desk.job).out.splitlines()
    assert said == ["From version 1 to 2:", '~ title: "Run my task" → "Run it\\u001b"', "~ timeoutSeconds: 0 → 5"]
    assert cli("job", "diff", desk.job, "2", "2").out == "From version 2 to 2: nothing has changed.\n"
    assert cli("job", "diff", desk.job, "2", "1", "--json").json["changes"][0]["after"] == "Run my task"
    then = cli("job", "get", desk.job, "--version", "1").out
    assert "Run my task" in then and "time to run   no limit" in then
    assert cli("job", "get", desk.job, "--version", "2", "--json").json["definition"]["timeoutSeconds"] == 5
    again = cli("job", "republish", desk.job, "1")
    assert again.out == f"Published version 1 of {desk.job} again, as version 3\n"
    assert cli("job", "republish", desk.job, "2", "--json").json["version"] == 4
    assert "no version 9" in cli("job", "republish", desk.job, "9", code=2).err


def test_the_rules_of_a_schedule_are_set_and_taken_away(cli: CommandLine, desk: Desk) -> None:
    said = cli("job", "schedule", desk.job, "--cron", "0 3 * * *", "--cron", "30 12 * * SAT").out.splitlines()
    assert [line.split()[:2] for line in said[1:3]] == [["0", "3"], ["30", "12"]]
    assert said[3] == "The next times:" and len(said) == 9
    assert "periodicity[0].cronExpression" in cli("job", "schedule", desk.job, "--cron", "daily", code=2).err
    assert cli("job", "schedule", desk.job, "--clear", "--json").json["periodicity"] == []
    assert "give one of" in cli("job", "schedule", desk.job, "--clear", "--pause", code=2).err
    assert (job := desk.api.jobs.get(desk.job_id)).version == 1
    assert job.tasks[0].task_reference_name == "task"


def test_versions_in_python(desk: Desk) -> None:
    jobs = desk.api.jobs
    jobs.update(desk.job_id, {**desk.definition, "title": "Two"})
    assert [one.version for one in jobs.versions(desk.job_id, size=1)] == [2, 1]
    definition = jobs.version(desk.job_id, 1).definition
    assert definition is not None
    assert definition.title == "Run my task"
    [change] = jobs.diff(desk.job_id, 1, 2).changes
    assert (change.kind, change.path, change.after) == ("changed", "title", "Two")
    assert jobs.publish_version(desk.job_id, 1).version == 3
