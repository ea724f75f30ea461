"""Why a job execution stands where it does, in words: what is known of it, and pure functions of that and the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from data_factory.model.definitions import TaskDefinition
from data_factory.model.pauses import Pause, decode_pause
from data_factory.model.records import JobExecutionRecord, PipelineRecord, SlotRecord, StandingRecord, TaskPollRecord
from data_factory.model.resources import Failure, Progress
from data_factory.model.status import JOB_EXECUTION_ENDED, ReasonCode
from data_factory.service.guests import poll_to_guest, standing_to_guest
from data_factory.store.promises import Reads

MOST_AHEAD: Final = 1_000
"""How many that come before are counted."""

MOST_NAMED: Final = 10
MOST_TASKS: Final = 100

PRESENT_MS: Final = 120_000
"""A worker that asked for a task this long ago may still be there: a long poll takes a minute."""

_task: Final = msgspec.json.Decoder(TaskDefinition)
_failure: Final = msgspec.json.Decoder(Failure)
_progress: Final = msgspec.json.Decoder(Progress)


class Facts(msgspec.Struct, frozen=True):
    """What is known of a job execution: of its queue while it is PENDING, of its tasks while it is RUNNING.

    `unlisted` says how many more stand than are in `standing`. `busy` has, by task id, how many of a task with a
    `concurrentExecLimit` workers hold.
    """

    execution: JobExecutionRecord
    pipeline: PipelineRecord | None = None
    running: list[SlotRecord] = []
    ahead: list[str] = []
    standing: list[StandingRecord] = []
    unlisted: int = 0
    tasks: Mapping[str, TaskDefinition] = {}
    polls: Mapping[str, TaskPollRecord] = {}
    busy: Mapping[str, int] = {}


async def facts_of(reads: Reads, execution: JobExecutionRecord) -> Facts:
    """What is known of a job execution, as far as it says why it stands where it does."""
    if execution.status == "PENDING":
        pipelines = await reads.pipelines_by_id([execution.pipeline_id])
        ahead = await reads.pending_before(execution.id, execution.pipeline_id, MOST_AHEAD + 1)
        running = await reads.in_slots(execution.pipeline_id, MOST_AHEAD)
        return Facts(execution, pipeline=pipelines[0] if pipelines else None, ahead=ahead, running=running)
    if execution.status != "RUNNING":
        return Facts(execution)
    standing, unlisted = await reads.standing_of_job(execution.id, MOST_TASKS), 0
    if len(standing) == MOST_TASKS:
        unlisted = await reads.standing_count_of_job(execution.id) - MOST_TASKS
    ids = {one.task_id for one in standing}
    tasks = {task.id: _task.decode(task.definition) for task in await reads.tasks_by_id(ids)}
    polls = {poll.task_id: poll for poll in await reads.task_polls(ids)}
    if execution.is_guests:
        standing = [standing_to_guest(one) for one in standing]
        polls = {id: poll_to_guest(poll) for id, poll in polls.items()}
    limited = [id for id, task in tasks.items() if task.concurrent_exec_limit]
    busy = await reads.in_progress_counts(limited)
    return Facts(execution, standing=standing, unlisted=unlisted, tasks=tasks, polls=polls, busy=busy)


class Cause(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A `Reason`, with its times as they are kept."""

    code: ReasonCode
    message: str
    pipeline_id: str | None = None
    slots: int | None = None
    position: int | None = None
    running: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    task_reference_name: str | None = None
    task_execution_id: str | None = None
    task_id: str | None = None
    task_key: str | None = None
    attempt: int | None = None
    attempts: int | None = None
    worker_id: str | None = None
    paused_by: str | None = None
    since: int | None = None
    until: int | None = None
    last_polled_at: int | None = None
    count: int | None = None


def explain(facts: Facts, now: int) -> list[Cause]:
    """Why it stands where it does: one cause or more."""
    execution = facts.execution
    if execution.status in JOB_EXECUTION_ENDED:
        return [_ended(execution)]
    if execution.pause is not None:
        still = [cause for cause in _tasks(facts, now) if cause.code in ("running", "waiting_for_person")]
        return [_held_up(decode_pause(execution.pause), "It", now), *still]
    if execution.status == "PENDING":
        return [_queued(facts, now)]
    return list(_tasks(facts, now)) or [_between(execution)]


def summary(causes: list[Cause]) -> str:
    """All of it in a few words."""
    rest = sum(cause.count or 1 for cause in causes[3:])
    more = f" And {rest:,} more." if rest else ""
    return " ".join(cause.message for cause in causes[:3]) + more


