"""What a call can raise: one class for each thing that a program does differently about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from data_factory.client.call import Call, Lost, Reply
from data_factory.model.errors import DataFactoryError, FieldError


class ApiError(DataFactoryError):
    """A call of the API did not succeed.

    `status` is the HTTP status (0: no answer), `code` the stable code of the problem, `errors` what is wrong with
    which field, `retry_after` the seconds that the server asks to wait, `request_id` how the server calls the request,
    in its log as well.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "error",
        errors: tuple[FieldError, ...] = (),
        retry_after: float | None = None,
        request: str = "",
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.errors = errors
        self.retry_after = retry_after
        self.request = request
        self.request_id = request_id

    def __str__(self) -> str:
        named = f", request {self.request_id}" if self.request_id and self.status >= 500 else ""
        asked = f" [{self.request}: {self.status or 'no answer'} {self.code}{named}]" if self.request else ""
        return f"{self.message}{asked}"


class BadRequest(ApiError):
    """The server does not accept what was sent: `errors` names each wrong field."""


class Unauthorized(ApiError):
    """The API key is missing, unknown or not allowed to do this."""


class NotFound(ApiError):
    """There is no such resource, or the server does not know the path."""


class Conflict(ApiError):
    """The request does not fit the present state: `code` says how."""


class TooLarge(ApiError):
    """What was sent is larger than the server accepts."""


class RateLimited(ApiError):
    """Too many requests: `retry_after` says when to go on."""


class ServerFailed(ApiError):
    """The server, or a proxy before it, could not answer."""


class NotUnderstood(ApiError):
    """The answer is not one of a Data Factory: is the address right?"""


class ConnectionFailed(ApiError):
    """No answer came. `sent` false says that the server cannot have acted on the request."""

    def __init__(self, message: str, *, sent: bool, request: str = "") -> None:
        super().__init__(message, code="connection_failed", request=request)
        self.sent = sent


_CLASSES: Final[dict[int, type[ApiError]]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    405: NotFound,
    409: Conflict,
    413: TooLarge,
    422: BadRequest,
    429: RateLimited,
}
_CODES: Final = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    429: "rate_limited",
    503: "unavailable",
}
_EXCERPT: Final = 200


def from_lost(call: Call[Any], lost: Lost, base_url: str) -> ConnectionFailed:
    """The error for a call that got no answer."""
    how = "no answer from" if lost.sent else "cannot connect to"
    return ConnectionFailed(f"{how} {base_url}: {lost.reason}", sent=lost.sent, request=_request(call))


def from_reply(call: Call[Any], reply: Reply, base_url: str, now: datetime | None = None) -> ApiError:
    """The error that an answer states, whether as a problem document or in any other way."""
    status = reply.status
    kind = _CLASSES.get(status, ServerFailed if status >= 500 else NotUnderstood if status < 400 else ApiError)
    document = _document(reply)
    return kind(
        _message(document) or _unexplained(reply, base_url),
        status=status,
        code=_text(document.get("code")) or _CODES.get(status, "server_error" if status >= 500 else "error"),
        errors=_field_errors(document.get("errors")),
        retry_after=retry_after(reply.headers.get("retry-after"), now or datetime.now(UTC)),
        request=_request(call),
        request_id=reply.headers.get("x-request-id"),
    )


def not_understood(call: Call[Any], reply: Reply, base_url: str, reason: str) -> NotUnderstood:
    """The error for a good status with an answer that is not what the API gives."""
    kind = reply.headers.get("content-type", "no content type")
    return NotUnderstood(
        f"{base_url} answered something that is not the answer of a Data Factory ({kind}; {reason}): is the address "
        "right?",
        status=reply.status,
        code="not_understood",
        request=_request(call),
        request_id=reply.headers.get("x-request-id"),
    )


def retry_after(header: str | None, now: datetime) -> float | None:
    """The seconds that a `Retry-After` asks for, which holds seconds or a date; None without one.

    >>> retry_after("7", datetime.now(UTC))
    7.0
    """
    if header is None:
        return None
    text = header.strip()
    if text.isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds())


def _request(call: Call[Any]) -> str:
    return f"{call.method} {call.path}"


def _document(reply: Reply) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def _message(document: Mapping[str, Any]) -> str:
    for name in ("detail", "message", "title", "error"):
        value = document.get(name)
        if isinstance(value, list):
            value = "; ".join(item for item in value if isinstance(item, str))
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _unexplained(reply: Reply, base_url: str) -> str:
    if 300 <= reply.status < 400 and "location" in reply.headers:
        return f"{base_url} answered {reply.status} and points to {reply.headers['location']}: is the address right?"
    words = " ".join(reply.body[: _EXCERPT * 4].decode("utf-8", "replace").split())
    said = f"{words[:_EXCERPT]!r}" if words else "nothing"
    return f"{base_url} answered {reply.status} and said {said}; a Data Factory would say why: is a proxy in between?"


def _field_errors(value: Any) -> tuple[FieldError, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        FieldError(path=_text(item.get("path")), message=_text(item.get("message")))
        for item in value
        if isinstance(item, dict)
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
