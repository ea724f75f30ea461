"""What the processes on one store tell each other: whom to wake, when to look at the clock, which keys have ended."""

from __future__ import annotations

from collections import Counter  # noqa: F401 - for the example
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

import msgspec

from data_factory.service.effects import Effects

T = TypeVar("T")

_A_LINE: Final = 150
"""How many ids fit into a line, with a number each."""

_SHORT: Final = {"claimable": "c", "ended": "e", "next_timer": "t", "deliveries": "d"}


class News(msgspec.Struct, frozen=True, omit_defaults=True, rename=_SHORT):
    """A line of news. `claimable` and the times as in `Effects`, `ended` the ids of what has; `revoked` are those of
    API keys, or of accounts, that may have ended; `followed` and `changes` are for `Feeds`."""

    claimable: dict[str, int] = {}
    ended: tuple[str, ...] = ()
    next_timer: int | None = None
    deliveries: int | None = None
    revoked: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()
    changes: dict[str, tuple[str, ...]] = {}

    def line(self) -> str:
        """The news as they are told."""
        return msgspec.json.encode(self).decode()


read: Final = msgspec.json.Decoder(News).decode


def of_effects(effects: Effects) -> list[str]:
    """What a transaction has done, for those who wait elsewhere; nothing when nobody can be waiting for it.

    >>> of_effects(Effects(claimable=Counter({"1": 2}), next_timer=7))
    ['{"c":{"1":2},"t":7}']
    >>> of_effects(Effects())
    []
    """
    lines = [News(claimable=dict(part)) for part in _parts(effects.claimable.items())]
    lines += [News(ended=part) for part in _parts(row.id for row in effects.ended)]
    if effects.next_timer is not None or effects.deliveries is not None:
        last = lines.pop() if lines else News()
        times = {"next_timer": effects.next_timer, "deliveries": effects.deliveries}
        lines.append(msgspec.structs.replace(last, **times))
    far: dict[str, list[str]] = {}
    for change in effects.changes:
        if change.far:
            far.setdefault(change.account_id, []).append(change.what)
    lines += [News(changes={id: part}) for id, each in far.items() for part in _parts(each)]
    return [news.line() for news in lines]


def of_timer(at: int | None) -> list[str]:
    """Something that comes due at this time.

    >>> of_timer(7), of_timer(None)
    (['{"t":7}'], [])
    """
    return [] if at is None else [News(next_timer=at).line()]


def of_deliveries(at: int) -> list[str]:
    """Webhooks that are to be told something at this time.

    >>> of_deliveries(7)
    ['{"d":7}']
    """
    return [News(deliveries=at).line()]


def of_revoked(ids: Sequence[str]) -> list[str]:
    """API keys, or accounts with all of theirs, that may not be valid any more.

    >>> of_revoked(["1"])
    ['{"revoked":["1"]}']
    """
    return [News(revoked=part).line() for part in _parts(ids)]


def _parts(values: Iterable[T]) -> Iterator[tuple[T, ...]]:
    left = iter(values)
    while part := tuple(islice(left, _A_LINE)):
        yield part