def span(ms: int) -> str:
    """A length of time in words.

    >>> span(400), span(43_000), span(1_000 * 60 * 12), span(1_000 * 3_600 * 50)
    ('less than a second', '43 seconds', '12 minutes', '2 days')
    """
    for unit, length in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000)):
        if ms >= length * (2 if unit in ("day", "hour") else 1):
            count = ms // length
            return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
    return "less than a second"


def _ended(execution: JobExecutionRecord) -> Cause:
    failure = _failure.decode(execution.failure) if execution.failure else None
    why = f" {failure.message}" if failure else ""
    return Cause(
        code="ended",
        message=f"It has ended: it is {execution.status}.{why}",
        task_reference_name=failure.task_reference_name if failure else None,
        task_execution_id=failure.task_execution_id if failure else None,
        since=execution.ended_at,
    )


def _held_up(pause: Pause, what: str, now: int, **about: Any) -> Cause:
    by = f" by the API key {pause.by}" if pause.by else ""
    why = f": {pause.reason}" if pause.reason else ""
    message = f"{what} has been paused{by} for {span(now - pause.at)}{why.removesuffix('.')}."
    return Cause(code="paused", message=message, paused_by=pause.by or None, since=pause.at, **about)


def _queued(facts: Facts, now: int) -> Cause:
    pipeline, position = facts.pipeline, len(facts.ahead) + 1
    if (at := facts.execution.deadline_at) is not None:
        when = f"in {span(at - now)}" if at > now else "now"
        return Cause(code="waiting_for_start", message=f"It is to start {when}.", until=at)
    if pipeline is not None and pipeline.pause is not None:
        about: dict[str, Any] = {"pipeline_id": pipeline.id, "slots": pipeline.slots, "position": position}
        return _held_up(decode_pause(pipeline.pause), f"Its pipeline {pipeline.title!r}", now, **about)
    facts_of_it: dict[str, Any] = {
        "code": "waiting_for_slot",
        "position": position,
        "running": tuple(one.id for one in facts.running[:MOST_NAMED]),
        "ahead": tuple(facts.ahead[:MOST_NAMED]),
        "since": facts.execution.created_at,
    }
    if pipeline is None:
        return Cause(message="It waits for a slot of its pipeline.", **facts_of_it)
    facts_of_it |= {"pipeline_id": pipeline.id, "slots": pipeline.slots}
    place = f"the pipeline {pipeline.title!r}"
    if len(facts.running) < pipeline.slots and position == 1:
        return Cause(message=f"It is next, and {place} has a free slot: it starts now.", **facts_of_it)
    taken = "its only slot is" if pipeline.slots == 1 else f"all {pipeline.slots:,} slots are"
    before = "it is the next" if position == 1 else f"{_ahead(len(facts.ahead))} before it"
    return Cause(message=f"It waits for a slot of {place}: {taken} taken, and {before}.", **facts_of_it)


def _ahead(count: int) -> str:
    if count > MOST_AHEAD:
        return f"more than {MOST_AHEAD:,} come"
    return f"{count:,} {'comes' if count == 1 else 'come'}"


def _between(execution: JobExecutionRecord) -> Cause:
    return Cause(code="going_on", message="It goes on from one task to the next.", since=execution.started_at)


def _tasks(facts: Facts, now: int) -> Iterator[Cause]:
    for one in facts.standing:
        task = facts.tasks.get(one.task_id)
        if (until := _overdue_until(one, now)) is not None:
            yield _overdue(one, until, now)
            continue
        if task is None:  # no task of a worker, but control flow: what is around some, or a pause
            if one.available_at is not None and one.available_at > now:
                yield _paused(one, one.available_at, now)
            elif one.type == "HUMAN":
                yield _asked(one, now)
            elif one.type == "JOIN" and one.progress is not None:
                yield _joining(one, _progress.decode(one.progress))
            elif one.type == "SUB_WORKFLOW" and one.progress is not None:
                yield _waiting_for(one, _progress.decode(one.progress))
            continue
        about: dict[str, Any] = {
            "task_reference_name": one.path,
            "task_execution_id": one.id,
            "task_id": one.task_id,
            "task_key": None if facts.execution.is_guests else task.key,
            "attempt": one.attempt,
            "attempts": task.retry_count + 1,
        }
        if one.status == "IN_PROGRESS":
            yield _held(one, about, now)
        elif one.available_at is not None:
            yield _put_off(one, about, now)
        elif 0 < task.concurrent_exec_limit <= facts.busy.get(one.task_id, 0):
            yield _limited(one, task.concurrent_exec_limit, about, now)
        else:
            yield _unclaimed(one, facts.polls.get(one.task_id), about, now)
    if facts.unlisted:
        message = f"{facts.unlisted:,} more of its task executions wait or run."
        yield Cause(code="more", message=message, count=facts.unlisted)


