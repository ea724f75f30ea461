"""The errors that the platform states: a code that does not change, and a message that says something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data_factory.model import errors
from data_factory.model.errors import DataFactoryError, FieldError, Invalid, NotFound


def all_errors(base: type[DataFactoryError] = DataFactoryError) -> Iterator[type[DataFactoryError]]:
    yield base
    for error in base.__subclasses__():
        yield from all_errors(error)


OURS = sorted(
    {error for error in all_errors() if error.__module__ == errors.__name__}, key=lambda error: error.__name__
)


@pytest.mark.parametrize("error", OURS)
def test_the_default_message_is_the_first_line_of_the_docstring(error: type[DataFactoryError]) -> None:
    assert error().message == (error.__doc__ or "").splitlines()[0] != ""


@pytest.mark.parametrize("error", OURS)
def test_a_message_of_its_own_wins(error: type[DataFactoryError]) -> None:
    assert error("No.").message == str(error("No.")) == "No."


def test_every_error_has_a_code_of_its_own() -> None:
    assert len({error.code for error in OURS}) == len(OURS)


def test_the_codes_that_clients_rely_on() -> None:
    assert {error.code for error in OURS} == {
        "error",
        "invalid",
        "not_found",
        "nothing_to_do",
        "unauthorized",
        "forbidden",
        "role_needed",
        "rate_limited",
        "account_disabled",
        "not_the_operator",
        "operators_account",
        "conflict",
        "key_taken",
        "task_in_use",
        "job_inactive",
        "idempotency_key_reused",
        "not_claimed",
        "not_for_workers",
        "lease_lost",
        "task_execution_ended",
        "task_execution_timed_out",
        "task_execution_canceled",
        "job_execution_ended",
        "job_execution_not_ended",
        "nothing_to_retry",
        "version_mismatch",
        "file_gone",
        "task_gone",
        "not_skippable",
        "too_large",
        "unavailable",
        "outcome_unknown",
        "file_in_use",
        "delivery_pending",
        "project_misplaced",
        "project_not_empty",
        "too_many_webhooks",
        "no_secret_key",
        "secret_unreadable",
        "quota_exceeded",
        "range_not_satisfiable",
        "too_slow",
    }


def test_nothing_to_do_is_a_kind_of_not_found() -> None:
    assert issubclass(errors.NothingToDo, NotFound)


def test_the_message_of_what_is_invalid_names_the_first_five_fields() -> None:
    wrong = tuple(FieldError(f"tasks[{number}].name", "is wrong") for number in range(7))
    assert Invalid(errors=wrong).message.count("is wrong") == 5
    assert Invalid(errors=wrong).errors == wrong


def test_an_error_of_the_whole_body_has_no_path() -> None:
    assert Invalid(errors=(FieldError("", "is no JSON"),)).message == "is no JSON"


def test_invalid_without_fields_still_says_something() -> None:
    assert Invalid().message == "The request is not valid."
