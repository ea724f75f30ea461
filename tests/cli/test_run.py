from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_factory.client import Client
from data_factory.model.requests import ProgressBody
from tests.cli.conftest import CommandLine, Desk, interrupt


def test_a_run_is_launched_and_named(cli: CommandLine, desk: Desk) -> None:
    launched = cli("run", desk.job, "--input", "power=10")
    id, status = launched.out.split()
    assert status == "RUNNING"
    assert launched.err == f"Watch it: data-factory execution get {id} --wait\n"
    assert cli("run", desk.job_id, "--json").json["input"].keys() == {"context"}


def test_a_title_and_a_key_that_launches_once(cli: CommandLine, desk: Desk) -> None:
    words = ("run", desk.job, "--title", "Order 4711", "--idempotency-key", f"order of {desk.job}", "--json")
    first, again = cli(*words, "--input=n=1").json, cli(*words, "--input=n=1").json
    assert (first["info"], again["id"]) == ({"title": "Order 4711"}, first["id"])
    assert cli(*words, "--input=n=2", code=2).err.startswith("Error: ")


@pytest.mark.parametrize(
    ("words", "stdin", "expected"),
    [
        (["power=10"], "", {"power": 10}),
        (
            ["name=Ada", 's="10"', "rows=[1, 2]", "none=null", "yes=true"],
            "",
            {"name": "Ada", "s": "10", "rows": [1, 2]},
        ),
        (["formula=a=b", "empty=", "odd={a", "big=1267650600228229401496703205376"], "", {"big": 2**100, "odd": "{a"}),
        (["a=1"], '{"a": 0, "b": {"c": 2.5}}', {"a": 1, "b": {"c": 2.5}}),
        ([], '{"a": 1267650600228229401496703205376, "ü": "é"}', {"a": 2**100, "ü": "é"}),
    ],
)
def test_input(cli: CommandLine, desk: Desk, words: list[str], stdin: str, expected: dict[str, Any]) -> None:
    pairs = [part for word in words for part in ("--input", word)]
    file = ["--input-file", "-"] if stdin else []
    given = cli("run", desk.job, *pairs, *file, "--json", stdin=stdin).json["input"]
    assert expected.items() <= given.items()


def test_what_a_job_asks_for_is_read_as_that(cli: CommandLine, desk: Desk) -> None:
    asked = [{"key": key, "type": type} for key, type in (("zip", "TEXT"), ("day", "DATE"), ("n", "NUMBER"))]
    several = {"key": "langs", "type": "MULTI_SELECT", "options": [{"key": "1"}, {"key": "2"}]}
    desk.api.jobs.update(desk.job_id, {**desk.definition, "userInputs": [*asked, several]})
    words = [f"--input={pair}" for pair in ("zip=01", "day=2026-11-28", "n=7", "langs=1", "other=8")]
    given = cli("run", desk.job, *words, "--json").json["input"]
    assert {"zip": "01", "day": "2026-11-28", "n": 7, "langs": ["1"], "other": 8}.items() <= given.items()
    both = cli("run", desk.job, "--input=langs=2", "--input=langs=1", "--json").json["input"]
    assert both["langs"] == ["2", "1"]
    assert "--input zip is given 2 times" in cli("run", desk.job, "--input=zip=1", "--input=zip=1", code=2).err
    assert "--input x is given 3 times" in cli("run", desk.job, *["--input=x=1"] * 3, code=2).err
    assert cli("run", desk.job, "--input=zip=10", '--input=langs=["2"]', "--json").json["input"]["zip"] == "10"
    assert "input.n: expected a number" in cli("run", desk.job, "--input=n=seven", code=2).err


def test_a_file_is_given_by_its_id_or_uploaded(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    asked = [{"key": "one", "type": "FILE"}, {"key": "many", "type": "FILES"}]
    desk.api.jobs.update(desk.job_id, {**desk.definition, "userInputs": asked})
    (tmp_path / "a.csv").write_text("1;2")
    known = desk.api.files.upload(b"known", filename="k.csv")
    given = cli("run", desk.job, "--input=one=@a.csv", f"--input=many={known.id}", "--json").json["input"]
    assert (given["one"]["filename"], [one["id"] for one in given["many"]]) == ("a.csv", [known.id])
    desk.api.files.download(given["one"]["id"], tmp_path / "back.csv")
    assert (tmp_path / "back.csv").read_text() == "1;2"
    several = f'--input=many=["@a.csv", "{known.id}", {{"url": "{known.url}"}}]'
    given = cli("run", desk.job, f"--input=one={known.id}", several, "--json").json["input"]
    assert [one["filename"] for one in (given["one"], *given["many"])] == ["k.csv", "a.csv", "k.csv", "k.csv"]
    one_by_one = ("--input=many=@a.csv", f'--input=many=["{known.id}"]')
    given = cli("run", desk.job, *one_by_one, "--json").json["input"]
    assert [one["filename"] for one in given["many"]] == ["a.csv", "k.csv"]
    assert "gone.csv cannot be read: No such file" in cli("run", desk.job, "--input=one=@gone.csv", code=2).err
    assert "input.one: expected a file" in cli("run", desk.job, "--input=one=a.csv", code=2).err


def test_input_from_a_file(cli: CommandLine, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"power": 3}')
    assert cli("run", desk.job, "--input-file", "input.json", "--json").json["input"]["power"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["JOB", "--input", "power"], "--input 'power' is not name=value"),
        (["JOB", "--input", "=1"], "--input '=1' is not name=value"),
        (["JOB", "--input-file", "nowhere.json"], "nowhere.json cannot be read"),
        (["JOB", "--input-file", "-"], "standard input does not hold a JSON object"),
        (["JOB", "--input", r'text="\u0000"'], "text must not hold a NUL"),
        (["no-such-job"], "There is no job 'no-such-job'"),
        ([""], "There is no job ''"),
        (["JOB", "--timeout", "-1", "--wait"], "--timeout"),
        (["JOB", "--unknown"], "No such option"),
        ([], "Missing argument"),
    ],
)
def test_wrong_use(cli: CommandLine, desk: Desk, words: list[str], message: str) -> None:
    refused = cli("run", *(desk.job if word == "JOB" else word for word in words), code=2, stdin="[]")
    assert message in refused.err
    assert refused.out == ""


