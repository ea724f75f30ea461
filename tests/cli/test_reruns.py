"""Job executions run again, and deleted, from the command line."""

from __future__ import annotations

from tests.cli.conftest import CommandLine, Desk


def test_what_failed_is_retried_run_again_and_in_the_end_deleted(cli: CommandLine, desk: Desk) -> None:
    failed = desk.launch(power=3)
    assert "only what has ended" in cli("execution", "retry", failed, code=2).err
    desk.report(desk.claim(), "FAILED_WITH_TERMINAL_ERROR", message="no paper")

    plan = cli("execution", "retry", failed, "--dry-run").out
    assert plan.startswith("It begins with task. Nothing is reused.")
    assert plan.splitlines()[-1].split() == ["runs", "again", "task", "FAILED_WITH_TERMINAL_ERROR"]
    assert cli("execution", "retry", failed, "--dry-run", "--json").json["againCount"] == 1

    retried = cli("execution", "retry", failed, "--json").json
    assert retried["retryOf"] == failed
    assert cli("execution", "delete", retried["id"], code=2).err.endswith("cancel it first.\n")
    desk.complete(pages=7)
    assert "nothing" in cli("execution", "retry", retried["id"], code=2).err.lower()

    said = cli("execution", "rerun", failed).out
    assert said.startswith("Runs again as ")
    rerun = said.split()[3].rstrip(":")
    desk.complete()
    assert cli("execution", "get", failed, "--json").json["runAgainAs"] == [retried["id"], rerun]
    assert f"again as   {retried['id']}, {rerun}" in cli("execution", "get", failed).out
    assert f"runs again   {failed}" in cli("execution", "get", rerun).out
    for id, origin in ((retried["id"], "RETRY"), (rerun, "RERUN")):
        assert f"({origin} of {failed})." in cli("execution", "timeline", id).out

    assert cli("execution", "delete", failed).out == f"Deleted {failed}.\n"
    assert cli("execution", "get", failed, code=2).out == ""
    purge = ("purge", "--older-than", "0m", "--status", "COMPLETED")
    plan = cli(*purge, "--dry-run").out
    assert plan.startswith("Would delete ")
    assert "COMPLETED" in plan
    report = cli(*purge, "--json").json
    assert report["count"] == report["byStatus"]["COMPLETED"] >= 2
    assert cli(*purge).out == "Deleted 0 job executions.\n"
    assert cli("execution", "list", "--job", desk.job, "--json").json == []
