from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from data_factory.client import ApiError, BadRequest, NotFound, RateLimited, ServerFailed, TooLarge, Unauthorized
from data_factory.client.call import Call, Reply
from data_factory.client.errors import from_reply, retry_after

CALL = Call(method="GET", path="/v1/data_factory/tasks/x", result=dict)
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


def error(status: int, body: Any = b"", **headers: str) -> ApiError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return from_reply(CALL, Reply(status=status, headers=named, body=raw), "http://host", NOW)


def test_a_problem_document_gives_code_message_and_fields() -> None:
    problem = {
        "type": "about:blank", "title": "Invalid", "status": 400, "detail": "key: too long", "code": "invalid",
        "message": "key: too long", "statusCode": 400, "errors": [{"path": "key", "message": "too long"}],
    }  # fmt: skip
    caught = error(400, problem)
    assert isinstance(caught, BadRequest)
    assert (caught.status, caught.code, caught.message) == (400, "invalid", "key: too long")
    assert [(field.path, field.message) for field in caught.errors] == [("key", "too long")]
    assert str(caught) == "key: too long [GET /v1/data_factory/tasks/x: 400 invalid]"


def test_the_hosted_platform_and_its_lists_of_messages() -> None:
    caught = error(400, {"statusCode": 400, "message": ["key must be set", "id must be set"], "error": "Bad Request"})
    assert caught.message == "key must be set; id must be set"


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, Unauthorized, "unauthorized"), (403, Unauthorized, "forbidden"), (404, NotFound, "not_found"),
        (405, NotFound, "method_not_allowed"), (413, TooLarge, "too_large"), (429, RateLimited, "rate_limited"),
        (502, ServerFailed, "server_error"), (503, ServerFailed, "unavailable"), (418, ApiError, "error"),
    ],
)  # fmt: skip
def test_each_status_has_its_class(status: int, kind: type[ApiError], code: str) -> None:
    caught = error(status)
    assert type(caught) is kind
    assert caught.code == code


def test_an_error_has_the_name_of_its_request_and_says_it_where_the_server_failed() -> None:
    assert error(404, x_request_id="3f-1").request_id == "3f-1"
    assert "3f-1" not in str(error(404, x_request_id="3f-1"))
    assert str(error(503, {"message": "later"}, x_request_id="3f-1")) == (
        "later [GET /v1/data_factory/tasks/x: 503 unavailable, request 3f-1]"
    )
    assert error(502).request_id is None


def test_an_answer_that_is_no_problem_says_what_was_said_and_by_whom() -> None:
    caught = error(502, b"<html>\n <h1>Bad Gateway</h1>" + b"x" * 10_000)
    assert "http://host answered 502" in caught.message
    assert "<h1>Bad Gateway</h1>" in caught.message
    assert "proxy" in caught.message
    assert len(caught.message) < 400


def test_a_redirect_says_where_to() -> None:
    assert "points to https://host/" in error(301, b"", location="https://host/").message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("Thu, 01 Jan 2026 12:00:09 GMT", 9.0), ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0), ("soon", None)],
)
def test_retry_after_holds_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds
    assert error(429, b"", retry_after=header).retry_after == seconds
