"""What happened in a job execution, in the order in which it did: derived from its rows and its events when it is asked
for, and written nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from data_factory.model.records import EventRecord, JobExecutionRecord, MomentRecord, ToldRecord
from data_factory.model.resources import Failure
from data_factory.service.guests import told_to_guest
from data_factory.service.lookups import job_execution_of
from data_factory.service.paging import Part
from data_factory.service.why import span
from data_factory.store.promises import Reads, Store

Place = tuple[int, int, int]
"""Where a moment has its place: its time, its phase, and its number."""

OWNER: Final = "the owner of the job"
"""Who did it, for a guest."""

BEGINNING: Final[Place] = (-1, 0, 0)

_failure: Final = msgspec.json.Decoder(Failure)
_detail: Final = msgspec.json.Decoder(dict[str, Any])


class By(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Who did it: a key, with its title as it is now, and from where; a way in alone, for what nobody did."""

    origin: str
    key_id: str | None = None
    title: str | None = None
    address: str | None = None

    def __str__(self) -> str:
        if self.key_id is None and self.title is None:
            return "by its schedule" if self.origin == "PERIODIC" else "by the platform"
        return f"by {self.title or self.key_id}"


class Told(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One thing that happened: a stable `kind`, words for people, and the facts."""

    at: int
    kind: str
    message: str
    by: By | None = None
    task_reference_name: str | None = None
    task_execution_id: str | None = None
    task_id: str | None = None
    type: str | None = None
    attempt: int | None = None
    status: str | None = None
    worker_id: str | None = None
    code: str | None = None
    reason: str | None = None
    until: int | None = None


KINDS: Final[dict[str, str]] = {
    "job_execution.launched": "It was launched: by whom, from which address, and by which way in.",
    "job_execution.queued": "It waits for a slot of its pipeline.",
    "job_execution.started": "It has a slot, and begins.",
    "job_execution.canceled": "Somebody canceled it: who, and why.",
    "job_execution.paused": "Somebody paused it: who, and why.",
    "job_execution.resumed": "Somebody let it go on: who.",
    "job_execution.rerun": "Somebody ran it again from its beginning: who, and as which one.",
    "job_execution.retried": "Somebody ran it again from where it failed: who, and as which one.",
    "job_execution.ended": "It has ended: as what, and why.",
    "task_execution.scheduled": "A task waits for a worker, or for its time.",
    "task_execution.retried": "The next attempt at a task waits: why the one before failed.",
    "task_execution.claimed": "A worker has it: which.",
    "task_execution.handed_back": "Its worker will not finish it: the same attempt waits again.",
    "task_execution.heartbeat_lost": "Its worker gave no sign of life for as long as its lease.",
    "task_execution.timed_out": "It took too long, or no worker came.",
    "task_execution.completed": "It has ended well.",
    "task_execution.failed": "It has failed: why.",
    "task_execution.canceled": "It was stopped, because its job execution was.",
    "task_execution.answered": "Somebody answered a HUMAN: who.",
    "task_execution.skipped": "Somebody skipped a task, or a step, that waited: who.",
    "webhook.given_up": "A webhook was not told of its end, and will not be by itself: which, and why.",
    "step.begun": "A step of control flow begins: a loop, a fork's JOIN, a WAIT (until when), a HUMAN.",
    "step.completed": "A step of control flow has ended: what a SWITCH chose.",
    "step.failed": "A step of control flow has failed: why.",
    "step.skipped": "A step of control flow was skipped in the job execution that this one retries.",
    "step.canceled": "A step of control flow was stopped, because its job execution was.",
}
"""Every kind of thing that is told, and what it tells."""

_ENDS: Final = {
    "COMPLETED": ("completed", "has completed"),
    "COMPLETED_WITH_ERRORS": ("failed", "has failed, which it may"),
    "FAILED": ("failed", "has failed"),
    "FAILED_WITH_TERMINAL_ERROR": ("failed", "has failed for good"),
    "TIMED_OUT": ("timed_out", "has timed out"),
    "CANCELED": ("canceled", "was stopped"),
    "SKIPPED": ("skipped", "was skipped"),
}


async def timeline(store: Store, account_id: str, id: str, part: Part) -> list[tuple[Place, Told]]:
    """What happened in a job execution, each with its place, oldest first; `part` goes on after a `place_cursor`.

    Raises:
        NotFound: there is no such job execution.
    """
    after = BEGINNING if part.cursor is None else place_of(part.cursor)

    async def work(reads: Reads) -> list[tuple[Place, Told]]:
        execution = await job_execution_of(reads, account_id, id)
        accounts = (account_id, execution.job_account_id)
        most = part.offset + part.limit
        moments = await reads.moments_of_execution(accounts, id, after, most)
        found: list[tuple[Place, MomentRecord | str]] = [((one.at, one.phase, one.seq), one) for one in moments]
        found += [(place, kind) for place, kind in _own(execution) if place > after]
        chosen = sorted(found, key=lambda one: one[0])[part.offset : most]
        return await _told(reads, execution, chosen)

    return await store.read(work)


def place_cursor(place: Place) -> str:
    """Where a timeline goes on after this place.

    >>> place_cursor((1_700_000_000_000, 4, 17)), place_of(place_cursor((1_700_000_000_000, 4, 17)))
    ('018bcfe56800400000000011', (1700000000000, 4, 17))
    """
    at, phase, seq = place
    return f"{at:012x}{phase:x}{seq:011x}"


def place_of(cursor: str) -> Place:
    """The place that a cursor names."""
    return int(cursor[:12], 16), int(cursor[12], 16), int(cursor[13:24], 16)


def _own(execution: JobExecutionRecord) -> Iterable[tuple[Place, str]]:
    """What the row of the job execution itself tells."""
    yield (execution.created_at, 0, 0), "job_execution.launched"
    if execution.started_at is None or execution.started_at > execution.created_at:
        yield (execution.created_at, 0, 1), "job_execution.queued"
    if execution.started_at is not None:
        yield (execution.started_at, 0, 2), "job_execution.started"
    if execution.ended_at is not None:
        yield (execution.ended_at, 7, 0), "job_execution.ended"


async def _told(
    reads: Reads, execution: JobExecutionRecord, chosen: list[tuple[Place, MomentRecord | str]]
) -> list[tuple[Place, Told]]:
    """These moments in words, with what is to be read for that: as much as they need."""
    moments = [one for _, one in chosen if isinstance(one, MomentRecord)]
    event_ids = [one.id for one in moments if one.what == "event"]
    events = {one.id: one for one in await reads.events_by_id(event_ids)} if event_ids else {}
    ids = {one.id for one in moments if one.what != "event"} | {
        one.object_id for one in events.values() if one.object_id != execution.id
    }
    rows = {one.id: one for one in await reads.told_task_executions(sorted(ids))} if ids else {}
    if execution.is_guests:
        rows = {id: told_to_guest(row) for id, row in rows.items()}
    keys = {one.key_id for one in events.values()} | {execution.launched_by}
    titles = await reads.key_titles(execution.account_id, sorted(keys - {""}))
    of_id = await _runs_again(reads, execution) if "job_execution.launched" in (one for _, one in chosen) else None
    told: list[tuple[Place, Told]] = []
    for place, moment in chosen:
        if isinstance(moment, str):
            told.append((place, _of_execution(moment, place[0], execution, titles, of_id)))
        elif moment.what == "event":
            told.append((place, _of_event(events[moment.id], execution, rows, titles)))
        else:
            told.append((place, _of_task(moment, rows[moment.id])))
    return told


async def _runs_again(reads: Reads, execution: JobExecutionRecord) -> str | None:
    """Which job execution this one runs again."""
    if execution.origin not in ("RERUN", "RETRY"):
        return None
    links = await reads.links_of([execution.id])
    return next((one.of_id for one in links if one.id == execution.id), None)


def _of_execution(
    kind: str, at: int, execution: JobExecutionRecord, titles: Mapping[str, str], of_id: str | None
) -> Told:
    match kind:
        case "job_execution.launched":
            by = _by(execution.launched_by, execution.launched_from or "", execution.origin, titles)
            way = "" if by.key_id is None else f" ({by.origin}{f' of {of_id}' if of_id else ''})"
            return Told(at=at, kind=kind, message=f"Launched {by}{way}.", by=by)
        case "job_execution.queued":
            return Told(at=at, kind=kind, message="It waits for a slot of its pipeline.")
        case "job_execution.started":
            waited = at - execution.created_at
            return Told(at=at, kind=kind, message=f"Started{f' after {span(waited)}' if waited else ''}.")
        case _:
            ran = "" if execution.started_at is None else f" after {span(at - execution.started_at)}"
            about, why = _why(execution.failure)
            return Told(at=at, kind=kind, message=f"{execution.status}{ran}{why}", status=execution.status, **about)


def _of_event(
    event: EventRecord, execution: JobExecutionRecord, rows: Mapping[str, ToldRecord], titles: Mapping[str, str]
) -> Told:
    detail = _detail.decode(event.detail)
    is_owners = event.account_id != execution.account_id
    by = By(event.origin, title=OWNER) if is_owners else _by(event.key_id, event.address, event.origin, titles)
    row = rows.get(event.object_id)
    about = {} if row is None else _about(row)
    name = "" if row is None else repr(row.path)
    reason = detail.get("reason")
    match event.kind:
        case "job_execution.canceled":
            message = f"Canceled {by}{f': {reason}' if reason else ''}."
        case "job_execution.paused" | "job_execution.resumed":
            done = "Paused" if event.kind.endswith("paused") else "Resumed"
            message = f"{done} {by}{f': {reason}' if reason else ''}."
        case "task_execution.skipped":
            message = f"The {'task' if row is None or row.task_id else row.type} {name} was skipped {by}."
        case "job_execution.rerun" | "job_execution.retried":
            how = "again" if event.kind.endswith("rerun") else "again from where it failed"
            message = f"Run {how} {by}, as {detail.get('as')}."
        case "task_execution.handed_back":
            worker = None if is_owners else detail.get("worker")
            had = detail.get("claimedAt")
            held = f", which had it for {span(event.at - had)}" if had is not None else ""
            message = f"The task {name} was handed back by {_worker(worker)}{held}."
            return Told(at=event.at, kind=event.kind, message=message, worker_id=worker, **about)
        case "task_execution.answered":
            message = f"The HUMAN {name} was answered {by}: {detail.get('status')}."
        case "webhook.given_up":
            message = f"The webhook to {detail.get('host')} was given up{f': {reason}' if reason else ''}."
            return Told(at=event.at, kind=event.kind, message=message, reason=reason)
        case _:
            message = f"{event.kind.replace('.', ' ').replace('_', ' ')} {by}{f': {reason}' if reason else ''}."
    return Told(at=event.at, kind=event.kind, message=message, by=by, reason=reason, **about)


def _of_task(moment: MomentRecord, row: ToldRecord) -> Told:
    match moment.what:
        case "claimed":
            message = f"{_worker(row.worker_id, 'A')} has the task {row.path!r}{_nth(row).rstrip(',')}."
            return _task(moment, row, "claimed", message, worker_id=row.worker_id)
        case "ended":
            return _ended(moment, row)
        case _ if not row.task_id:
            until = row.available_at
            wait = "" if until is None else f", for {span(until - moment.at)}"
            return _task(moment, row, "begun", f"The {row.type} {row.path!r} begins{wait}.", until=until)
        case _ if row.attempt > 1:
            about, why = _why(row.earlier_failure)
            wait = "" if row.available_at is None else f" in {span(row.available_at - moment.at)}"
            message = f"The task {row.path!r} is tried again{wait}, attempt {row.attempt}{why}"
            return _task(moment, row, "retried", message, until=row.available_at, **about)
        case _:
            return _task(moment, row, "scheduled", f"The task {row.path!r} waits for a worker.")


def _ended(moment: MomentRecord, row: ToldRecord) -> Told:
    kind, words = _ENDS[row.status]
    about, why = _why(row.failure or row.warning)
    if about.get("code") == "lease_expired":
        kind, words = "heartbeat_lost", f"is lost by {_worker(row.worker_id)}"
    what = f"The {'task' if row.task_id else row.type} {row.path!r}{_nth(row)}"
    if row.chosen is not None:
        words, why = f"chose the case {row.chosen!r}" if row.chosen else "chose no case", "."
    elif row.task_id and row.status == "COMPLETED" and row.started_at is not None:
        words = f"has completed in {span(moment.at - row.started_at)}"
    return _task(moment, row, kind, f"{what} {words}{why}", status=row.status, worker_id=row.worker_id, **about)


def _task(moment: MomentRecord, row: ToldRecord, kind: str, message: str, **more: Any) -> Told:
    owner = "task_execution" if row.task_id else "step"
    return Told(at=moment.at, kind=f"{owner}.{kind}", message=message, **_about(row), **more)


def _about(row: ToldRecord) -> dict[str, Any]:
    return {
        "task_reference_name": row.path,
        "task_execution_id": row.id,
        "task_id": row.task_id or None,
        "type": row.type,
        "attempt": row.attempt,
    }


def _nth(row: ToldRecord) -> str:
    return f", attempt {row.attempt}," if row.attempt > 1 else ""


def _why(failure: str | None) -> tuple[dict[str, Any], str]:
    """A failure as facts, and as the end of a sentence."""
    if failure is None:
        return {}, "."
    found = _failure.decode(failure)
    return {"code": found.code, "reason": found.message}, f": {found.message}"


def _worker(worker_id: str | None, article: str = "a") -> str:
    return f"{article} worker" if worker_id is None else f"{'The' if article == 'A' else 'the'} worker {worker_id!r}"


def _by(key_id: str, address: str, origin: str, titles: Mapping[str, str]) -> By:
    return By(origin=origin, key_id=key_id or None, title=titles.get(key_id), address=address or None)
