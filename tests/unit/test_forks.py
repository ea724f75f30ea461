"""What the decider makes of FORK_JOIN and JOIN: branches side by side, and what waits for all of them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from data_factory.engine import branches as forks
from data_factory.engine import scope, walk
from tests.unit.story import StepInStory, Story, control, step


def fork(*branches: list[StepInStory], name: str = "", limit: int | None = None, **fields: Any) -> list[StepInStory]:
    """A fork and its JOIN."""
    begin = control(
        "FORK_JOIN", f"{name}fork", branches=list(branches), max_parallel=UNSET if limit is None else limit, **fields
    )
    return [begin, control("JOIN", f"{name}join")]


def story(*steps: StepInStory, input: dict[str, Any] | None = None, output: dict[str, Any] | None = None) -> Story:
    """A job execution that has begun."""
    told = Story(*steps, input=input, output=output)
    told.start()
    return told


def waiting(told: Story) -> list[str]:
    """The paths of the tasks that wait for a worker."""
    return [row.path for row in told.rows.values() if row.task_id and row.status == "SCHEDULED"]


def test_all_branches_begin_at_once_and_each_goes_its_own_way() -> None:
    told = story(*fork([step("a"), step("b")], [step("c")]), step("after"))
    assert waiting(told) == ["a", "c"]
    told.work(at="c")
    assert waiting(told) == ["a"]
    told.work(at="a")
    assert waiting(told) == ["b"]
    told.work(at="b")
    assert waiting(told) == ["after"]
    told.work()
    assert told.status == "COMPLETED"


def test_a_fork_is_over_at_once_and_its_join_counts_until_the_last_branch_has_ended() -> None:
    told = story(*fork([step("a")], [step("b")]), output={"at": "${join.status}"})
    assert told.statuses()[:2] == ["fork 1 COMPLETED", "join 1 IN_PROGRESS"]
    assert told.output_of("join") == {"branches": 2, "begun": 2, "ended": 0}
    told.work(at="b")
    assert told.output_of("join") == {"branches": 2, "begun": 2, "ended": 1}
    assert told.at("join").progress == '{"ratio":0.5,"message":"1 of 2 branches have ended, 1 are under way"}'
    told.work(at="a")
    assert (told.output_of("join"), told.output) == ({}, {"at": "COMPLETED"})


def test_a_join_gives_what_the_last_task_of_each_branch_gave_where_that_is_read() -> None:
    branches = [step("a"), step("b")], [step("c")]
    told = story(*fork(*branches), step("after", input={"b": "${join.output.b.n}", "a": "${a.output.n}"}))
    for number, path in enumerate("abc"):
        told.work({"n": number}, at=path)
    assert told.output_of("join") == {"b": {"n": 1}, "c": {"n": 2}}
    assert told.input_of("after") == {"b": 1, "a": 0}
    last = story(*fork(*branches))
    for number, path in enumerate("abc"):
        last.work({"n": number}, at=path)
    assert last.output == {"b": {"n": 1}, "c": {"n": 2}}


def test_no_more_branches_run_at_a_time_than_may() -> None:
    told = story(*fork(*([step(name)] for name in "abcde"), limit=2), step("after"))
    seen = []
    for path in "bacde":
        seen.append("".join(waiting(told)))
        told.work(at=path)
    assert seen == ["ab", "ac", "cd", "de", "e"]
    assert waiting(told) == ["after"]


def test_branches_without_work_are_joined_in_one_go() -> None:
    ways = [[control("SWITCH", name, expression="'x'", cases={})] for name in "abc"]
    assert waiting(story(*fork(*ways, limit=1), step("after"))) == ["after"]


def test_forks_in_branches_are_joined_before_the_branch_goes_on() -> None:
    inner = fork([step("a")], [step("b")], name="inner-")
    told = story(*fork([*inner, step("c")], [step("d")]), step("after"))
    assert waiting(told) == ["a", "b", "d"]
    for path in ("d", "b", "a"):
        told.work(at=path)
    assert waiting(told) == ["c"]
    told.work()
    assert waiting(told) == ["after"]


def test_a_fork_in_a_loop_is_another_one_each_time() -> None:
    body = fork([step("a", input={"b": "${b.output.n}"})], [step("b", input={"a": "${a.output.n}"})])
    loop = control("DO_WHILE", "loop", loop_condition="$.loop.iteration < 2", over=body)
    told = story(loop, output={"all": "${loop.output}"})
    told.work({"n": 1}, at="a[1]")
    told.work({"n": 2}, at="b[1]")
    assert (told.input_of("a[2]"), told.input_of("b[2]")) == ({"b": 2}, {"a": 1}), "of the other, the iteration before"
    told.work({"n": 3}, at="b[2]")
    told.work({"n": 4}, at="a[2]")
    assert told.output["all"]["2"]["join"] == {"a": {"n": 4}, "b": {"n": 3}}


def test_a_loop_in_a_branch_goes_round_beside_the_others() -> None:
    loop = control("DO_WHILE", "loop", loop_condition="$.loop.iteration < 2", over=[step("body")])
    told = story(*fork([loop], [step("b")]), step("after"))
    told.work(at="body[1]")
    told.work(at="b")
    told.work(at="body[2]")
    assert waiting(told) == ["after"]


def test_a_branch_that_fails_for_good_fails_the_job_and_the_others_are_canceled() -> None:
    told = story(*fork([step("a", retry_count=1)], [step("b"), step("c")], [step("d")]))
    told.claim(at="d")
    told.claim(at="a")
    told.fail(at="a")
    assert told.status == "RUNNING"
    told.claim(at="a")
    told.fail(at="a")
    assert (told.status, told.failure["taskReferenceName"]) == ("FAILED", "a")
    assert told.statuses()[1:] == [
        "join 1 CANCELED",
        "a 1 FAILED",
        "b 1 CANCELED",
        "d 1 CANCELED",
        "a 2 FAILED",
    ]


@pytest.mark.parametrize("optional", ["fork", "join"])
def test_an_optional_fork_is_passed_over_when_a_branch_fails(optional: str) -> None:
    begin, end = fork([step("a")], [step("b")], optional=optional == "fork")
    end.task = control("JOIN", "join", optional=optional == "join").task
    told = story(begin, end, step("after", input={"of": "${join.output}"}))
    told.claim(at="a")
    told.fail({"message": "broken"}, at="a")
    assert told.statuses()[1:4] == ["join 1 COMPLETED_WITH_ERRORS", "a 1 FAILED", "b 1 CANCELED"]
    assert (told.input_of("after"), told.failures()) == ({"of": {}}, ["task_failed", "task_failed"])
    told.work()
    assert told.status == "COMPLETED"


def test_an_optional_task_that_fails_in_a_branch_is_passed_over_alone() -> None:
    told = story(*fork([step("a", optional=True)], [step("b")]), step("after"))
    told.claim(at="a")
    told.fail(at="a")
    told.work(at="b")
    assert waiting(told) == ["after"]


def test_a_terminate_in_a_branch_ends_the_job_and_no_more_branches_begin() -> None:
    stop = control("TERMINATE", "stop", input={"terminationStatus": "COMPLETED", "outputParameters": {"v": 1}})
    told = story(*fork([step("a")], [stop], [step("never")]))
    assert (told.status, told.output) == ("COMPLETED", {"v": 1})
    assert told.statuses() == ["fork 1 COMPLETED", "join 1 CANCELED", "a 1 CANCELED", "stop 1 COMPLETED"]


def test_an_optional_fork_that_is_passed_over_begins_no_more_branches() -> None:
    broken = control("SWITCH", "broken", expression="$.a.b", cases={})
    told = story(*fork([broken], [step("never")], optional=True), step("after"))
    assert waiting(told) == ["after"]


def test_many_branches_begin_some_at_a_time_so_that_others_have_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_BEGUN", 3)
    told = story(*fork(*([step(f"t{number}")] for number in range(8))), step("after"))
    assert (len(waiting(told)), told.at("join").timer_at) == (3, told.now)
    told.work(at="t1")
    assert len(waiting(told)) == 2, "the rest waits for its turn"
    assert told.go_on() and told.go_on()
    assert (len(waiting(told)), told.go_on()) == (7, False)
    for path in waiting(told):
        told.work(at=path)
    assert waiting(told) == ["after"]


def test_branches_that_are_given_much_begin_fewer_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_BEGUN_BYTES", 100)
    told = story(*fork(*([step(f"t{number}")] for number in range(5))), input={"text": "x" * 50})
    assert len(waiting(told)) == 2
    assert told.go_on() and len(waiting(told)) == 4
    assert told.go_on() and len(waiting(told)) == 5
    assert not told.go_on()


def test_branches_of_control_flow_alone_take_turns_too() -> None:
    ways = [[control("SWITCH", f"s{number}", expression="'x'", cases={})] for number in range(3 * walk.MAX_STEPS)]
    told = story(*fork(*ways), step("after"))
    turns = 1
    while told.go_on():
        turns += 1
    assert turns >= 3
    assert waiting(told) == ["after"]


def test_what_branches_gave_may_be_too_much_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = story(*fork([step("a")], [step("b")]), output={"all": "${join.output}"})
    told.work({"text": "x" * 40}, at="a")
    monkeypatch.setattr(scope, "MAX_PAYLOAD_BYTES", 60)
    told.work({"text": "y" * 40}, at="b")
    assert (told.status, told.failure["code"], told.failure["taskReferenceName"]) == (
        "FAILED",
        "output_too_large",
        "join",
    )


def test_what_many_branches_gave_is_not_even_read_where_it_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"t{number}" for number in range(scope.FEW + 2)]
    for limit, status in ((10_000, "COMPLETED"), (500, "FAILED")):
        told = story(*fork(*([step(name)] for name in names)), output={"all": "${join.output}"})
        monkeypatch.setattr(scope, "MAX_PAYLOAD_BYTES", 10_000)
        for name in names[:-1]:
            told.work({"text": "x" * 40}, at=name)
        monkeypatch.setattr(scope, "MAX_PAYLOAD_BYTES", limit)
        told.unforeseen.clear()
        told.work({"text": "x" * 40}, at=names[-1])
        assert told.status == status
        assert [needs.outputs for needs in told.unforeseen if needs.outputs] == [frozenset(names[:-1])]
        assert not any(needs.paths & set(names) for needs in told.unforeseen)
    assert (told.failure["code"], told.failure["taskReferenceName"]) == ("output_too_large", "join")


def test_a_canceled_job_has_its_branches_canceled() -> None:
    told = story(*fork([step("a")], [step("b")]))
    told.cancel()
    assert told.statuses()[1:] == ["join 1 CANCELED", "a 1 CANCELED", "b 1 CANCELED"]


def test_a_branch_that_ends_needs_nothing_but_its_join() -> None:
    told = story(*fork(*([step(f"t{number}")] for number in range(50))), step("after"))
    told.unforeseen.clear()
    for number in range(49):
        told.work(at=f"t{number}")
    assert told.unforeseen == []
    assert forks.branches_of(told.at("join")) == forks.Branches(50, 50, 49)
