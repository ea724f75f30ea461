"""Control flow over HTTP: published, run, looked at, and refused with the path of each error."""

from __future__ import annotations

from typing import Any

from data_factory.model.resources import Job, JobExecution, TaskExecution
from tests.api.contract import decoded
from tests.api.factory import Factory, Json, made, new_key, paths_of, refused, step, told


def flow(type: str, reference: str, **fields: Any) -> Json:
    return {"name": type.lower(), "taskReferenceName": reference, "type": type, **fields}


def test_a_job_with_all_of_it_runs(factory: Factory) -> None:
    work = factory.task()
    end = flow(
        "TERMINATE",
        "end",
        inputParameters={"terminationStatus": "COMPLETED", "outputParameters": {"pages": "${pages.output.iteration}"}},
    )
    pages = flow(
        "DO_WHILE",
        "pages",
        loopCondition="$.page.more",
        loopOver=[step(work, "page", inputParameters={"number": "${pages.output.iteration}"})],
    )
    ask = flow("DECISION", "ask", caseValueParam="go", inputParameters={"go": "YES"}, decisionCases={"YES": [pages]})
    size = flow(
        "SWITCH",
        "size",
        expression="$.power > 9 ? 'BIG' : 'SMALL'",
        inputParameters={"power": "${workflow.input.power}"},
        decisionCases={"BIG": [ask, end]},
        defaultCase=[],
    )
    job = factory.job(size, step(work, "never"))
    run = factory.launch(job, power=10)
    for number in (1, 2):
        [held] = factory.claim(work)
        assert held["input"]["number"] == number
        assert (held["taskReferenceName"], held["type"]) == (f"page[{number}]", "SUB_WORKFLOW")
        told(factory.report(held, output={"more": number < 2}))
    ended = factory.run(run)
    assert (ended["status"], ended["output"], ended["failure"]) == ("COMPLETED", {"pages": 2}, None)
    assert [(one["taskReferenceName"], one["type"], one["status"]) for one in factory.steps(run)] == [
        ("size", "SWITCH", "COMPLETED"),
        ("ask", "DECISION", "COMPLETED"),
        ("pages", "DO_WHILE", "COMPLETED"),
        ("page[1]", "SUB_WORKFLOW", "COMPLETED"),
        ("page[2]", "SUB_WORKFLOW", "COMPLETED"),
        ("end", "TERMINATE", "COMPLETED"),
    ]
    small = factory.launch(job, power=1)
    [held] = factory.claim(work)
    assert (held["taskReferenceName"], held["jobExecutionId"]) == ("never", small["id"])


def test_branches_run_side_by_side_on_several_workers_and_are_joined(factory: Factory) -> None:
    work = factory.task()
    fork = flow("FORK_JOIN", "fork", forkTasks=[[step(work, "a")], [step(work, "b")], [step(work, "c")]], maxParallel=2)
    join = flow("JOIN", "join", joinOn=["a", "b", "c"])
    run = factory.launch(factory.job(fork, join, outputParameters={"all": "${join.output}"}))
    held = {one["taskReferenceName"]: one for one in factory.claim(work, limit=5)}
    assert held.keys() == {"a", "b"}
    why = told(factory.api.get(f"/job_executions/{run['id']}/why"))["reasons"]
    assert {one["code"]: one["taskReferenceName"] for one in why}["waiting_for_branches"] == "join"
    messages = [one["message"] for one in why]
    assert "The JOIN 'join' waits for its branches: 0 of 3 branches have ended, 2 are under way." in messages
    told(factory.report(held["b"], output={"n": 2}))
    [last] = factory.claim(work, limit=5)
    for one, n in ((last, 3), (held["a"], 1)):
        told(factory.report(one, output={"n": n}))
    ended = factory.run(run)
    assert (ended["status"], ended["output"]) == (
        "COMPLETED",
        {"all": {name: {"n": n} for name, n in zip("abc", (1, 2, 3), strict=True)}},
    )


