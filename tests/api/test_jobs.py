"""Jobs and pipelines: both dialects in, one out; every error of a definition at once."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from data_factory.model.resources import Job, Page, Pipeline
from tests.api.contract import decoded
from tests.api.factory import NO_ID, Factory, made, new_key, paths_of, refused, step, told


def test_a_job_in_the_dialect_of_the_api(factory: Factory) -> None:
    task = factory.task()
    pipeline = factory.pipeline()
    given: dict[str, Any] = {
        "key": new_key(),
        "title": "Run it",
        "pipelineId": pipeline["id"],
        "projectId": None,
        "status": "ACTIVE",
        "periodicity": [],
        "titleLocal": {"eng": "Run it", "fra": "Lance-le"},
        "description": "It runs",
        "descriptionLocal": {"eng": "It runs", "fra": "Ça tourne"},
        "output": {"out": "${first.output.x}"},
        "tasks": [
            step(task, type="SUB_WORKFLOW", isOptional=True, description="d", input={"x": "${workflow.input.x}"})
        ],
    }
    answer = factory.api.post("/jobs", json=given)
    job = made(answer)
    unsaid = {"icon": "", "userInputs": [], "timeoutSeconds": 0, "version": 1, "object": "job"}
    assert job == {
        **given,
        **unsaid,
        "id": job["id"],
        "createdAt": job["createdAt"],
        "updatedAt": job["createdAt"],
    }
    assert decoded(answer, Job).version == 1
    assert told(factory.api.get(f"/jobs/{job['id']}")) == job


def test_a_job_in_the_dialect_of_job_json(factory: Factory) -> None:
    task = factory.task()
    given = {
        "$schema": "https://example.org/schema.json",
        "schema": "1.0",
        "key": new_key(),
        "title": "Run my task",
        "icon": "file-add",
        "timeoutSeconds": 60,
        "userInputs": [{"key": "power", "type": "NUMBER"}],
        "outputParameters": {"out": "${task.output.result}"},
        "tasks": [step(task, "task", optional=True, inputParameters={"power": 1})],
    }
    job = made(factory.api.post("/jobs", json=given))
    assert job["output"] == given["outputParameters"]
    assert job["tasks"] == [
        step(task, "task", isOptional=True, input={"power": 1}, type="SUB_WORKFLOW", description="")
    ]
    assert (job["icon"], job["timeoutSeconds"]) == ("file-add", 60)
    assert [(one["key"], one["type"], one["required"]) for one in job["userInputs"]] == [("power", "NUMBER", False)]


def test_defaults(factory: Factory) -> None:
    job = made(factory.api.post("/jobs", json={"key": new_key(), "tasks": [step(factory.task())]}))
    assert (job["title"], job["status"], job["output"]) == (job["key"], "DRAFT", None)
    default = next(one for one in told(factory.api.get("/pipelines?size=100"))["data"] if one["isDefault"])
    assert job["pipelineId"] == default["id"]


def test_both_spellings_may_be_given_if_they_agree(factory: Factory) -> None:
    task = factory.task()
    both = step(task, isOptional=True, optional=True, input={"a": 1}, inputParameters={"a": 1})
    job = made(
        factory.api.post("/jobs", json={"key": new_key(), "tasks": [both], "output": {}, "outputParameters": {}})
    )
    assert job["tasks"][0]["isOptional"] is True
    differ = step(task, isOptional=True, optional=False, input={"a": 1}, inputParameters={})
    given = {"key": new_key(), "tasks": [differ], "output": {"a": 1}, "outputParameters": {"a": 2}}
    problem = refused(factory.api.post("/jobs", json=given), 400, "invalid")
    assert paths_of(problem) == {"tasks[0].optional", "tasks[0].inputParameters", "outputParameters"}


def test_a_put_publishes_the_next_version_and_what_runs_keeps_its_own(factory: Factory) -> None:
    one, other = factory.task(), factory.task()
    job = factory.job(step(one), title="One")
    run = factory.launch(job)
    changed = made(
        factory.api.put(f"/jobs/{job['id']}", json={"key": job["key"], "title": "Two", "tasks": [step(other)]})
    )
    assert (changed["version"], changed["title"], changed["id"]) == (2, "Two", job["id"])
    assert changed["pipelineId"] == job["pipelineId"]
    assert factory.claim(other) == []
    [held] = factory.claim(one)
    factory.report(held)
    seen = factory.run(run)
    assert (seen["status"], seen["jobVersion"], seen["info"]) == ("COMPLETED", 1, {"title": "One"})
    assert factory.run(factory.launch(changed))["jobVersion"] == 2
    assert len(factory.claim(other)) == 1


def test_what_was_got_can_be_put_back(factory: Factory) -> None:
    job = factory.job(step(factory.task(), input={"a": "$${literal}"}), output={"b": "${first.output}"})
    again = made(factory.api.put(f"/jobs/{job['id']}", json=job))
    assert {**again, "updatedAt": "", "version": 1} == {**job, "updatedAt": ""}


def test_an_inactive_job_is_not_launched(factory: Factory) -> None:
    job = factory.job(step(factory.task()), status="INACTIVE")
    refused(factory.api.post("/job_executions", json={"jobId": job["id"]}), 409, "job_inactive")
    made(factory.api.put(f"/jobs/{job['id']}", json={**job, "status": "ACTIVE"}))
    factory.launch(job)


def test_a_key_is_one_of_its_kind(factory: Factory) -> None:
    one, other = factory.job(step(factory.task())), factory.job(step(factory.task()))
    refused(factory.api.post("/jobs", json={"key": one["key"], "tasks": one["tasks"]}), 409, "key_taken")
    refused(factory.api.put(f"/jobs/{other['id']}", json={**other, "key": one["key"]}), 409, "key_taken")


def test_every_error_of_a_definition_is_told_at_once(factory: Factory) -> None:
    task = factory.task()
    given = {
        "key": new_key(),
        "pipelineId": None,
        "tasks": [
            step(task, "a", input={"x": "${b.output.y}", "deep": [{"z": "a ${nobody.output} b"}]}),
            step({"key": "no-such-task"}, "a"),
            {"name": "plain", "taskReferenceName": "workflow"},
        ],
        "output": {"o": "${nobody.output}"},
    }
    problem = refused(factory.api.post("/jobs", json=given), 400, "invalid")
    assert paths_of(problem) == {
        "tasks[0].input.x",
        "tasks[0].input.deep[0].z",
        "tasks[1].name",
        "tasks[1].taskReferenceName",
        "tasks[2].name",
        "tasks[2].taskReferenceName",
        "output.o",
    }
    job = factory.job(step(task))
    assert refused(factory.api.put(f"/jobs/{job['id']}", json=given), 400, "invalid")["errors"] == problem["errors"]
    assert told(factory.api.get(f"/jobs/{job['id']}"))["version"] == 1


def test_a_pipeline_that_is_not_there(factory: Factory) -> None:
    given = {"key": new_key(), "tasks": [step(factory.task())], "pipelineId": NO_ID}
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == {"pipelineId"}
    given["tasks"] = [step(factory.task(), "account")]
    paths = {"pipelineId", "tasks[0].taskReferenceName"}
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == paths


def test_what_does_not_fit_hides_nothing_else(factory: Factory) -> None:
    task = factory.task()
    given: dict[str, Any] = {
        "key": "no spaces",
        "pipelineId": NO_ID,
        "colour": "red",
        "tasks": [
            step(task, "a", input=[], inputParameters={"x": "${gone.output}"}, optional="yes"),
            step({"key": "no-such-task"}, "a", inputs={}),
            step(task, "workflow", type="FANCY", input={"y": "${a.output}", "z": "${b.output} ${b[}"}),
        ],
        "output": {"o": "${gone.output}"},
        "outputParameters": {"o": "${a.output}"},
    }
    paths = {
        "key",
        "pipelineId",
        "colour",
        "tasks[0].input",
        "tasks[0].optional",
        "tasks[0].inputParameters.x",
        "tasks[1].name",
        "tasks[1].inputs",
        "tasks[1].taskReferenceName",
        "tasks[2].type",
        "tasks[2].taskReferenceName",
        "tasks[2].input.z",
        "outputParameters",
        "output.o",
    }
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == paths
    job = factory.job(step(task))
    put = {**job, **given}
    assert paths_of(refused(factory.api.put(f"/jobs/{job['id']}", json=put), 400, "invalid")) == paths
    given = {**given, "tasks": [*given["tasks"], {"taskReferenceName": "b"}, 7]}
    paths = {*paths, "tasks[3].name", "tasks[4]"} - {"output.o"}  # it may be what the last one is called
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == paths


def test_user_inputs_are_checked_with_the_rest(factory: Factory) -> None:
    given = {
        "key": new_key(),
        "userInputs": [
            {"key": "a", "type": "SELECT"},
            {"key": "b", "type": "COLOUR", "size": 7},
            {"key": "a", "type": "NUMBER", "default": "x"},
            7,
        ],
        "tasks": [step({"key": "no-such-task"})],
    }
    paths = {
        "userInputs[0].options",
        "userInputs[1].type",
        "userInputs[1].size",
        "userInputs[2].key",
        "userInputs[2].default",
        "userInputs[3]",
        "tasks[0].name",
    }
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == paths


def test_a_launch_gives_what_the_job_asks_for(factory: Factory) -> None:
    task = factory.task()
    job = factory.job(
        step(task),
        userInputs=[
            {"key": "power", "type": "NUMBER", "required": True, "titleLocal": {"fra": "Puissance"}},
            {"key": "lang", "type": "SELECT", "options": [{"value": "eng"}, {"key": "fra"}], "default": "eng"},
            {"key": "file", "type": "FILE"},
        ],
    )
    assert job["userInputs"][1]["options"][0] == {"key": "eng", "title": "", "titleLocal": {}}
    assert made(factory.api.put(f"/jobs/{job['id']}", json=job))["userInputs"] == job["userInputs"]
    file = made(factory.api.post("/files", files={"file": ("a.txt", b"a")}))
    run = factory.launch(job, power=2, file={"url": file["url"]})
    assert (run["input"]["lang"], run["input"]["power"], run["input"]["file"]["id"]) == ("eng", 2, file["id"])
    [held] = factory.claim(task)
    assert held["input"]["lang"] == "eng"
    gone = {"url": file["url"].replace(file["id"], "0f" * 32)}
    wrong = {"jobId": job["id"], "input": {"lang": "deu", "file": gone}}
    problem = refused(factory.api.post("/job_executions", json=wrong), 400, "invalid")
    assert paths_of(problem) == {"input.power", "input.lang", "input.file"}
    assert paths_of(refused(factory.api.post("/job_executions", json={"jobId": job["id"]}), 400, "invalid")) == {
        "input.power"
    }


def test_periodicity(factory: Factory) -> None:
    rules = [{"cronExpression": "0 6 * * 1-5", "isEnabled": True}, {"cronExpression": "0 0 1 1 *", "isEnabled": False}]
    job = factory.job(step(factory.task()), periodicity=rules)
    assert sorted(job["periodicity"], key=str) == sorted(rules, key=str)
    path = f"/jobs/{job['id']}/schedule"
    schedule = told(factory.api.get(path))
    assert (schedule["jobId"], schedule["isPaused"], len(schedule["nextRunsAt"])) == (job["id"], False, 5)
    assert all(time.endswith("T06:00:00.000Z") for time in schedule["nextRunsAt"])
    paused = told(factory.api.post(f"{path}/pause"))
    assert paused == {**schedule, "isPaused": True, "nextRunsAt": []} == told(factory.api.post(f"{path}/pause"))
    without = {name: value for name, value in job.items() if name != "periodicity"}
    assert made(factory.api.put(f"/jobs/{job['id']}", json=without))["periodicity"] == job["periodicity"]
    assert told(factory.api.get(path)) == paused
    assert told(factory.api.post(f"{path}/resume")) == schedule
    assert made(factory.api.put(f"/jobs/{job['id']}", json={**job, "periodicity": []}))["periodicity"] == []
    for verb in ("get", "post"):
        where = f"/jobs/{NO_ID}/schedule" + ("/pause" if verb == "post" else "")
        refused(factory.api.request(verb, where), 404, "not_found")


def test_periodicity_is_set_without_another_version(factory: Factory) -> None:
    job = factory.job(step(factory.task()), userInputs=[{"key": "n", "type": "TEXT", "default": "1"}])
    path = f"/jobs/{job['id']}/schedule"
    rules = [{"cronExpression": "0 6 * * 1-5", "isEnabled": True}]
    schedule = made(factory.api.put(path, json={"periodicity": [{"cronExpression": "0 6 * * 1-5"}]}))
    assert (schedule["periodicity"], schedule["isPaused"], len(schedule["nextRunsAt"])) == (rules, False, 5)
    after = told(factory.api.get(f"/jobs/{job['id']}"))
    assert after == {**job, "periodicity": rules, "updatedAt": after["updatedAt"]}
    assert len(told(factory.api.get(f"/jobs/{job['id']}/versions"))["data"]) == 1
    paused = told(factory.api.post(f"{path}/pause"))
    assert made(factory.api.put(path, json=paused)) == paused, "what was told may be sent back"
    other = made(factory.api.put(path, json={**paused, "isPaused": False, "periodicity": rules * 3}))
    assert other == {**paused, "periodicity": rules * 3}
    assert told(factory.api.post(f"{path}/resume"))["nextRunsAt"] == schedule["nextRunsAt"]
    assert made(factory.api.put(path, json={"periodicity": []}))["nextRunsAt"] == []
    refused(factory.api.put(f"/jobs/{NO_ID}/schedule", json={"periodicity": []}), 404, "not_found")


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        ({}, {"periodicity"}),
        ({"periodicity": None}, {"periodicity"}),
        ({"periodicity": [], "rules": []}, {"rules"}),
        ({"periodicity": [{"cronExpression": "0 6 * * *"}] * 4}, {"periodicity"}),
        ({"periodicity": [{"cronExpression": "61 * * * *"}, {}]}, {"periodicity[1].cronExpression"}),
        ({"periodicity": [{"cronExpression": "61 * * * *"}]}, {"periodicity[0].cronExpression"}),
        ({"periodicity": [{"cronExpression": "0 6 * * *"}]}, {"periodicity"}),
    ],
)
def test_periodicity_that_cannot_be_set(factory: Factory, given: dict[str, Any], paths: set[str]) -> None:
    asks = {"key": "n", "type": "TEXT", "required": True}
    job = factory.job(step(factory.task()), userInputs=[asks])
    problem = refused(factory.api.put(f"/jobs/{job['id']}/schedule", json=given), 400, "invalid")
    assert paths_of(problem) == paths
    rests = [{"cronExpression": "0 6 * * *", "isEnabled": False}]
    assert made(factory.api.put(f"/jobs/{job['id']}/schedule", json={"periodicity": rests}))["periodicity"] == rests


def test_periodicity_that_cannot_be(factory: Factory) -> None:
    given: dict[str, Any] = {"key": new_key(), "tasks": [step(factory.task())]}
    given["periodicity"] = [{"cronExpression": "61 * * * *"}, {"cronExpression": "0 0 * * * *"}]
    paths = {f"periodicity[{n}].cronExpression" for n in (0, 1)}
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == paths
    given["periodicity"] = [{"cronExpression": "0 6 * * *"}] * 4
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == {"periodicity"}
    given |= {"periodicity": given["periodicity"][:1], "userInputs": [{"key": "n", "type": "TEXT", "required": True}]}
    problem = refused(factory.api.post("/jobs", json=given), 400, "invalid")
    assert paths_of(problem) == {"userInputs[0].defaultValue"}


def test_of_many_errors_a_hundred_are_told(factory: Factory) -> None:
    task = factory.task()
    steps = [step(task, f"t{n}", input={"a": "${oops.x} " * 50}) for n in range(9_000)]
    answer = factory.api.post("/jobs", json={"key": new_key(), "tasks": steps})
    errors = refused(answer, 400, "invalid")["errors"]
    assert len(errors) == 101
    assert errors[-1] == {"path": "", "message": "and more: these are the first 100"}
    assert len(answer.content) < 20_000


def test_jobs_are_listed_and_looked_up_by_key(factory: Factory) -> None:
    jobs = [factory.job(step(factory.task())) for _ in range(3)]
    page = told(factory.api.get("/jobs?size=2"))
    assert page["data"] == [jobs[2], jobs[1]]
    assert told(factory.api.get("/jobs", params={"size": 1, "cursor": page["nextCursor"]}))["data"] == [jobs[0]]
    assert told(factory.api.get("/jobs", params={"key": jobs[0]["key"]}))["data"] == [jobs[0]]
    assert decoded(factory.api.get("/jobs?size=1"), Page[Job]).next_cursor == jobs[2]["id"]


def test_a_job_is_never_deleted(factory: Factory) -> None:
    job = factory.job(step(factory.task()))
    assert factory.api.delete(f"/jobs/{job['id']}").status_code == 405


# -- pipelines


def test_a_pipeline_is_made_listed_and_changed(api: httpx.Client) -> None:
    answer = api.post("/pipelines", json={"title": "Fast", "slots": 8})
    pipeline = made(answer)
    assert pipeline.keys() == {"object", "id", "createdAt", "updatedAt", "title", "slots", "isDefault"}
    assert (pipeline["object"], pipeline["title"], pipeline["slots"], pipeline["isDefault"]) == (
        "pipeline",
        "Fast",
        8,
        False,
    )
    assert decoded(answer, Pipeline).slots == 8
    assert told(api.get(f"/pipelines/{pipeline['id']}")) == pipeline
    assert told(api.get("/pipelines?size=1"))["data"] == [pipeline]
    changed = made(api.put(f"/pipelines/{pipeline['id']}", json={"title": "Slow"}))
    assert (changed["title"], changed["slots"]) == ("Slow", 1)
    assert made(api.put(f"/pipelines/{pipeline['id']}", json=changed))["title"] == "Slow"
    refused(api.get(f"/pipelines/{NO_ID}"), 404, "not_found")
    refused(api.put(f"/pipelines/{NO_ID}", json={"title": "x"}), 404, "not_found")


@pytest.mark.parametrize("slots", [1, 2])
def test_slots_are_filled_in_the_order_of_launches(factory: Factory, slots: int) -> None:
    task = factory.task()
    job = factory.job(step(task), slots=slots)
    runs = [factory.launch(job) for _ in range(4)]
    for done in range(5):
        expected = ["COMPLETED"] * done + ["RUNNING"] * slots + ["PENDING"] * 4
        assert [factory.run(run)["status"] for run in runs] == expected[:4]
        for held in factory.claim(task):
            factory.report(held)


def test_more_slots_start_what_waits_at_once(factory: Factory) -> None:
    job = factory.job(step(factory.task()), slots=1)
    runs = [factory.launch(job) for _ in range(3)]
    made(factory.api.put(f"/pipelines/{job['pipelineId']}", json={"title": "p", "slots": 2}))
    assert [factory.run(run)["status"] for run in runs] == ["RUNNING", "RUNNING", "PENDING"]
    made(factory.api.put(f"/pipelines/{job['pipelineId']}", json={"title": "p", "slots": 1}))
    assert [factory.run(run)["status"] for run in runs] == ["RUNNING", "RUNNING", "PENDING"]
