"""What is written down of what was done or has happened, where no other row says it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from data_factory.model.actors import Actor
from data_factory.model.ids import NewId
from data_factory.model.records import EventRecord

MAX_TEXT: Final = 500
"""How many characters of a text are kept in an event."""

KINDS: Final[dict[str, str]] = {
    "task.created": "a task was declared",
    "task.updated": "a task was changed",
    "task.deleted": "a task was deleted",
    "job.created": "a job was published for the first time",
    "job.published": "another version of a job was published",
    "job.scheduled": "the periodicity of a job was set",
    "job.paused": "the schedule of a job was paused",
    "job.resumed": "the schedule of a job was resumed",
    "pipeline.created": "a pipeline was made",
    "pipeline.updated": "a pipeline was changed",
    "job.shared": "a job was shared with another account",
    "job.unshared": "a job is not shared with another account any more",
    "project.created": "a project was made",
    "project.updated": "a project was renamed, moved or changed",
    "project.deleted": "a project was deleted",
    "webhook.created": "a webhook was made",
    "webhook.updated": "a webhook was changed",
    "webhook.deleted": "a webhook was deleted",
    "webhook.rotated": "a webhook was given a new secret",
    "webhook.tested": "a webhook was tried",
    "webhook.resent": "what a webhook is told was sent again",
    "account.created": "an account was made",
    "account.updated": "an account was given another title",
    "account.disabled": "an account was disabled",
    "account.enabled": "an account was enabled",
    "variable.created": "a variable was made",
    "variable.updated": "a variable was changed",
    "variable.deleted": "a variable was deleted",
    "api_key.created": "an API key was made",
    "api_key.revoked": "an API key was revoked",
    "file.created": "a file was uploaded",
    "file.deleted": "a file was deleted",
    "job_execution.canceled": "canceled",
    "job_execution.deleted": "deleted",
    "job_execution.purged": "many that ended long ago were deleted",
    "job_execution.rerun": "run again",
    "job_execution.retried": "retried",
    "job_execution.paused": "paused",
    "job_execution.resumed": "resumed",
    "pipeline.paused": "paused",
    "pipeline.resumed": "resumed",
    "task_execution.skipped": "skipped",
    "task_execution.handed_back": "handed back by its worker",
    "task_execution.answered": "a HUMAN was answered",
    "webhook.given_up": "a webhook was not told of an end",
}
"""Every kind of event, `object.what_happened`, in a few words. A new kind is one more line here."""


def happened(
    kind: str,
    by: Actor,
    now: int,
    new_id: NewId,
    *,
    account_id: str,
    object_id: str,
    job_execution_id: str | None = None,
    **detail: Any,
) -> EventRecord:
    """An event, to be kept in the transaction that does what it tells.

    `kind` is one of `KINDS`; `object_id` is what it was done to; `job_execution_id` puts it into the timeline of that
    job execution. `detail` is shown as it is: names, numbers and short texts, which are cut at `MAX_TEXT` characters;
    never a payload, and never the value of a variable.

    >>> from data_factory.model.actors import SYSTEM
    >>> event = happened("job_execution.canceled", SYSTEM, 7, lambda: "e1", account_id="a", object_id="x", reason="b")
    >>> event.kind, event.detail
    ('job_execution.canceled', '{"reason":"b"}')
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of event: see KINDS")
    said = {name: _cut(value) for name, value in detail.items() if value is not None}
    return EventRecord(
        id=new_id(),
        account_id=account_id,
        kind=kind,
        object_id=object_id,
        job_execution_id=job_execution_id,
        at=now,
        key_id=by.key_id,
        address=by.address,
        origin=by.origin,
        detail=msgspec.json.encode(said).decode(),
    )


def _cut(value: Any) -> Any:
    return value[:MAX_TEXT] + "…" if isinstance(value, str) and len(value) > MAX_TEXT else value