def test_a_branch_that_fails_stops_the_others_and_their_workers_are_told(factory: Factory) -> None:
    work = factory.task()
    fork = flow("FORK_JOIN", "fork", forkTasks=[[step(work, "a")], [step(work, "b")]])
    run = factory.launch(factory.job(fork, flow("JOIN", "join")))
    first, second = factory.claim(work, limit=2)
    told(factory.report(first, "FAILED", output={"message": "no more"}))
    refused(factory.report(second, "IN_PROGRESS"), 409, "task_execution_canceled")
    ended = factory.run(run)
    assert (ended["status"], ended["failure"]["taskReferenceName"]) == ("FAILED", "a")


def test_a_job_with_control_flow_is_shown_as_it_was_published(factory: Factory) -> None:
    work = factory.task()
    loop = flow("DO_WHILE", "loop", loopCondition="false", loopOver=[step(work, "body", inputParameters={"x": 1})])
    switch = flow("SWITCH", "way", expression="1", decisionCases={"1": [loop]})
    fork = flow("FORK_JOIN", "fork", forkTasks=[[step(work, "a")], [step(work, "b")]], maxParallel=1)
    given = [switch, fork, flow("JOIN", "join", joinOn=["a", "b"])]
    answer = factory.api.post("/jobs", json={"key": new_key(), "tasks": given})
    job = made(answer)
    assert decoded(answer, Job).tasks[0].type == "SWITCH"
    shown = job["tasks"][0]["decisionCases"]["1"][0]
    assert (shown["loopCondition"], shown["loopOver"][0]["input"]) == ("false", {"x": 1})
    assert "loopOver" not in job["tasks"][0]
    assert [[one["taskReferenceName"] for one in branch] for branch in job["tasks"][1]["forkTasks"]] == [["a"], ["b"]]
    assert (job["tasks"][1]["maxParallel"], job["tasks"][2]["joinOn"]) == (1, ["a", "b"])
    assert made(factory.api.put(f"/jobs/{job['id']}", json=job))["tasks"] == job["tasks"]


def test_every_error_has_its_path_however_deep(factory: Factory) -> None:
    work = factory.task()
    inner = [step({"key": "gone"}, "a"), step(work, "b", inputParameters={"x": "${gone.output}"})]
    loop = flow("DO_WHILE", "loop", loopCondition="$.a >", loopOver=inner)
    given: Json = {
        "key": new_key(),
        "tasks": [step(work), flow("SWITCH", "s", expression="1", decisionCases={"Y": [loop]})],
    }
    paths = {
        "tasks[1].decisionCases.Y[0].loopCondition",
        "tasks[1].decisionCases.Y[0].loopOver[0].name",
        "tasks[1].decisionCases.Y[0].loopOver[1].inputParameters.x",
    }
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == paths
    fork = flow("FORK_JOIN", "fork", forkTasks=[[step({"key": "gone"}, "c")]], maxParallel=0)
    assert paths_of(refused(factory.api.post("/jobs", json={"key": new_key(), "tasks": [fork]}), 400, "invalid")) == {
        "tasks[0].maxParallel"
    }, "of a fork that does not fit it is not known what is in it"
    fork["maxParallel"] = 1
    assert paths_of(refused(factory.api.post("/jobs", json={"key": new_key(), "tasks": [fork]}), 400, "invalid")) == {
        "tasks[0]",
        "tasks[0].forkTasks[0][0].name",
    }
    inner.append({"taskReferenceName": "a", "loopOver": 7})
    more = {f"tasks[1].decisionCases.Y[0].loopOver[2].{field}" for field in ("name", "taskReferenceName", "loopOver")}
    paths.remove("tasks[1].decisionCases.Y[0].loopOver[1].inputParameters.x")  # it may be in what is not known
    assert paths_of(refused(factory.api.post("/jobs", json=given), 400, "invalid")) == paths | more


def test_nobody_can_report_on_control_flow(factory: Factory) -> None:
    work = factory.task()
    job = factory.job(flow("DO_WHILE", "loop", loopCondition="false", loopOver=[step(work, "body")]))
    run = factory.launch(job)
    loop = factory.steps(run)[0]
    shown = decoded(factory.api.get(f"/task_executions/{loop['id']}"), TaskExecution)
    assert (shown.type, shown.task_id, shown.status, shown.output) == ("DO_WHILE", "", "IN_PROGRESS", {"iteration": 1})
    refused(factory.report(loop, "COMPLETED", output={"mine": 1}), 409, "not_for_workers")
    refused(factory.report(loop, "IN_PROGRESS"), 409, "not_for_workers")
    told(factory.api.post(f"/job_executions/{run['id']}/cancel", json={}))
    assert [one["status"] for one in factory.steps(run)] == ["CANCELED", "CANCELED"]


