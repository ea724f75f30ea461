"""When a job is due by itself: at the times that its rules name, in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from cronsim import CronSim, CronSimError

from data_factory.model.definitions import PeriodicityRule
from data_factory.model.errors import FieldError

FIELDS: Final = 5


def periodicity_errors(rules: Sequence[PeriodicityRule]) -> Iterator[FieldError]:
    """What is wrong with the rules of a job, one by one."""
    now = datetime(2000, 1, 1, tzinfo=UTC)
    for index, rule in enumerate(rules):
        path = f"periodicity[{index}].cronExpression"
        if len(rule.cron_expression.split()) != FIELDS:
            yield FieldError(path, "needs five fields: minute, hour, day of the month, month, day of the week")
            continue
        try:
            comes = next(CronSim(rule.cron_expression, now), None)
        except (CronSimError, AssertionError, TypeError) as error:
            yield FieldError(path, f"is not a cron expression: {error}")
            continue
        if comes is None:
            yield FieldError(path, "names no time that ever comes")


def next_due(rules: Sequence[PeriodicityRule], after: int) -> int | None:
    """The first time after this one, of all rules that are enabled. Times are milliseconds since the epoch.

    >>> next_due([PeriodicityRule(cron_expression="0 6 * * 1")], 0)
    367200000
    """
    begin = datetime.fromtimestamp(after // 1000, UTC)
    times = (next(CronSim(rule.cron_expression, begin), None) for rule in rules if rule.is_enabled)
    return min((_ms(time) for time in times if time is not None), default=None)


def coming(rules: Sequence[PeriodicityRule], after: int, count: int) -> tuple[int, ...]:
    """The next so many times."""
    times: list[int] = []
    while len(times) < count and (following := next_due(rules, times[-1] if times else after)) is not None:
        times.append(following)
    return tuple(times)


def _ms(time: datetime) -> int:
    return int(time.timestamp()) * 1000
