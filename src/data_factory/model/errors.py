"""The errors that the platform states, each with a stable code.

One base; the first line of the docstring is the default message; `code` is what a client may rely on. The HTTP status
of each code is in one table, `data_factory.api.problems`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

import msgspec

MAX_ERRORS: Final = 100
MAX_SHOWN: Final = 500

_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


class FieldError(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that is wrong with what was sent.

    `path` is where: `tasks[0].inputParameters.power`, as one would write it in JavaScript; empty for the whole body.
    """

    path: str
    message: str


def member(path: str, key: str) -> str:
    """The path of a member of what stands at a path.

    >>> member("input", "power"), member("input", "a.b")
    ('input.power', 'input["a.b"]')
    """
    if not _IDENTIFIER.fullmatch(key):
        return f"{path}[{json.dumps(key, ensure_ascii=False)}]"
    return f"{path}.{key}" if path else key


def first_errors(errors: Iterable[FieldError]) -> tuple[FieldError, ...]:
    """What is told of all that is wrong: a hundred things, and that there is more if there is; long texts are cut.

    >>> [error.message for error in first_errors(FieldError(f"tasks[{n}]", "no") for n in range(1_000_000))][98:]
    ['no', 'no', 'and more: these are the first 100']
    """
    errors = iter(errors)
    first = islice(errors, MAX_ERRORS)
    told = [FieldError(cut(error.path, MAX_SHOWN), cut(error.message, MAX_SHOWN)) for error in first]
    if next(errors, None):
        told.append(FieldError("", f"and more: these are the first {MAX_ERRORS}"))
    return tuple(told)


def cut(text: str, length: int) -> str:
    """A text, or the beginning of one that is longer."""
    return text if len(text) <= length else f"{text[:length]}…"


class DataFactoryError(Exception):
    """Something went wrong."""

    code = "error"

    def __init__(self, message: str | None = None) -> None:
        doc = (type(self).__doc__ or "").strip().splitlines()
        super().__init__(message or doc[0])

    @property
    def message(self) -> str:
        """What went wrong and what to do, for a person."""
        return str(self.args[0])


class Invalid(DataFactoryError):
    """The request is not valid."""

    code = "invalid"

    def __init__(self, message: str | None = None, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(message or _summary(errors) or None)
        self.errors = errors


class NotFound(DataFactoryError):
    """There is no such resource in this account."""

    code = "not_found"


class NothingToDo(NotFound):
    """No execution of this task is waiting."""

    code = "nothing_to_do"


class Unauthorized(DataFactoryError):
    """The API key is missing or not valid: send it in the header X-Api-Key."""

    code = "unauthorized"


class Forbidden(DataFactoryError):
    """The API key may not do this."""

    code = "forbidden"


class RoleNeeded(Forbidden):
    """The role of the API key does not allow this."""

    code = "role_needed"


class AccountDisabled(Forbidden):
    """The account is disabled: ask whoever runs this platform."""

    code = "account_disabled"


class NotTheOperator(Forbidden):
    """Only an admin key of the first account, the operator's, may do this."""

    code = "not_the_operator"


class Conflict(DataFactoryError):
    """The request conflicts with the present state."""

    code = "conflict"


class KeyTaken(Conflict):
    """The key is already in use in this account."""

    code = "key_taken"


class TaskInUse(Conflict):
    """The task is used by jobs."""

    code = "task_in_use"


class JobInactive(Conflict):
    """The job is INACTIVE: set its status to ACTIVE to launch it."""

    code = "job_inactive"


class IdempotencyKeyReused(Conflict):
    """This Idempotency-Key was already used with another request."""

    code = "idempotency_key_reused"


class NotClaimed(Conflict):
    """The task execution is waiting: claim it before reporting on it."""

    code = "not_claimed"


class NotForWorkers(Conflict):
    """The platform itself carries this out: there is nothing to report on it."""

    code = "not_for_workers"


class LeaseLost(Conflict):
    """The lease on this task execution is lost: another worker holds it. Stop working on it."""

    code = "lease_lost"


class TaskExecutionEnded(Conflict):
    """The task execution has already ended with another result."""

    code = "task_execution_ended"


class TaskExecutionTimedOut(Conflict):
    """The task execution timed out; this attempt no longer counts. Stop working on it."""

    code = "task_execution_timed_out"


class TaskExecutionCanceled(Conflict):
    """The task execution was canceled with its job execution. Stop working on it."""

    code = "task_execution_canceled"


class NotSkippable(Conflict):
    """Only a task that waits can be skipped: for a worker, a retry, a time or a person."""

    code = "not_skippable"


class JobExecutionEnded(Conflict):
    """The job execution has already ended."""

    code = "job_execution_ended"


class JobExecutionNotEnded(Conflict):
    """The job execution has not ended yet."""

    code = "job_execution_not_ended"


class NothingToRetry(Conflict):
    """The job execution has completed: there is nothing in it to be tried again. Run it again with rerun."""

    code = "nothing_to_retry"


class VersionMismatch(Conflict):
    """What the job execution has done has no place in the newest version of the job."""

    code = "version_mismatch"


class FileGone(Conflict):
    """A file of the input is not there any more."""

    code = "file_gone"


class TaskGone(Conflict):
    """A task of this version of the job was deleted."""

    code = "task_gone"


class NoSecretKey(Conflict):
    """This server has no key to encrypt secrets with: start it with DATA_FACTORY_SECRET_KEY."""

    code = "no_secret_key"


class TooManyWebhooks(Conflict):
    """The account has as many webhooks as it may have: delete one that is not needed."""

    code = "too_many_webhooks"


class DeliveryPending(Conflict):
    """It is still to be sent: there is nothing to send again."""

    code = "delivery_pending"


class OperatorsAccount(Conflict):
    """This is the operator's account, the first one: nobody could enable it again."""

    code = "operators_account"


class FileInUse(Conflict):
    """The file is used by jobs."""

    code = "file_in_use"


class ProjectNotEmpty(Conflict):
    """There are jobs or projects in the project."""

    code = "project_not_empty"


class ProjectMisplaced(Conflict):
    """The project cannot be there: it would be in itself, or too deep."""

    code = "project_misplaced"


class TooLarge(DataFactoryError):
    """The request is too large."""

    code = "too_large"


class QuotaExceeded(DataFactoryError):
    """The files of the account have no room for this one: delete some first."""

    code = "quota_exceeded"


class RateLimited(DataFactoryError):
    """Too many requests with this API key: try again later."""

    code = "rate_limited"

    def __init__(self, message: str | None = None, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """In how many seconds the next request is let through."""


class TooSlow(DataFactoryError):
    """The rest of the request did not come in time: nothing of it was kept."""

    code = "too_slow"


class RangeNotSatisfiable(DataFactoryError):
    """The content has nothing in the range that was asked for."""

    code = "range_not_satisfiable"


class Unavailable(DataFactoryError):
    """The platform cannot store anything at the moment: try again."""

    code = "unavailable"


class SecretUnreadable(Unavailable):
    """A secret cannot be decrypted with the key that this server has."""

    code = "secret_unreadable"


class OutcomeUnknown(Unavailable):
    """It is not known yet whether this was done: look before you ask for it again."""

    code = "outcome_unknown"


def _summary(errors: tuple[FieldError, ...]) -> str:
    return "; ".join(f"{error.path}: {error.message}" if error.path else error.message for error in errors[:5])
