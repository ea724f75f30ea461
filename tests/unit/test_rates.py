"""How many requests a key may send: never more than its rate, whatever the clock does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_factory.model.errors import RateLimited
from data_factory.model.rates import Rate, parse_rate
from data_factory.service.rates import Bucket, Rates, Room

NOW = 1_700_000_000_000

RATES = st.builds(Rate, st.integers(1, 50), st.sampled_from([1_000, 60_000, 3_600_000]))


def let_through(bucket: Bucket, now: int) -> bool:
    try:
        bucket.take(now)
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize("text", ["", "50", "0/min", "-1/s", "5/day", "50/min\n", "\u0665/min", "1000000/s", "5 / min"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        parse_rate(text)


@given(rate=RATES, steps=st.lists(st.integers(0, 100_000), max_size=150))
def test_no_more_than_twice_the_rate_in_any_window(rate: Rate, steps: Sequence[int]) -> None:
    """A full bucket, and what it fills with meanwhile."""
    bucket, now, passed = Bucket(rate), NOW, []
    for step in steps:
        now += step % rate.window_ms
        if let_through(bucket, now):
            passed.append(now)
    for first in passed:
        assert sum(first <= at < first + rate.window_ms for at in passed) <= 2 * rate.count


@given(rate=RATES, back=st.integers(0, 10**12))
def test_who_waits_as_long_as_told_is_let_through_though_the_clock_was_set_back(rate: Rate, back: int) -> None:
    bucket = Bucket(rate)
    assert all(let_through(bucket, NOW) for _ in range(rate.count))
    with pytest.raises(RateLimited) as refused:
        bucket.take(NOW - back)
    wait_ms = refused.value.retry_after * 1_000
    assert 0 < wait_ms <= max(rate.window_ms, 1_000)
    assert bucket.take(NOW - back + wait_ms).remaining < rate.count


def test_it_says_what_is_left() -> None:
    bucket = Bucket(parse_rate("50/min"))
    assert bucket.take(NOW) == Room(49, 2)
    for _ in range(49):
        bucket.take(NOW)
    assert bucket.room(NOW) == Room(0, 60)
    assert bucket.room(NOW + 1_199).remaining == 0
    assert bucket.room(NOW + 1_200).remaining == 1
    assert bucket.room(NOW + 60_000) == Room(50, 0)


def test_keys_have_a_bucket_each_and_full_ones_are_forgotten() -> None:
    rates, rate = Rates(most=2), Rate(1, 1_000)
    rates.bucket("a", rate, NOW).take(NOW)
    rates.bucket("b", rate, NOW)
    rates.bucket("c", rate, NOW).take(NOW)
    assert rates.bucket("a", rate, NOW).room(NOW).remaining == 0
    assert set(rates._buckets) == {"a", "c"}
    for number in range(10):  # however many are in use, each counts
        rates.bucket(str(number), rate, NOW).take(NOW)
        assert not let_through(rates.bucket(str(number), rate, NOW), NOW)
