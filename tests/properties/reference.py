"""What should be so: a plain model of the platform, written for the tests and knowing nothing of its code.

It does one thing after the other, on lists, and looks at everything each time. It is told of ids and ages from outside
(`learn`), since it makes none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from data_factory.model.definitions import TaskDefinition
from tests.properties.plan import JobPlan, Plan, Reads

LIVE = ("SCHEDULED", "IN_PROGRESS")
PASSED = ("COMPLETED", "COMPLETED_WITH_ERRORS", "SKIPPED")
FAILING = ("FAILED", "FAILED_WITH_TERMINAL_ERROR")

UNDERWAY = ("PENDING", "RUNNING")
STOPPED = ("FAILED", "TERMINATED", "TIMEDOUT")
CAN_BE = {
    **dict.fromkeys(("cancel", "pause", "resume"), UNDERWAY),
    **dict.fromkeys(("rerun", "delete"), ("COMPLETED", *STOPPED)),
    "retry": STOPPED,
}
"""What can be done to many at once, and to those in which statuses."""


@dataclass
class Attempt:
    """One attempt at one step. Of the times, those that are set have not come yet."""

    run: Run
    step: int
    number: int
    input: dict[str, Any]
    status: str = "SCHEDULED"
    output: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None
    warning: str | None = None
    lease: str | None = None
    claim_id: str | None = None
    lease_ms: int = 0
    available_at: int | None = None
    poll_timeout_at: int | None = None
    lease_expires_at: int | None = None
    timeout_at: int | None = None
    age: int = -1
    held: bool = False

    @property
    def key(self) -> tuple[str, str, int]:
        return self.run.id, f"t{self.step}", self.number

    @property
    def is_human(self) -> bool:
        """Whether it waits for a person, and for no worker."""
        return self.run.plan.steps[self.step].task is None

    @property
    def is_live(self) -> bool:
        return self.status in LIVE

    @property
    def is_claimable(self) -> bool:
        return self.status == "SCHEDULED" and self.available_at is None and not self.held

    @property
    def timer_at(self) -> int | None:
        if self.held and self.status == "SCHEDULED":
            return None
        times = (self.available_at, self.poll_timeout_at, self.lease_expires_at, self.timeout_at)
        return min((time for time in times if time is not None), default=None)

    def end(self, status: str) -> None:
        self.status = status
        self.held = False
        self.available_at = self.poll_timeout_at = self.lease_expires_at = self.timeout_at = None


@dataclass
class Run:
    """One job execution."""

    id: str
    plan: JobPlan
    input: dict[str, Any]
    status: str = "PENDING"
    output: dict[str, Any] = field(default_factory=dict)
    failure: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    deadline_at: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    priority: int = 0
    paused_at: int | None = None

    @property
    def timer_at(self) -> int | None:
        return self.deadline_at if self.paused_at is None else None

    @property
    def live(self) -> Attempt | None:
        return next((attempt for attempt in self.attempts if attempt.is_live), None)


class Reference:
    """The platform as it should be; `now` is set from outside."""

    def __init__(self, plan: Plan, now: int) -> None:
        self.plan = plan
        self.now = now
        self.slots = list(plan.slots)
        self.closed = [False for _ in plan.slots]
        self.runs: dict[str, Run] = {}
        self.keys: dict[str, tuple[Any, str]] = {}
        self.by_id: dict[str, Attempt] = {}

    def learn(self, rows: Iterable[tuple[tuple[str, str, int], str, int]]) -> None:
        """Which id and which age each attempt has."""
        known = {attempt.key: attempt for attempt in self.attempts()}
        for key, id, age in rows:
            known[key].age = age
            self.by_id[id] = known[key]

    def attempts(self) -> Iterator[Attempt]:
        for run in self.runs.values():
            yield from run.attempts

    def asked(self) -> list[str]:
        """The ids of what waits for a person."""
        return [id for id, attempt in self.by_id.items() if attempt.is_human and attempt.is_live]

    def holds(self, id: str, lease: str | None) -> bool:
        """Whether a worker still holds what it was handed out under this lease."""
        return self.by_id[id].status == "IN_PROGRESS" and self.by_id[id].lease == lease

    def task_of(self, attempt: Attempt) -> TaskDefinition:
        number = self._task_number(attempt)
        assert number is not None, "a HUMAN runs no task"
        return self.plan.tasks[number]

    def next_timer(self) -> int | None:
        times = [attempt.timer_at for attempt in self.attempts()] + [run.timer_at for run in self.runs.values()]
        return min((time for time in times if time is not None), default=None)

    # -- commands: each gives the name of the error that it should be refused with, or None

    def launch(
        self, id: str, job: int, input: dict[str, Any], key: str | None, priority: int = 0, start_at: int | None = None
    ) -> tuple[str | None, str]:
        """The error, and the id of the execution that is given."""
        if key is not None and key in self.keys:
            asked, earlier = self.keys[key]
            return (None if asked == (job, input) else "IdempotencyKeyReused"), earlier
        self.runs[id] = Run(id, self.plan.jobs[job], input, priority=priority, deadline_at=start_at)
        if key is not None:
            self.keys[key] = ((job, input), id)
        return None, id

    def rerun(self, id: str, of_id: str) -> None:
        """The same job with the same input, and nothing else of it."""
        source = self.runs[of_id]
        self.runs[id] = Run(id, source.plan, source.input)

    def refuses_retry(self, id: str) -> str | None:
        run = self.runs[id]
        if run.status in ("PENDING", "RUNNING"):
            return "JobExecutionNotEnded"
        return "NothingToRetry" if run.status == "COMPLETED" else None

    def done_of(self, run: Run) -> list[Attempt]:
        """The attempts that have brought a run as far as it came."""
        return [attempt for attempt in run.attempts if attempt.status in PASSED]

    def found(self, verb: str, status: str | None, job: int | None, after: str | None) -> list[str]:
        """The newest first: what a verb can be done to, of a status and a job, beyond the one where a portion ended."""
        ids = list(reversed(self.runs))
        ids = ids if after is None else [id for id in ids if id < after]
        runs = [self.runs[id] for id in ids]
        runs = [run for run in runs if run.status in CAN_BE[verb] and status in (None, run.status)]
        return [run.id for run in runs if job is None or run.plan is self.plan.jobs[job]]

    def retry(self, id: str, of_id: str) -> None:
        """The same, with what was done of it taken over."""
        source = self.runs[of_id]
        self.runs[id] = run = Run(id, source.plan, source.input)
        for one in self.done_of(source):
            taken = Attempt(run, one.step, one.number, one.input)
            taken.status, taken.output, taken.failure, taken.warning = one.status, one.output, one.failure, one.warning
            run.attempts.append(taken)

    def delete(self, id: str) -> str | None:
        if self.runs[id].status in ("PENDING", "RUNNING"):
            return "JobExecutionNotEnded"
        del self.runs[id]
        self.keys = {key: kept for key, kept in self.keys.items() if kept[1] != id}
        return None

    def cancel(self, id: str) -> str | None:
        run = self.runs[id]
        if run.status in ("PENDING", "RUNNING"):
            self._stop(run, "TERMINATED", "canceled")
        return None if run.status == "TERMINATED" else "JobExecutionEnded"

    def hold(self, id: str, on: bool) -> str | None:
        run = self.runs[id]
        if run.status not in ("PENDING", "RUNNING"):
            return "JobExecutionEnded"
        if on == (run.paused_at is not None):
            return None
        if on:
            run.paused_at = self.now
            self._hold(run)
            return None
        if run.status == "RUNNING" and run.deadline_at is not None and run.paused_at is not None:
            run.deadline_at += self.now - run.paused_at
        run.paused_at = None
        if (live := run.live) is not None and live.held:
            live.held = False
            if live.status == "SCHEDULED" and live.available_at is None:
                self._make_ready(live)
        return None

    def _hold(self, run: Run) -> None:
        """What waits, of a run that is paused, is not handed out, and nothing of it comes due; a person may answer."""
        if run.paused_at is not None and (live := run.live) is not None and not live.is_human:
            live.held = True
            if live.status == "SCHEDULED":
                live.poll_timeout_at = None

    def skip(self, attempt: Attempt, output: dict[str, Any] | None) -> str | None:
        if attempt.run.id not in self.runs:
            return "NotFound"
        if attempt.status == "SKIPPED" and output in (None, attempt.output):
            return None
        if not attempt.is_live:
            return "TaskExecutionEnded"
        if attempt.status == "IN_PROGRESS" and not attempt.is_human:
            return "NotSkippable"
        attempt.end("SKIPPED")
        attempt.output = output or {}
        self._go_on(attempt)
        self._hold(attempt.run)
        return None

    def report(self, attempt: Attempt, status: str, output: dict[str, Any] | None, lease: str | None) -> str | None:
        if attempt.run.id not in self.runs:
            return "NotFound"
        if attempt.is_human and status in ("IN_PROGRESS", "SCHEDULED"):
            return "NotForWorkers"
        if attempt.status == "IN_PROGRESS":
            if lease not in (None, attempt.lease):
                return "LeaseLost"
            self._take(attempt, status, output)
            self._hold(attempt.run)
            return None
        if attempt.status == "SCHEDULED":
            return None if status == "SCHEDULED" else "NotClaimed" if lease is None else "LeaseLost"
        same = status == attempt.status or (attempt.status == "COMPLETED_WITH_ERRORS" and status in FAILING)
        if same and output in (None, attempt.output) and lease in (None, attempt.lease):
            return None
        stale = {"TIMED_OUT": "TaskExecutionTimedOut", "CANCELED": "TaskExecutionCanceled"}
        return stale.get(attempt.status, "TaskExecutionEnded")

    def _take(self, attempt: Attempt, status: str, output: dict[str, Any] | None) -> None:
        if output is not None:
            attempt.output = output
        if status == "SCHEDULED":
            attempt.status = "SCHEDULED"
            attempt.lease = attempt.claim_id = attempt.lease_expires_at = attempt.timeout_at = None
            self._make_ready(attempt)
            return
        if status == "IN_PROGRESS":
            attempt.lease_expires_at = self.now + attempt.lease_ms
        elif status == "COMPLETED":
            attempt.end("COMPLETED")
            self._go_on(attempt)
        else:
            self._fail(attempt, status, "task_failed")

    def due(self) -> list[Attempt | Run]:
        """Whose timers have come."""
        candidates: list[Attempt | Run] = [*self.attempts(), *self.runs.values()]
        return [one for one in candidates if self._due_at(one) is not None]

    def _due_at(self, one: Attempt | Run) -> tuple[int, int] | None:
        """When it came due; of two at the same time, the task comes before the job."""
        at, rank = (one.timer_at, 1) if isinstance(one, Run) else (one.timer_at, 0)
        return (at, rank) if at is not None and at <= self.now else None

    def fire(self, due: list[Attempt | Run]) -> None:
        """Do what is due, in the order in which it came due."""
        while times := [(at, number) for number, one in enumerate(due) if (at := self._due_at(one)) is not None]:
            first = due[min(times)[1]]
            if isinstance(first, Run) and first.status == "PENDING":
                first.deadline_at = None
            elif isinstance(first, Run):
                self._stop(first, "TIMEDOUT", "job_timeout")
            else:
                self._expire(first)
                self._hold(first.run)

    def _expire(self, attempt: Attempt) -> None:
        at = attempt.timer_at
        if at == attempt.available_at:
            self._make_ready(attempt)
        elif at == attempt.poll_timeout_at:
            attempt.poll_timeout_at = None
            self._time_out(attempt, "poll_timeout")
        elif at == attempt.timeout_at:
            attempt.timeout_at = None
            self._time_out(attempt, "timeout")
        else:
            self._fail(attempt, "TIMED_OUT", "lease_expired")

    def _time_out(self, attempt: Attempt, failure: str) -> None:
        policy = self.task_of(attempt).timeout_policy
        if policy == "ALERT_ONLY":
            attempt.warning = failure
        elif policy == "RETRY":
            self._fail(attempt, "TIMED_OUT", failure)
        else:
            attempt.end("TIMED_OUT")
            attempt.failure = failure
            self._give_up(attempt)

    # -- what follows

    def fill(self) -> None:
        """Start what waits, in the order of launches, as far as there are slots."""
        for pipeline, slots in enumerate(self.slots):
            mine = [run for run in self.runs.values() if run.plan.pipeline == pipeline]
            free = slots - sum(run.status == "RUNNING" for run in mine)
            waiting = [
                run for run in mine if run.status == "PENDING" and run.paused_at is None and run.deadline_at is None
            ]
            waiting = [] if self.closed[pipeline] else sorted(waiting, key=lambda run: -run.priority)
            for run in waiting[: max(free, 0)]:
                run.status = "RUNNING"
                run.started_at = self.now
                run.deadline_at = self.now + run.plan.timeout_seconds * 1000 if run.plan.timeout_seconds else None
                self._schedule(run, len(self.done_of(run)))

    def claimable(self, tasks: Collection[int | None]) -> Attempt | None:
        """The oldest that a claim of these tasks may be given now."""
        found = [
            attempt
            for attempt in self.attempts()
            if attempt.is_claimable and self._task_number(attempt) in tasks and not self._at_limit(attempt)
        ]
        return min(found, key=lambda attempt: attempt.age, default=None)

    def _task_number(self, attempt: Attempt) -> int | None:
        return attempt.run.plan.steps[attempt.step].task

    def _at_limit(self, attempt: Attempt) -> bool:
        limit, task = self.task_of(attempt).concurrent_exec_limit, self._task_number(attempt)
        held = sum(one.status == "IN_PROGRESS" and self._task_number(one) == task for one in self.attempts())
        return limit > 0 and held >= limit

    def claim(self, tasks: list[int], limit: int, lease_ms: int, claim_id: str | None) -> list[Attempt]:
        """What a claim is given; the leases are learned from the answer."""
        if claim_id is not None:
            again = [one for one in self.attempts() if one.claim_id == claim_id and one.status == "IN_PROGRESS"]
            again = [one for one in again if self._task_number(one) in tasks]
            for one in again:
                one.lease_expires_at = self.now + one.lease_ms
            if again:
                return sorted(again, key=lambda one: one.age)
        given: list[Attempt] = []
        while len(given) < limit and (oldest := self.claimable(tasks)) is not None:
            task = self.task_of(oldest)
            oldest.status, oldest.claim_id, oldest.poll_timeout_at = "IN_PROGRESS", claim_id, None
            oldest.lease_ms = min(lease_ms, task.response_timeout_seconds * 1000)
            oldest.lease_expires_at = self.now + oldest.lease_ms
            oldest.timeout_at = self.now + task.timeout_seconds * 1000 if task.timeout_seconds else None
            given.append(oldest)
        return given

    def restart(self, grace_ms: int) -> None:
        """The platform was down: workers are given a moment to be heard again."""
        for attempt in self.attempts():
            if attempt.lease_expires_at is not None:
                spared = self.now + min(attempt.lease_ms, grace_ms)
                attempt.lease_expires_at = max(attempt.lease_expires_at, spared)
        self.fill()

    def _make_ready(self, attempt: Attempt) -> None:
        seconds = self.task_of(attempt).poll_timeout_seconds
        attempt.available_at = None
        attempt.poll_timeout_at = self.now + seconds * 1000 if seconds else None

    def _schedule(self, run: Run, step: int) -> None:
        reads = run.plan.steps[step].input
        attempt = Attempt(run, step, 1, self._values(run, reads) if reads else run.input)
        run.attempts.append(attempt)
        if not attempt.is_human:
            self._make_ready(attempt)
            return
        attempt.status = "IN_PROGRESS"
        attempt.input = attempt.input if reads else {}  # only a task is given that of the job

    def _go_on(self, attempt: Attempt) -> None:
        run = attempt.run
        if attempt.step + 1 < len(run.plan.steps):
            self._schedule(run, attempt.step + 1)
        else:
            self._end(run, "COMPLETED", attempt)

    def _fail(self, attempt: Attempt, status: str, failure: str) -> None:
        run = attempt.run
        attempt.end(status)
        attempt.failure = failure
        if status != "FAILED_WITH_TERMINAL_ERROR" and attempt.number <= self._retries_of(attempt):
            again = Attempt(run, attempt.step, attempt.number + 1, attempt.input)
            run.attempts.append(again)
            if delay := _delay_ms(self.task_of(attempt), attempt.number):
                again.available_at = self.now + delay
            else:
                self._make_ready(again)
        elif run.plan.steps[attempt.step].optional:
            attempt.status = "COMPLETED_WITH_ERRORS"
            self._go_on(attempt)
        else:
            self._give_up(attempt)

    def _retries_of(self, attempt: Attempt) -> int:
        return 0 if attempt.is_human else self.task_of(attempt).retry_count

    def _give_up(self, attempt: Attempt) -> None:
        attempt.run.failure = attempt.failure
        self._end(attempt.run, "TIMEDOUT" if attempt.status == "TIMED_OUT" else "FAILED", attempt)

    def _end(self, run: Run, status: str, last: Attempt) -> None:
        run.output = last.output if run.plan.output is None else self._values(run, run.plan.output)
        run.status, run.ended_at, run.deadline_at, run.paused_at = status, self.now, None, None

    def _stop(self, run: Run, status: str, failure: str) -> None:
        if run.live is not None:
            run.live.end("CANCELED")
        run.status, run.failure, run.ended_at, run.deadline_at = status, failure, self.now, None
        run.paused_at = None

    def _values(self, run: Run, reads: Reads) -> dict[str, Any]:
        latest = {f"t{attempt.step}": attempt for attempt in run.attempts}
        values: dict[str, Any] = {}
        for name, read in reads.items():
            attempt = latest.get(read.of)
            match read.what:
                case "input":
                    values[name] = run.input.get(read.of)
                case "text":
                    values[name] = f"how: {attempt.status if attempt else 'null'}!"
                case _ if attempt is None:
                    values[name] = None
                case "output":
                    values[name] = attempt.output.get("v")
                case "status":
                    values[name] = attempt.status
                case "retries":
                    values[name] = attempt.number - 1
        return values


def _delay_ms(task: TaskDefinition, failed: int) -> int:
    """How long the attempt after this one waits."""
    factor = {
        "FIXED": 1,
        "LINEAR_BACKOFF": task.backoff_scale_factor * failed,
        "EXPONENTIAL_BACKOFF": 2 ** (failed - 1),
    }
    return task.retry_delay_seconds * 1000 * factor[task.retry_logic]
