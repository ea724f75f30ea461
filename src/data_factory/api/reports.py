"""The report of a job execution: an XML document in the form of the platform's reports, written as it is read."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from importlib import resources
from typing import Any, Final
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

import msgspec
from starlette.types import Send

from data_factory.api.call import Call
from data_factory.api.content import Content, Headers
from data_factory.api.presenting import iso
from data_factory.api.routing import Routes
from data_factory.model.errors import NotFound
from data_factory.model.records import LogRecord
from data_factory.model.resources import Failure
from data_factory.model.status import Severity
from data_factory.model.variables import shown
from data_factory.service.guests import as_launched
from data_factory.service.reports import Attempt, Report

routes: Final = Routes("Job executions")

SCHEMA_PATH: Final = "/schemas/report.xsd"
"""Where a server has the XML Schema of reports."""

WORST_FIRST: Final[tuple[Severity, ...]] = ("error", "warning", "info")

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_failure: Final = msgspec.json.Decoder(Failure)


class XmlReport(Content):
    """A report on its way, a part after the other: how long it is, nobody knows before.

    What fails on the way ends the connection before the end of the answer, so that nobody takes it for all of it.
    """

    media_type = "application/xml"
    in_parts = False

    def __init__(self, headers: Headers, parts: Callable[[], AsyncGenerator[bytes, None]]) -> None:
        self._said = headers
        self._parts = parts

    async def send(self, send: Send, headers: Headers, method: str) -> None:
        """Send it; nothing of it to who asks with HEAD."""
        await send({"type": "http.response.start", "status": 200, "headers": [*self._said, *headers]})
        if method != "HEAD":
            async with aclosing(self._parts()) as parts:
                async for part in parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def schema() -> bytes:
    """The XML Schema of reports."""
    return resources.files("data_factory.api").joinpath("report.xsd").read_bytes()


@routes.get("/job_executions/{id}/report", answer=XmlReport, errors=(NotFound,))
async def report_job_execution(call: Call) -> XmlReport:
    """Report on a job execution in XML: what came in, what was told of it, each attempt at each task, what came out."""
    report = await call.platform.executions.report_on(call.account_id, call.path["id"])

    async def parts() -> AsyncGenerator[bytes, None]:
        async with call.presence(1) as presence:
            async for part in written(report, call.platform.clock()):
                if presence.gone:
                    return
                yield part

    name = f'attachment; filename="report-{report.execution.id}.xml"'
    headers: Headers = [
        (b"content-type", XmlReport.media_type.encode()),
        (b"content-disposition", name.encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return XmlReport(headers, parts)


async def written(report: Report, now: int) -> AsyncGenerator[bytes, None]:
    """A report as it is at `now`, in UTF-8, a part after the other."""
    page = _Page()
    execution = as_launched(report.execution)
    page.begin(
        "Job-Report",
        {
            "job": report.job_key,
            "job-version": str(execution.job_version),
            "job-cid": execution.id,
            "title": execution.title,
            "status": execution.status,
            "origin": execution.origin,
            "reported-at": iso(now),
            "launched-at": iso(execution.created_at),
            **_span(execution.started_at, execution.ended_at),
        },
    )
    page.values("Input", shown(execution.input))
    page.failure("error", execution.failure)
    for severity in WORST_FIRST:
        async for logs in report.logs(severity):
            for log in logs:
                page.log(log)
            yield page.take()
    async for attempts in report.attempts():
        for attempt in attempts:
            page.attempt(attempt)
        yield page.take()
    page.values("Output", execution.output)
    page.end("Job-Report")
    yield page.take()


class _Page:
    """Writes XML, of which what there is can be taken."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self._xml = XMLGenerator(self._text, "utf-8", short_empty_elements=True)
        self._xml.startDocument()

    def take(self) -> bytes:
        """What was written since the last time."""
        written = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return written

    def begin(self, name: str, attributes: Mapping[str, str | None]) -> None:
        """Begin an element, with the attributes that have a value."""
        given = {key: allowed(value) for key, value in attributes.items() if value is not None}
        self._xml.startElement(name, AttributesImpl(given))

    def end(self, name: str) -> None:
        """End it."""
        self._xml.endElement(name)

    def values(self, name: str, payload: str) -> None:
        """An element for each member of an object that is kept as JSON: a text as it is, the rest as JSON."""
        for key, value in msgspec.json.decode(payload).items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            self._element(name, {"name": key, "type": _type(value)}, text)

    def failure(self, type: Severity, failure: str | None) -> None:
        """A log that says why something did not complete."""
        if failure is not None:
            found = _failure.decode(failure)
            reference = found.task_reference_name
            self._log({"type": type, "code": found.code, "task-reference-name": reference}, found.message)

    def log(self, log: LogRecord) -> None:
        """What a task has told."""
        about = {"type": log.severity, "at": iso(log.logged_at), "task-cid": log.task_execution_id}
        format = None if log.message_type == "DEFAULT" else log.message_type
        self._log({**about, "emitter": log.emitter_name or None}, log.message, format)

    def attempt(self, attempt: Attempt) -> None:
        """An attempt at a task, as the platform's tasks report on themselves."""
        row = attempt.row
        begun = row.started_at if row.task_id else row.created_at
        about = {
            "task": attempt.task_key or None,
            "type": row.type,
            "task-reference-name": row.path,
            "task-cid": row.id,
            "job-cid": row.job_execution_id,
            "attempt": str(row.attempt),
            "status": row.status,
            "worker": row.worker_id,
            "scheduled-at": iso(row.created_at),
        }
        self.begin("Report", {**about, **_span(begun, row.ended_at)})
        self.values("Input", shown(row.input))
        self.failure("error", row.failure)
        self.failure("warning", row.warning)
        self.values("Output", row.output)
        self.end("Report")

    def _log(self, attributes: Mapping[str, str | None], message: str, format: str | None = None) -> None:
        self.begin("Log", attributes)
        self._element("Message", {"format": format}, message)
        self.end("Log")

    def _element(self, name: str, attributes: Mapping[str, str | None], text: str) -> None:
        self.begin(name, attributes)
        self._xml.characters(allowed(text))
        self.end(name)


def allowed(text: str) -> str:
    """A text with `U+FFFD` for each character that no XML document may have.

    >>> allowed("a bell \\x07 and a tab \\t")
    'a bell � and a tab \\t'
    """
    return _FORBIDDEN.sub("\ufffd", text)


def _span(begun: int | None, ended: int | None) -> dict[str, str | None]:
    """From when to when something took, and how long."""
    if begun is None:
        return {"end-at": None if ended is None else iso(ended)}
    if ended is None:
        return {"start-at": iso(begun)}
    return {"start-at": iso(begun), "end-at": iso(ended), "duration-ms": str(max(0, ended - begun))}


def _type(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case None:
            return "null"
        case list():
            return "array"
        case _:
            return "object"