def test_a_person_answers_what_a_job_waits_for(factory: Factory) -> None:
    work = factory.task()
    human = flow("HUMAN", "review", inputParameters={"picture": "${workflow.input.picture}"})
    run = factory.launch(
        factory.job(human, step(work, "after", inputParameters={"ok": "${review.output.ok}"})), picture="p"
    )
    [reason] = told(factory.api.get(f"/job_executions/{run['id']}/why"))["reasons"]
    assert (reason["code"], reason["taskReferenceName"]) == ("waiting_for_person", "review")
    assert reason["message"].startswith("The HUMAN 'review' has waited for a person, or a system, for ")
    path = f"/task_executions/{reason['taskExecutionId']}"
    assert told(factory.api.get(path))["input"]["picture"] == "p"
    refused(factory.api.patch(path, json={"status": "IN_PROGRESS"}), 409, "not_for_workers")
    refused(factory.api.patch(path, json={"status": "SCHEDULED"}), 409, "not_for_workers")
    for _ in range(2):
        answer = factory.api.patch(path, json={"status": "COMPLETED", "output": {"ok": True}})
        assert decoded(answer, TaskExecution).status == "COMPLETED"
    refused(factory.api.patch(path, json={"status": "FAILED"}), 409, "task_execution_ended")
    [held] = factory.claim(work)
    assert held["input"]["ok"] is True


def test_variables_of_an_execution_are_shown_and_read(factory: Factory) -> None:
    work = factory.task()
    plain = factory.run(factory.launch(factory.job(flow("SWITCH", "way", expression="1", decisionCases={}))))
    assert "variables" not in plain
    put = flow("SET_VARIABLE", "put", inputParameters={"of": "${workflow.input.of}"})
    run = factory.launch(
        factory.job(put, step(work, "after", inputParameters={"of": "${workflow.variables.of}"})), of="x"
    )
    [held] = factory.claim(work)
    assert held["input"]["of"] == "x"
    told(factory.report(held))
    assert decoded(factory.api.get(f"/job_executions/{run['id']}"), JobExecution).variables == {"of": "x"}


def test_a_script_that_does_not_end_fails_the_job_and_says_so(factory: Factory) -> None:
    job = factory.job(flow("SWITCH", "way", expression="while (true) {}", decisionCases={}))
    run = factory.run(factory.launch(job))
    assert (run["status"], run["failure"]["code"], run["failure"]["taskReferenceName"]) == (
        "FAILED",
        "script_failed",
        "way",
    )
    assert "took longer than 100 milliseconds" in run["failure"]["message"]


def test_why_it_waits_is_told_of_its_work_and_not_of_its_loops(factory: Factory) -> None:
    work = factory.task()
    run = factory.launch(factory.job(flow("DO_WHILE", "loop", loopCondition="false", loopOver=[step(work, "body")])))
    reasons = told(factory.api.get(f"/job_executions/{run['id']}/why"))["reasons"]
    assert [one["taskReferenceName"] for one in reasons] == ["body[1]"]


