"""Errors on the wire: RFC 9457 problem documents, with the fields that clients of the platform look for."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import msgspec

from data_factory.model import errors
from data_factory.model.errors import DataFactoryError, Invalid, RateLimited

STATUS_OF: Final[dict[str, int]] = {
    errors.Invalid.code: 400,
    errors.Unauthorized.code: 401,
    errors.RoleNeeded.code: 403,
    errors.AccountDisabled.code: 403,
    errors.NotTheOperator.code: 403,
    errors.NotFound.code: 404,
    errors.NothingToDo.code: 404,
    "method_not_allowed": 405,
    errors.TooSlow.code: 408,
    errors.KeyTaken.code: 409,
    errors.TaskInUse.code: 409,
    errors.JobInactive.code: 409,
    errors.IdempotencyKeyReused.code: 409,
    errors.NotClaimed.code: 409,
    errors.NotForWorkers.code: 409,
    errors.LeaseLost.code: 409,
    errors.TaskExecutionEnded.code: 409,
    errors.TaskExecutionTimedOut.code: 409,
    errors.TaskExecutionCanceled.code: 409,
    errors.NotSkippable.code: 409,
    errors.JobExecutionEnded.code: 409,
    errors.JobExecutionNotEnded.code: 409,
    errors.NothingToRetry.code: 409,
    errors.VersionMismatch.code: 409,
    errors.FileGone.code: 409,
    errors.TaskGone.code: 409,
    errors.NoSecretKey.code: 409,
    errors.TooManyWebhooks.code: 409,
    errors.DeliveryPending.code: 409,
    errors.OperatorsAccount.code: 409,
    errors.FileInUse.code: 409,
    errors.ProjectNotEmpty.code: 409,
    errors.ProjectMisplaced.code: 409,
    errors.TooLarge.code: 413,
    errors.QuotaExceeded.code: 413,
    errors.RangeNotSatisfiable.code: 416,
    errors.RateLimited.code: 429,
    "internal_error": 500,
    errors.Unavailable.code: 503,
    errors.SecretUnreadable.code: 503,
    errors.OutcomeUnknown.code: 504,
}
"""The HTTP status of every code. A client may rely on both."""

PROBLEM_TYPES: Final = ("application/problem+json", "application/json")
"""The media types of an error, by preference."""

Headers = list[tuple[bytes, bytes]]

_RETRY_AFTER: Final = (b"retry-after", b"1")


class InternalError(DataFactoryError):
    """The platform failed to answer; its log says why. Nothing is known of what was asked: it is safe to try again."""

    code = "internal_error"


class MethodNotAllowed(DataFactoryError):
    """This method is not available here."""

    code = "method_not_allowed"
    status = 405


def problem(error: DataFactoryError, accept: str, request_id: bytes = b"") -> tuple[int, Headers, bytes]:
    """The answer to a refused request: status, headers and body.

    The media type is `application/problem+json`, unless the client asks for `application/json` and does not know it
    (the platform's generated client reads no other).
    """
    status = STATUS_OF[error.code]
    body = {
        "type": f"urn:data-factory:problem:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "message": error.message,
        "statusCode": status,
        "errors": error.errors if isinstance(error, Invalid) else (),
        "requestId": request_id.decode(),
    }
    plain = "application/json" in accept and "problem+json" not in accept
    headers = [(b"content-type", PROBLEM_TYPES[plain].encode())]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(_RETRY_AFTER)
    if isinstance(error, RateLimited):
        headers.append((b"retry-after", b"%d" % error.retry_after))
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'ApiKey header="X-Api-Key"'))
    return status, headers, msgspec.json.encode(body)