def test_an_inactive_job_is_not_run(cli: CommandLine, desk: Desk) -> None:
    desk.api.jobs.update(desk.job_id, {**desk.definition, "status": "INACTIVE"})
    assert "INACTIVE" in cli("run", desk.job, code=2).err


def test_waiting_prints_the_output_alone(cli: CommandLine, desk: Desk, meanwhile: Callable[..., Any]) -> None:
    meanwhile(desk.complete, result=2**100, text="é")
    done = cli("run", desk.job, "--input", "power=100", "--wait")
    assert done.json == {"result": 2**100, "text": "é"}
    assert done.err.splitlines()[-1].split()[1] == "COMPLETED"


def test_waiting_prints_the_whole_job_execution_as_json(
    cli: CommandLine, desk: Desk, meanwhile: Callable[..., Any]
) -> None:
    meanwhile(desk.complete, result=1024)
    execution = cli("run", desk.job, "--input", "power=10", "--wait", "--json").json
    assert (execution["object"], execution["status"], execution["output"]) == (
        "job_execution",
        "COMPLETED",
        {"result": 1024},
    )


def test_progress_in_a_pipe_is_a_line_for_each_change(cli: CommandLine, desk: Desk) -> None:
    with cli.start("run", desk.job, "--wait") as process:
        assert process.stderr and process.stdout
        said = iter(process.stderr.readline, "")
        id, status = next(said).split()
        assert (len(id), status) == (24, "RUNNING")
        execution = desk.claim()
        line = next(said)
        if "SCHEDULED" in line:
            assert line == "task  attempt 1  SCHEDULED  waits for a worker\n"
            line = next(said)
        assert line == "task  attempt 1  IN_PROGRESS\n"
        desk.report(execution, "IN_PROGRESS", ProgressBody(ratio=0.4, message="rows 400/1000\x1b[31m"))
        assert next(said) == "task  attempt 1  IN_PROGRESS  40% rows 400/1000\N{REPLACEMENT CHARACTER}[31m\n"
        desk.report(execution, "COMPLETED", result=1)
        assert [" ".join(line.split()[:-2]) for line in said] == ["task attempt 1 COMPLETED", f"{id} COMPLETED"]
        assert json.loads(process.stdout.read()) == {"result": 1}


def test_a_failure_is_exit_code_1_and_says_why(cli: CommandLine, desk: Desk, meanwhile: Callable[..., Any]) -> None:
    meanwhile(lambda: desk.report(desk.claim(), "FAILED", message="the printer is off"))
    failed = cli("run", desk.job, "--wait", code=1)
    last = failed.err.splitlines()[-1]
    assert "FAILED" in last
    assert last.startswith("Error: The job execution ")
    assert "the printer is off" in last
    assert "(task task)" in last
    assert failed.json == {"message": "the printer is off"}


def test_retries_are_shown(cli: CommandLine, api: Client, meanwhile: Callable[..., Any]) -> None:
    desk = Desk(api, retryCount=1, retryDelaySeconds=0)

    def work() -> None:
        desk.report(desk.claim(), "FAILED", message="once")
        desk.complete(result=1)

    meanwhile(work)
    done = cli("run", desk.job, "--wait").err
    assert "task  attempt 1  FAILED" in done
    assert "task  attempt 2  COMPLETED" in done


def test_the_waiting_has_an_end(cli: CommandLine, desk: Desk) -> None:
    late = cli("run", desk.job, "--wait", "--timeout", "0.1", code=4)
    assert late.out == ""
    assert "Error: The job execution is RUNNING after 0.10 s." in late.err
    assert "data-factory execution get" in late.err
    assert "data-factory execution cancel" in late.err


def test_ctrl_c_leaves_the_job_execution_alone(cli: CommandLine, desk: Desk) -> None:
    with cli.start("run", desk.job, "--wait") as process:
        assert process.stderr
        id = process.stderr.readline().split()[0]
        interrupt(process)
        out, err = process.communicate(timeout=90)
    assert (process.returncode, out) == (130, "")
    assert "The job execution goes on." in err
    assert f"data-factory execution get {id} --wait" in err
    assert "Traceback" not in err
    assert desk.api.job_executions.get(id).status == "RUNNING"


def test_the_url_that_was_given_is_in_the_commands_to_go_on_with(cli: CommandLine, desk: Desk) -> None:
    url = desk.api.base_url
    assert cli("run", desk.job, "--url", url, API_BASE_PATH="http://127.0.0.1:9").err.endswith(f" --wait --url {url}\n")


def test_a_job_that_waits_for_its_pipeline_says_so(cli: CommandLine, desk: Desk) -> None:
    desk.api.pipelines.update(desk.pipeline_id, "narrow", slots=1)
    desk.launch()
    assert (
        "PENDING  waits for a free slot of its pipeline"
        in cli("run", desk.job, "--wait", "--timeout", "0.1", code=4).err
    )


def test_a_reader_that_goes_away_is_no_disaster(cli: CommandLine, desk: Desk) -> None:
    for _ in range(40):
        desk.launch(text="x" * 5_000)
    with cli.start("execution", "list", "--limit", "100", "--json") as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
