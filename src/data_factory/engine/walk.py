"""One walk through a job: from a step that ended, or the beginning, until everything waits again or the job has ended.

Nothing is kept before the walk is over: one that finds that it lacks something (`Needs`) is simply made again.
"""

from __future__ import annotations

from typing import Any, Final, cast

import msgspec
from msgspec.structs import replace

from data_factory.engine.attempts import EMPTY, ended, make_ready, postponed, retried, scheduled, under_way
from data_factory.engine.branches import MAX_BEGUN, MAX_BEGUN_BYTES, Branches, branches_of, counted, gathered
from data_factory.engine.dynamic_forks import NotAFork, begun_with, listed_of, resolved
from data_factory.engine.graph import (
    END,
    Branch,
    DynamicFork,
    Fork,
    Human,
    Join,
    Loop,
    SetVariable,
    StartJob,
    SubJob,
    Switch,
    Terminate,
    Wait,
    Work,
    beside,
    iterations_of,
    path_of,
)
from data_factory.engine.holding import hold
from data_factory.engine.retry import retries_left
from data_factory.engine.run import Needs, Outcome, Run
from data_factory.engine.scope import TOO_LARGE, Scope, as_payload, collected, iteration_of
from data_factory.engine.scripts import Script, Verdict
from data_factory.engine.starting import NotAStart, read_start
from data_factory.engine.waits import NotATime, wait_until
from data_factory.model.definitions import TaskDefinition
from data_factory.model.ids import NewId
from data_factory.model.records import TaskExecutionRecord
from data_factory.model.resources import Failure
from data_factory.model.status import TASK_EXECUTION_ENDED, JobExecutionStatus
from data_factory.model.variables import filled, has_marks, keys_in, shown

MAX_STEPS: Final = 20
"""How many steps of control flow one walk makes; what comes after them waits its turn, like everybody."""

MAX_ITERATIONS: Final = 100_000
"""How often a loop goes round."""

MAX_VARIABLES: Final = 256 * 1024
"""How large the variables of a job execution may be together, in characters of JSON: they are kept with each step."""

_decode = msgspec.json.decode


