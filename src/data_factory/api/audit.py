"""The audit: who did what, when and from where. For admins only."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from data_factory.api.call import Call
from data_factory.api.presenting import Wire, iso
from data_factory.api.routing import PAGING, Query, Routes
from data_factory.model.errors import FieldError, Invalid
from data_factory.model.events import KINDS
from data_factory.model.records import EventRecord
from data_factory.model.resources import Deed, Page
from data_factory.service.audit import Sought

routes: Final = Routes("Audit")

_TIME: Final = {"type": "string", "format": "date-time"}


@routes.get(
    "/audit",
    answer=Page[Deed],
    query=(
        *(one for one in PAGING if one.name != "page"),
        Query("actor", "Only what was done by the API key with this id."),
        Query("action", "Only this action, such as `job.published`, or all of one sort, such as `job`."),
        Query("object", "Only what was done to the thing with this id."),
        Query("since", "Only what was done then or later.", _TIME),
        Query("until", "Only what was done before then.", _TIME),
    ),
)
async def list_audit(call: Call) -> Wire:
    """List what people have done, newest first. A part may have fewer than `size`, and still a `nextCursor`."""
    part, cursor = call.part(), call.query("cursor")
    sought = Sought(
        key_id=call.query("actor"),
        kind=_action(call),
        object_id=call.query("object"),
        since=_time(call, "since"),
        until=_time(call, "until"),
    )
    found = await call.platform.audit.find(call.account_id, sought, cursor, part.limit - 1)
    return {
        "object": "list",
        "data": [present_deed(event, found.titles) for event in found.events],
        "page": 0,
        "size": part.limit - 1,
        "nextCursor": found.cursor,
    }


def _action(call: Call) -> str | None:
    """What is asked for, if there is such a thing: that nobody did what is misspelt is no answer."""
    said = call.query("action")
    if said is None or said in KINDS:
        return said
    sort = said.partition(".")[0]
    of_sort = sorted(kind for kind in KINDS if kind.startswith(f"{sort}."))
    if said == sort and of_sort:
        return said
    expected = of_sort or sorted({kind.partition(".")[0] for kind in KINDS})
    raise Invalid(errors=(FieldError("action", f"expected one of {', '.join(expected)}"),))


def _time(call: Call, name: str) -> int | None:
    said = call.query(name)
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said)
        if at.tzinfo is None:
            raise ValueError
        return int(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        wrong = FieldError(name, "expected a time with a zone, such as 2026-11-28T20:00:00Z")
        raise Invalid(errors=(wrong,)) from None


def present_deed(event: EventRecord, titles: dict[str, str]) -> Wire:
    """A `Deed`."""
    by = {"origin": event.origin, "keyId": event.key_id, "address": event.address}
    if event.key_id in titles:
        by["title"] = titles[event.key_id]
    return {
        "object": "audit_event",
        "id": event.id,
        "createdAt": iso(event.at),
        "action": event.kind,
        "objectId": event.object_id,
        "jobExecutionId": event.job_execution_id,
        "by": by,
        "detail": msgspec.Raw(event.detail.encode()),
    }
