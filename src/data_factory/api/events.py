"""What happens, as it happens: server-sent events."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from typing import Final

import msgspec
from starlette.types import Send

from data_factory.api.call import Call
from data_factory.api.content import Content, Headers
from data_factory.api.presenting import Wire, present_job_execution, present_log, present_task_execution
from data_factory.api.problems import problem
from data_factory.api.routing import Query, Routes, respond
from data_factory.model.errors import (
    AccountDisabled,
    FieldError,
    Invalid,
    NotFound,
    RoleNeeded,
    Unauthorized,
    Unavailable,
)
from data_factory.model.records import JobExecutionRecord, LogRecord, TaskExecutionRecord
from data_factory.model.resources import Event
from data_factory.service.following import Told, Wanted

log = logging.getLogger(__name__)

routes: Final = Routes("Events")

KINDS: Final = ("job_execution", "task_execution", "log")
DEFAULT_KINDS: Final = "job_execution,task_execution"

SEND_S: Final = 60.0
"""How long somebody may take to read what they are sent before they are left: what they miss, they are told when they
come back."""

EXAMPLE: Final = """\
id: 5f0c9a1e.42.
event: job_execution.ended
data: {"object":"job_execution","id":"01a2b3c4d5e6f708192a3b4c","status":"COMPLETED"}

: nothing new

"""
"""Of an answer; the data has all the other fields, too."""

_HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_encode: Final = msgspec.json.Encoder().encode


class Stream(Content):
    """An answer that goes on until nobody reads it, or nothing more can happen."""

    def __init__(self, call: Call, wanted: Wanted) -> None:
        self.status = 200
        self._call = call
        self._wanted = wanted

    async def send(self, send: Send, headers: Headers, method: str) -> None:  # noqa: ARG002
        """Send what happens."""
        following = self._call.platform.following
        begun = False
        try:
            async with self._call.presence(1) as presence, aclosing(following.follow(self._wanted, presence)) as events:
                async for told in events:
                    if not begun:  # from here on nothing is missed, and who waits for the answer may count on it
                        await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS, *headers]})
                        begun = True
                    if not await self._may_go_on():
                        break
                    body = b"".join(map(written, told)) or b": nothing new\n\n"
                    async with asyncio.timeout(SEND_S):
                        await send({"type": "http.response.body", "body": body, "more_body": True})
        except TimeoutError:
            log.info("a follower of events did not read what it was sent for %g seconds, and is left", SEND_S)
        except (Unavailable, Unauthorized, AccountDisabled) as error:
            if not begun:
                status, own, refusal = problem(error, self._call.header(b"accept"), self._call.id)
                await respond(send, status, own + headers, refusal)
                return
            log.warning("followers of events are left, and will come back: %s", error)
        if begun:
            await send({"type": "http.response.body", "body": b""})

    async def _may_go_on(self) -> bool:
        """Whether the key is still valid."""
        try:
            await self._call.authenticate(EVENT_ROLES)
        except (Unauthorized, RoleNeeded, AccountDisabled):
            return False
        return True


@routes.get(
    "/events",
    answer=Event,
    streams=EXAMPLE,
    takes=True,
    errors=(NotFound,),
    query=(
        Query("jobExecutionId", "Only what happens to this job execution."),
        Query("kinds", f"What to tell, with commas: of {', '.join(KINDS)}, and of their events. [{DEFAULT_KINDS}]"),
        Query("lastEventId", "As the header `Last-Event-ID`: go on after this event."),
    ),
)
async def follow_events(call: Call) -> Content:
    """Follow what happens, as server-sent events (`text/event-stream`)."""
    execution_id = call.query("jobExecutionId")
    kinds = frozenset((call.query("kinds") or DEFAULT_KINDS).split(","))
    if unknown := sorted(kind for kind in kinds if kind.partition(".")[0] not in KINDS):
        raise Invalid(errors=(FieldError("kinds", f"{unknown[0]!r} is none of {', '.join(KINDS)}"),))
    if "log" in kinds and execution_id is None:
        raise Invalid(errors=(FieldError("kinds", "logs are told of one job execution only: give its jobExecutionId"),))
    cursor = call.header(b"last-event-id") or call.query("lastEventId") or ""
    wanted = Wanted(call.account_id, execution_id, kinds, cursor[:200])
    await call.platform.following.check(wanted)
    return Stream(call, wanted)


EVENT_ROLES: Final = routes.endpoints[0].roles


def written(told: Told) -> bytes:
    """One event as it is sent.

    >>> written(Told("resync", None, "a.1."))
    b'id: a.1.\\nevent: resync\\ndata: null\\n\\n'
    """
    if told.kind is None:
        return b"id: %s\n\n" % told.cursor.encode()
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (told.cursor.encode(), told.kind.encode(), _encode(_shown(told)))


def _shown(told: Told) -> Wire | None:
    match told.subject:
        case JobExecutionRecord() as execution:
            return _short(present_job_execution(execution))
        case TaskExecutionRecord() as execution:
            return _short(present_task_execution(execution))
        case LogRecord() as log:
            return present_log(log)
        case None:
            return None


def _short(shown: Wire) -> Wire:
    return {name: value for name, value in shown.items() if name not in ("input", "output", "variables")}