def test_another_job_runs_inside_and_says_so(factory: Factory) -> None:
    work = factory.task()
    inner = factory.job(step(work, "only"), outputParameters={"n": "${only.output.n}"})
    param = {"name": inner["key"]}
    outer = factory.job(
        flow("SUB_WORKFLOW", "call", subWorkflowParam=param, inputParameters={"power": "${workflow.input.power}"}),
        outputParameters={"n": "${call.output.n}"},
    )
    assert outer["tasks"][0]["subWorkflowParam"] == param
    run = factory.launch(outer, power=3)
    [held] = factory.claim(work, wait=10)
    answer = factory.api.get(f"/job_executions/{held['jobExecutionId']}")
    assert decoded(answer, JobExecution).parent is not None
    child, [call] = told(answer), factory.steps(run)
    assert child["parent"] == {"jobExecutionId": run["id"], "taskExecutionId": call["id"]}
    assert (call["type"], call["taskId"], call["output"]) == ("SUB_WORKFLOW", "", {"subWorkflowId": child["id"]})
    assert (held["input"]["power"], child["status"], child["origin"]) == (3, "RUNNING", "SUB_WORKFLOW")
    [reason] = told(factory.api.get(f"/job_executions/{run['id']}/why"))["reasons"]
    assert reason["code"] == "waiting_for_job_execution"
    assert reason["message"] == f"The SUB_WORKFLOW 'call' waits for the job execution {child['id']}."
    told(factory.report(held, output={"n": 9}))
    ended = told(factory.api.get(f"/job_executions/{run['id']}", headers={"prefer": "wait=10"}))
    assert (ended["status"], ended["output"]) == ("COMPLETED", {"n": 9})


def test_another_job_is_named_by_a_key(factory: Factory) -> None:
    body = {
        "key": new_key(),
        "tasks": [flow("SUB_WORKFLOW", "call", subWorkflowParam={"name": "no key!", "version": 1})],
    }
    problem = refused(factory.api.post("/jobs", json=body), 400, "invalid")
    assert any(path.startswith("tasks[0].subWorkflowParam") for path in paths_of(problem))


def test_a_file_goes_to_a_job_inside_and_to_one_that_is_launched(factory: Factory) -> None:
    file = made(factory.api.post("/files", files={"file": ("prices.csv", b"a;1")}))
    task = factory.task()
    asks = [{"key": "prices", "type": "FILE", "required": True}, {"key": "more", "type": "FILES"}]
    given = {"prices": "${workflow.input.prices}", "more": "${workflow.input.more}"}
    inner = factory.job(step(task, input=given), userInputs=asks, output={"prices": "${first.input.prices}"})
    launched = {"startWorkflow": {"name": inner["key"], "input": given}}
    outer = factory.job(
        {"name": "run", "taskReferenceName": "run", "subWorkflowParam": {"name": inner["key"]}, "input": given},
        {"name": "go", "taskReferenceName": "go", "type": "START_WORKFLOW", "input": launched},
        userInputs=asks,
        output={"prices": "${run.output.prices}"},
    )
    prices, more = {"url": file["url"], "filename": "prices.csv"}, [{"url": file["url"]}]
    run = factory.launch(outer, prices=prices, more=more)
    content = []
    for _ in ("inside", "launched"):
        [held] = factory.claim(task, wait=20)
        assert held["input"]["prices"]["id"] == file["id"] == held["input"]["more"][0]["id"]
        content.append(factory.api.get(held["input"]["prices"]["url"]).content)
        told(factory.report(held))
    assert content == [b"a;1"] * 2
    assert factory.run(run)["output"]["prices"]["id"] == file["id"]
    alone = told(factory.api.get("/job_executions", params={"jobId": inner["id"]}))["data"]
    assert [one["input"]["prices"]["id"] for one in alone] == [file["id"]] * len(alone) != []


def test_a_file_that_is_none_is_refused_by_the_job_that_is_run_or_launched(factory: Factory) -> None:
    inner = factory.job(step(factory.task()), userInputs=[{"key": "prices", "type": "FILE", "required": True}])
    given = {"prices": "${workflow.input.prices}"}
    for one in (
        {"subWorkflowParam": {"name": inner["key"]}, "input": given},
        {"type": "START_WORKFLOW", "input": {"startWorkflow": {"name": inner["key"], "input": given}}},
    ):
        outer = factory.job({"name": "it", "taskReferenceName": "it", **one})
        for prices, said in (("prices.csv", "expected a file"), (None, "is required")):
            id = factory.launch(outer, prices=prices)["id"]
            run = told(factory.api.get(f"/job_executions/{id}", headers={"Prefer": "wait=20"}))
            assert (run["status"], run["failure"]["code"]) == ("FAILED", "invalid_start")
            assert f"input.prices {said}" in run["failure"]["message"]
