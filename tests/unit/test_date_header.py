"""The `Date` of an answer is that of its moment."""

from __future__ import annotations

from data_factory.api.date_header import DateHeader


def test_the_date_is_that_of_the_moment_at_which_an_answer_is_begun() -> None:
    now = [0.9]
    headers = DateHeader(lambda: now[0])
    assert headers + [(b"etag", b"1")] == [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT"), (b"etag", b"1")]
    now[0] = 86_400.0
    assert list(headers) == [(b"date", b"Fri, 02 Jan 1970 00:00:00 GMT")]
    now[0] = 59.999  # the clock was put back
    assert headers + [] == [(b"date", b"Thu, 01 Jan 1970 00:00:59 GMT")]


def test_it_is_written_once_a_second() -> None:
    headers = DateHeader(lambda: 5.5)
    first, second = list(headers), list(headers)
    assert first[0] is second[0]