def _overdue_until(one: StandingRecord, now: int) -> int | None:
    """When is tried again what has come due and could not be done."""
    times = [at for at in (one.available_at, one.lease_expires_at, one.timeout_at) if at is not None]
    return one.timer_at if times and one.timer_at is not None and min(times) <= now < one.timer_at else None


def _overdue(one: StandingRecord, until: int, now: int) -> Cause:
    again = f"It tries again in {span(until - now)}."
    return Cause(
        code="going_on",
        message=f"The platform could not go on with {one.path!r}; its log says why. {again}",
        task_reference_name=one.path,
        task_execution_id=one.id,
        since=one.updated_at,
        until=until,
    )


def _paused(one: StandingRecord, until: int, now: int) -> Cause:
    return Cause(
        code="waiting_for_time",
        message=f"The WAIT {one.path!r} is over in {span(until - now)}.",
        task_reference_name=one.path,
        task_execution_id=one.id,
        since=one.started_at,
        until=until,
    )


def _joining(one: StandingRecord, so_far: Progress) -> Cause:
    return Cause(
        code="waiting_for_branches",
        message=f"The JOIN {one.path!r} waits for its branches: {so_far.message}.",
        task_reference_name=one.path,
        task_execution_id=one.id,
        since=one.started_at,
    )


def _waiting_for(one: StandingRecord, so_far: Progress) -> Cause:
    return Cause(
        code="waiting_for_job_execution",
        message=f"The SUB_WORKFLOW {one.path!r} waits for the {so_far.message}.",
        task_reference_name=one.path,
        task_execution_id=one.id,
        since=one.started_at,
    )


def _asked(one: StandingRecord, now: int) -> Cause:
    since = one.started_at or now
    return Cause(
        code="waiting_for_person",
        message=f"The HUMAN {one.path!r} has waited for a person, or a system, for {span(now - since)}.",
        task_reference_name=one.path,
        task_execution_id=one.id,
        since=since,
    )


def _held(one: StandingRecord, about: dict[str, Any], now: int) -> Cause:
    progress = _progress.decode(one.progress) if one.progress else Progress()
    parts = [f"{progress.ratio:.0%}" if progress.ratio is not None else "", progress.message]
    far = ", ".join(part for part in parts if part)
    worker = "A worker" if one.worker_id is None else f"The worker {one.worker_id!r}"
    message = (
        f"{worker} has been running the task {one.path!r} for {span(now - (one.started_at or now))}"
        f"{f' ({far})' if far else ''}, and was last heard {span(now - one.updated_at)} ago."
    )
    return Cause(
        code="running",
        message=message,
        worker_id=one.worker_id,
        since=one.started_at,
        until=min(time for time in (one.lease_expires_at, one.timeout_at) if time is not None),
        **about,
    )


def _put_off(one: StandingRecord, about: dict[str, Any], now: int) -> Cause:
    at = one.available_at or now
    when = "now" if at <= now else f"in {span(at - now)}"
    message = f"The task {one.path!r} is tried again {when}: attempt {one.attempt} of {about['attempts']}."
    return Cause(code="waiting_for_retry", message=message, since=one.updated_at, until=at, **about)


def _limited(one: StandingRecord, limit: int, about: dict[str, Any], now: int) -> Cause:
    message = (
        f"The task {one.path!r} has waited for {span(now - one.updated_at)}: {limit:,} of {_named(about)} "
        f"{'is' if limit == 1 else 'are'} running, and that is its concurrentExecLimit."
    )
    return Cause(code="limit_reached", message=message, since=one.updated_at, **about)


def _named(about: dict[str, Any]) -> str:
    """The key of a task, where it may be said."""
    return "it" if about["task_key"] is None else repr(about["task_key"])


def _unclaimed(one: StandingRecord, poll: TaskPollRecord | None, about: dict[str, Any], now: int) -> Cause:
    waited = f"The task {one.path!r} has waited for a worker for {span(now - one.updated_at)}"
    about |= {"since": one.updated_at, "last_polled_at": poll.polled_at if poll else None}
    if poll is None:
        message = f"{waited}, and none has ever asked for {_named(about)}: is one running?"
        return Cause(code="no_worker", message=message, **about)
    silence = span(now - poll.polled_at)
    if now - poll.polled_at > PRESENT_MS:
        message = f"{waited}, and none has asked for {_named(about)} for {silence}: is one running?"
        return Cause(code="no_worker", message=message, **about)
    message = f"{waited}; one asked for {_named(about)} {silence} ago."
    return Cause(code="waiting_for_worker", message=message, worker_id=poll.worker_id, **about)