class Walk:
    """What follows from one event on a job execution. Each verb gives the path of the step to enter next, if any."""

    def __init__(self, run: Run, now: int, new_id: NewId) -> None:
        self._run = run
        self._graph = run.graph
        self._now = now
        self._new_id = new_id
        self._scope = Scope(run)
        self._rows: dict[str, TaskExecutionRecord] = {}
        self._execution = run.execution
        self._last = EMPTY
        self._steps_left = MAX_STEPS
        self._branches_left = MAX_BEGUN
        self._room_left = MAX_BEGUN_BYTES
        self._forking: list[str] = []

    @property
    def outcome(self) -> Outcome:
        """What was decided."""
        rows = list(self._rows.values())
        if self._execution.pause is not None:
            rows = [row if row.status in TASK_EXECUTION_ENDED else hold(row, self._now) for row in rows]
        return Outcome(self._execution, rows)

    def go(self, path: str | None) -> Outcome:
        """Enter the step at a path, if there is one, and all that follow it at once, in each branch of a fork."""
        while True:
            while path is not None:
                path = self._enter(path)
            if (fork := self._next_fork()) is None:
                return self.outcome
            path = self._begin_next(*fork)

    # -- steps

    def _enter(self, path: str) -> str | None:
        """Schedule the step at this path; what is control flow is carried out at once."""
        step = self._graph.step(path)
        if isinstance(step, Branch):
            self._begin_branch(step, path)
            return None
        if step.template is not None:
            given = self._scope.evaluate(step.template, path, self._execution)
        else:
            given = self._execution.input if isinstance(step, Work | SubJob) else EMPTY
        if given is not None and not isinstance(step, Work):
            given = self._settled(given)
        task_id = step.task_id if isinstance(step, Work) else ""
        self._room_left -= len(given or EMPTY)
        row = scheduled(self._execution, step.type, task_id, path, given or EMPTY, self._new_id(), self._now)
        if given is None:
            failure = Failure(code="input_too_large", message=f"Its input {TOO_LARGE}.")
            self.end_with(ended(row, "FAILED_WITH_TERMINAL_ERROR", self._now), failure)
            return None
        if isinstance(step, Work):
            self.put(make_ready(row, self.definition(step.task_id), self._now))
            return None
        return self.carry_out(row)

    def carry_out(self, row: TaskExecutionRecord) -> str | None:
        """Go on with a step of control flow: it begins, or, a loop, has come to the end of an iteration."""
        if self._steps_left == 0:
            return self._postponed(row)
        self._steps_left -= 1
        match self._graph.step(row.path):
            case Switch() as switch:
                return self._choose(switch, row)
            case DynamicFork() as fork:
                return self._fork_dynamically(fork, row)
            case Fork():
                self.put(ended(row, "COMPLETED", self._now))
                return self._fork(row.path, None)
            case Join():
                self.put(under_way(row, row.output, self._now))
                self._forking.append(row.path)
                return None
            case Terminate():
                return self._terminate(row)
            case Human():
                self.put(under_way(row, EMPTY, self._now))
                return None
            case StartJob():
                return self._start_job(row)
            case SubJob():  # it begins in the transaction after this one, which has read its job
                return self._postponed(under_way(row, EMPTY, self._now))
            case SetVariable():
                return self._set_variables(row)
            case Wait() if row.status == "SCHEDULED":
                return self._wait(row)
            case Wait():
                return self.leave(ended(row, "COMPLETED", self._now))
            case Loop() as loop if row.status == "SCHEDULED":
                return self._go_round(loop, row, 1)
            case Loop() as loop:
                return self._decide_whether_again(loop, row)
        raise TypeError(f"no control flow: {row.path}")

    def leave(self, row: TaskExecutionRecord) -> str | None:
        """A step is done: go on with what follows."""
        return self._on_to(row, self._graph.step(row.path).following)

    def _on_to(self, row: TaskExecutionRecord, following: str | None) -> str | None:
        self.put(row)
        self._last = row.output
        if following is not None:
            return beside(row.path, following)
        if (around := self._graph.around(row.path)) is None:
            self._end("COMPLETED", None)
            return None
        owner, its_row = self._graph.step(around), self._scope.row(around)
        return self._end_branch(owner, its_row) if isinstance(owner, Join) else self.carry_out(its_row)

    def _choose(self, switch: Switch, row: TaskExecutionRecord) -> str | None:
        if switch.script is None:
            case = _case_of(_decode(shown(row.input)).get(switch.parameter))
        else:
            verdict = self._judge(switch.script, shown(row.input))
            if verdict is None:
                return self._postponed(row)
            if verdict.error is not None:
                return self._fail_script(row, "expression", verdict.error)
            case = verdict.text.replace("\0", "")  # no payload has one: it would make a mark of a variable
        given = {"caseOutput": [case]} if switch.type == "DECISION" else {"evaluationResult": [case]}
        done = ended(row, "COMPLETED", self._now, output=_json({**given, "selectedCase": case}))
        return self._on_to(done, switch.target(case))

    def _go_round(self, loop: Loop, row: TaskExecutionRecord, iteration: int) -> str | None:
        self.put(under_way(row, _json({"iteration": iteration}), self._now))
        return path_of(loop.first, (*iterations_of(row.path), iteration))

    def _decide_whether_again(self, loop: Loop, row: TaskExecutionRecord) -> str | None:
        """An iteration is over: the condition sees the input as it is now, and what the iteration has given."""
        iteration = iteration_of(row)
        inside = loop.inside(row.path, iteration)
        given = EMPTY if loop.template is None else self._scope.evaluate(loop.template, inside, self._execution)
        if given is None:
            failure = Failure(code="input_too_large", message=f"What its condition is to be given {TOO_LARGE}.")
            return self._fail_control(row, failure)
        given = shown(self._settled(given))
        outputs = {name: one.output for name, one in self._scope.seen_from(inside, loop.looks_at).items()}
        data = {name: msgspec.Raw(output.encode()) for name, output in outputs.items()}
        verdict = self._judge(
            loop.condition, _json({**_decode(given), **data, loop.reference: {"iteration": iteration}})
        )
        if verdict is None:
            return self._postponed(row)
        if verdict.error is not None:
            return self._fail_script(row, "loopCondition", verdict.error)
        if verdict.is_true and iteration == MAX_ITERATIONS:
            message = f"It has gone round {MAX_ITERATIONS} times, and a loop may not go round more often."
            return self._fail_control(row, Failure(code="too_many_iterations", message=message))
        if verdict.is_true:
            return self._go_round(loop, row, iteration + 1)
        collection = collected(loop, row, self._scope) if loop.collected else {}
        output = None if collection is None else as_payload({"iteration": iteration, **collection})
        if output is None:
            failure = Failure(code="output_too_large", message=f"What its iterations gave {TOO_LARGE}.")
            return self._fail_control(row, failure)
        return self.leave(ended(row, "COMPLETED", self._now, output=output))

    # -- forks

    def _fork(self, fork: str, branches: int | None) -> str | None:
        """The JOIN is under way from here on; it has the branches begin, one after the other."""
        waiting = self._join_of(fork)
        begun = under_way(waiting, EMPTY, self._now)
        if branches == 0:
            return self.leave(ended(begun, "COMPLETED", self._now))
        join = cast(Join, self._graph.step(waiting.path))
        self.put(counted(begun, Branches(branches or len(join.firsts)), self._now))
        self._forking.append(waiting.path)
        return None

    def _join_of(self, fork: str) -> TaskExecutionRecord:
        path = str(self._graph.after(fork))
        return scheduled(self._execution, "JOIN", "", path, EMPTY, self._new_id(), self._now)

    def _fork_dynamically(self, fork: DynamicFork, row: TaskExecutionRecord) -> str | None:
        """The branches are known from here on, and so are the tasks that they run."""
        try:
            listed = listed_of(fork, row)
            output = resolved(fork, listed, self._run.task_ids)
        except NotAFork as error:
            return self._not_forked(row, Failure(code="invalid_fork", message=f"{row.path} cannot fork: {error}."))
        self.put(ended(row, "COMPLETED", self._now, output=output))
        return self._fork(row.path, len(listed))

    def _not_forked(self, row: TaskExecutionRecord, failure: Failure) -> str | None:
        """If the fork or its JOIN is optional, both are passed over."""
        join = self._join_of(row.path)
        if not self._graph.step(join.path).optional:
            return self._fail_control(row, failure)
        self.put(ended(row, "COMPLETED_WITH_ERRORS", self._now, failure=_json(failure)))
        passed = _json(_caused_by(row, failure))
        return self.leave(ended(join, "COMPLETED_WITH_ERRORS", self._now, failure=passed))

    def _begin_branch(self, step: Branch, path: str) -> None:
        """The task of a branch whose fork was told of it when it ran."""
        fork = cast(DynamicFork, self._graph.steps[step.fork])
        *outer, number = iterations_of(path)
        row = self._scope.row(path_of(step.fork, outer))
        task_id, given = begun_with(fork, row, number, self._run.tasks, MAX_BEGUN)
        self._room_left -= len(given)
        row = scheduled(self._execution, step.type, task_id, path, given, self._new_id(), self._now)
        self.put(make_ready(row, self.definition(task_id), self._now))

    def _begin_next(self, row: TaskExecutionRecord, join: Join, so_far: Branches) -> str | None:
        """The next branch of a fork begins."""
        self.put(counted(row, replace(so_far, begun=so_far.begun + 1), self._now))
        return self._enter(join.first_of(row.path, so_far.begun))

    def _next_fork(self) -> tuple[TaskExecutionRecord, Join, Branches] | None:
        """The next of the forks that this walk has come to, in which a branch may begin now: its JOIN, so far."""
        while self._forking:
            path = self._forking[-1]
            row, join = self._scope.row(path), cast(Join, self._graph.step(path))
            so_far = branches_of(row) if row.status == "IN_PROGRESS" else None
            if so_far is None or not so_far.may_begin(join.limit):
                self._forking.pop()
            elif min(self._branches_left, self._steps_left, self._room_left) <= 0:
                self._postponed(row)
                self._forking.pop()
            else:
                self._branches_left -= 1
                return row, join, so_far
        return None

    def _end_branch(self, join: Join, row: TaskExecutionRecord) -> str | None:
        """A branch is at its end: it makes room for another, or is the last that the JOIN has waited for."""
        so_far = branches_of(row)
        so_far = replace(so_far, ended=so_far.ended + 1)
        row = counted(row, so_far, self._now)
        if not so_far.all_ended:
            self.put(row)
            if row.available_at is None:  # else it is to go on by itself
                self._forking.append(row.path)
            return None
        given = gathered(join, row, self._scope)
        output = None if given is None else as_payload(given)
        if output is None:
            failure = Failure(code="output_too_large", message=f"What its branches gave {TOO_LARGE}.")
            return self._fail_control(replace(row, output=EMPTY), failure)
        return self.leave(ended(row, "COMPLETED", self._now, output=output))

    def _terminate(self, row: TaskExecutionRecord) -> str | None:
        given = _decode(shown(row.input))
        status = given.get("terminationStatus")
        output = given.get("outputParameters", given.get("workflowOutput"))
        if status not in ("COMPLETED", "FAILED", "TERMINATED") or not isinstance(output, dict | None):
            wrong = "`terminationStatus` is not COMPLETED, FAILED or TERMINATED"
            wrong = wrong if isinstance(output, dict | None) else "`outputParameters` is not an object"
            return self._fail_control(
                row, Failure(code="invalid_termination", message=f"{wrong[0].upper()}{wrong[1:]}.")
            )
        done = ended(row, "COMPLETED", self._now, output=_json(output or {}))
        self.put(done)
        reason = given.get("terminationReason")
        message = reason if isinstance(reason, str) and reason else "The job was ended by its TERMINATE task."
        failure = None if status == "COMPLETED" else _caused_by(done, Failure(code="terminated", message=message))
        self._close(status, done.output, failure)
        return None

    def _wait(self, row: TaskExecutionRecord) -> str | None:
        try:
            at = wait_until(_decode(shown(row.input)), self._now)
        except NotATime as error:
            message = f"Until when {row.path} waits cannot be told: {error}."
            return self._fail_control(row, Failure(code="invalid_wait", message=message))
        self.put(postponed(under_way(row, EMPTY, self._now), max(at, self._now), self._now))
        return None

    def _start_job(self, row: TaskExecutionRecord) -> str | None:
        """It is launched by the transaction after this one, which holds its pipeline from the beginning."""
        try:
            read_start(_decode(shown(row.input)))
        except NotAStart as error:
            message = f"What {row.path} is to launch cannot be told: {error}."
            return self._fail_control(row, Failure(code="invalid_start", message=message))
        return self._postponed(under_way(row, EMPTY, self._now))

    def _set_variables(self, row: TaskExecutionRecord) -> str | None:
        variables = _json({**_decode(self._execution.variables), **_decode(row.input)})
        if len(variables) > MAX_VARIABLES:
            message = f"With it, the variables of the job are larger than {MAX_VARIABLES} characters of JSON."
            return self._fail_control(row, Failure(code="variables_too_large", message=message))
        self._execution = replace(self._execution, variables=variables)
        return self.leave(ended(row, "COMPLETED", self._now))

    # -- scripts

    def _judge(self, source: str, data: str) -> Verdict | None:
        """What a script gives; None if it may not be run just now."""
        script = Script(source, data)
        if script in self._run.verdicts:
            return self._run.verdicts[script]
        if self._run.may_think:
            raise Needs(scripts=frozenset({script}))
        return None

    def _postponed(self, row: TaskExecutionRecord) -> str | None:
        """Go on with this a moment later, in another walk."""
        self.put(postponed(row, self._now, self._now))
        return None

    # -- failures

    def fail(self, row: TaskExecutionRecord, failure: Failure) -> str | None:
        """An attempt failed or timed out: retry it, pass over it, or give up."""
        row = replace(row, failure=_json(failure))
        task = self.definition(row.task_id) if row.task_id else None
        if task is not None and row.status != "FAILED_WITH_TERMINAL_ERROR" and retries_left(task, row.attempt):
            self.put(row)
            self.put(retried(row, task, self._new_id(), self._now))
            return None
        return self.give_up(row, failure)

    def give_up(self, row: TaskExecutionRecord, failure: Failure) -> str | None:
        """A step failed for good. If it, or what is around it, is optional, that is passed over; else the job ends."""
        row = replace(row, failure=_json(failure))
        if self._graph.step(row.path).optional:
            return self.leave(replace(row, status="COMPLETED_WITH_ERRORS"))
        self.put(row)
        around = self._graph.around(row.path)
        while around is not None and not self._graph.step(around).optional:
            around = self._graph.around(around)
        if around is None:
            self.end_with(row, failure)
            return None
        self._cancel_active(around)
        passed = replace(self._scope.row(around), failure=_json(_caused_by(row, failure)))
        output = EMPTY if passed.type == "JOIN" else passed.output
        return self.leave(ended(passed, "COMPLETED_WITH_ERRORS", self._now, output=output, failure=passed.failure))

    def end_with(self, row: TaskExecutionRecord, failure: Failure) -> None:
        """The job execution ends with a step that failed or timed out."""
        row = replace(row, failure=_json(failure))
        self.put(row)
        self._last = row.output
        status: JobExecutionStatus = "TIMEDOUT" if row.status == "TIMED_OUT" else "FAILED"
        if row.status == "FAILED_WITH_TERMINAL_ERROR" and _decode(row.output).get("errorType") == "USER_ERROR":
            status = "USER_ERROR"
        self._end(status, _caused_by(row, failure))

    def _fail_control(self, row: TaskExecutionRecord, failure: Failure) -> str | None:
        return self.give_up(ended(row, "FAILED", self._now), failure)

    def _fail_script(self, row: TaskExecutionRecord, field: str, error: str) -> str | None:
        message = f"The `{field}` of {row.path} could not be evaluated: {error}."
        return self._fail_control(row, Failure(code="script_failed", message=message))

    # -- the end

    def _end(self, status: JobExecutionStatus, failure: Failure | None) -> None:
        """The job execution ends; its `output` template is evaluated, if it has one."""
        template = self._graph.output
        output = self._last if template is None else self._scope.evaluate(template, END, self._execution)
        if output is None and failure is None:
            status, failure = "FAILED", Failure(code="output_too_large", message=f"Its output {TOO_LARGE}.")
        self._close(status, shown(self._settled(output or EMPTY)), failure)

    def _close(self, status: JobExecutionStatus, output: str, failure: Failure | None) -> None:
        self._cancel_active(None)
        self._execution = replace(
            self._execution,
            status=status,
            output=output,
            failure=None if failure is None else _json(failure),
            ended_at=self._now,
            deadline_at=None,
            pause=None,
        )

    def _cancel_active(self, inside: str | None) -> None:
        """What is still waiting or running in a loop or fork, or in the whole job, is canceled."""
        if not self._graph.nests:
            return
        if self._run.active is None:
            raise Needs(active=True)
        active = {row.id: row for row in self._run.active} | self._rows
        for row in active.values():
            is_there = inside is None or self._graph.is_inside(row.path, inside)
            if is_there and row.status not in TASK_EXECUTION_ENDED:
                self.put(ended(row, "CANCELED", self._now))

    # -- what is known, and what is decided

    def _settled(self, payload: str) -> str:
        """What the platform itself reads, with the variables as they are now; a secret stays hidden from it.

        Raises:
            Needs: they were not read.
        """
        if not has_marks(payload):
            return payload
        if missing := keys_in(payload) - self._run.variables.keys():
            raise Needs(variables=frozenset(missing))
        return filled(payload, self._run.variables)[1]

    def put(self, row: TaskExecutionRecord) -> None:
        """A task execution that is new or changed."""
        self._rows[row.id] = row
        self._scope.put(row)

    def definition(self, task_id: str) -> TaskDefinition:
        """The definition of a task.

        Raises:
            Needs: it was not read.
            LookupError: it is not there.
        """
        if task_id in self._run.lost:
            raise LookupError(f"the task {task_id} is not there any more")
        if task_id not in self._run.tasks:
            raise Needs(tasks=frozenset({task_id}))
        return self._run.tasks[task_id]


def _case_of(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _caused_by(row: TaskExecutionRecord, failure: Failure) -> Failure:
    if failure.task_execution_id is not None:
        return failure
    return replace(failure, task_reference_name=row.path, task_execution_id=row.id)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
