"""How often and how late a failed task is tried again."""

from __future__ import annotations

from typing import Any

import pytest

from data_factory.engine.retry import MAX_DELAY_MS, retries_left, retry_delay_ms
from data_factory.model.definitions import RetryLogic, TaskDefinition


def delays(**settings: Any) -> list[int]:
    """The seconds before each of four retries."""
    task = TaskDefinition(key="work", **settings)
    return [retry_delay_ms(task, attempt) // 1000 for attempt in (1, 2, 3, 4)]


def test_nothing_is_retried_unless_its_author_says_so() -> None:
    assert not retries_left(TaskDefinition(key="work"), attempt=1)


@pytest.mark.parametrize(("attempt", "left"), [(1, True), (2, True), (3, False)])
def test_two_retries_are_two_attempts_after_the_first(attempt: int, left: bool) -> None:
    assert retries_left(TaskDefinition(key="work", retry_count=2), attempt) is left


def test_fixed_waits_the_same_each_time() -> None:
    assert delays(retry_logic="FIXED", retry_delay_seconds=5, backoff_scale_factor=3) == [5, 5, 5, 5]


def test_linear_waits_the_delay_times_the_factor_times_the_attempt() -> None:
    assert delays(retry_logic="LINEAR_BACKOFF", retry_delay_seconds=5, backoff_scale_factor=3) == [15, 30, 45, 60]


def test_linear_has_a_factor_of_1() -> None:
    assert delays(retry_logic="LINEAR_BACKOFF", retry_delay_seconds=5) == [5, 10, 15, 20]


def test_exponential_doubles_the_delay_each_time_and_knows_no_factor() -> None:
    assert delays(retry_logic="EXPONENTIAL_BACKOFF", retry_delay_seconds=5, backoff_scale_factor=3) == [5, 10, 20, 40]


@pytest.mark.parametrize("logic", ["FIXED", "LINEAR_BACKOFF", "EXPONENTIAL_BACKOFF"])
def test_without_a_delay_it_is_retried_at_once(logic: str) -> None:
    assert delays(retry_logic=logic, retry_delay_seconds=0) == [0, 0, 0, 0]


@pytest.mark.parametrize("logic", ["LINEAR_BACKOFF", "EXPONENTIAL_BACKOFF"])
def test_no_delay_is_longer_than_68_years(logic: RetryLogic) -> None:
    task = TaskDefinition(
        key="work", retry_count=1000, retry_logic=logic, retry_delay_seconds=10**7, backoff_scale_factor=1000
    )
    assert retry_delay_ms(task, attempt=1000) == MAX_DELAY_MS


def test_the_default_is_conductors() -> None:
    assert delays() == [60, 60, 60, 60]
