"""Who follows what happens: of each account that is followed, which rows have changed of late, in their order.

A change is the name of a row, not what became of it: who follows reads the row as it is now. So nothing is told that is
not so, many changes of one row are told as one to who reads slowly, and what is kept here has a bound. While nobody
follows anything, no transaction does anything for it.

Servers on one database tell each other which accounts are followed, and then of the changes. One that has just heard of
it answers with a change of everything, `EVERYTHING`, because what it did a moment before was not told.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec

from data_factory.model.errors import Unavailable
from data_factory.service.clock import Clock
from data_factory.service.waiting_room import WaitingRoom

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0

JOB: Final = "j"
RESUMED: Final = "r"
TASK: Final = "t"
LOG: Final = "l"
"""The first letter of a change; the id of the row follows (of a log, that of its job execution). That a job execution
was resumed is a change of its own: its row does not say so afterwards."""

EVERYTHING: Final = "*"
"""Anything may have changed."""

REMEMBERED: Final = 10_000
"""How many changes of an account are remembered, for who comes back."""

LINGER_MS: Final = 5 * 60 * 1000
"""For how long after the last one has left an account is still followed: they may come back."""

RENEW_MS: Final = 30_000
FORGET_MS: Final = 90_000
"""How often others are told that an account is followed, and when they forget it if they are not."""


TIDY_MS: Final = 1_000
"""How often those who have gone are looked for, at the most."""


class Change(msgspec.Struct, frozen=True):
    """A row of an account that has changed; `far` if other servers are to be told."""

    account_id: str
    what: str
    far: bool


class Feed:
    """The latest changes of one account: each has a number, from 1 on. `token` tells it from an earlier feed."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(4)
        self.last = 0
        self.followers = 0
        self.left_at = 0
        self.told_at: int | None = None
        self._changes: deque[str] = deque(maxlen=REMEMBERED)

    def add(self, what: str) -> None:
        """Something has changed."""
        self._changes.append(what)
        self.last += 1

    def since(self, number: int) -> list[str] | None:
        """What has changed after this number, each once, in the order of its first change; None if that is not known
        any more, or anything may have changed."""
        missed = self.last - number
        if not 0 <= missed <= len(self._changes):
            return None
        found = list(dict.fromkeys(islice(self._changes, len(self._changes) - missed, None)))
        return None if EVERYTHING in found else found


class Feeds:
    """The feeds of the accounts that are followed here, and which accounts are followed elsewhere."""

    def __init__(
        self,
        room: WaitingRoom,
        clock: Clock,
        settle: Callable[[], Awaitable[object]],
        tell: Callable[[list[str]], Awaitable[object]],
    ) -> None:
        self._room = room
        self._clock = clock
        self._settle = settle
        self._tell = tell
        self._feeds: dict[str, Feed] = {}
        self._far: dict[str, int] = {}
        self._all_until = 0
        self._tidy_at = 0
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def is_empty(self) -> bool:
        """Whether nobody follows anything, as far as is known."""
        return not self._feeds and not self._far and not self._all_until

    def is_followed(self, account_id: str) -> bool | None:
        """Whether an account is followed: True if elsewhere, False if only here, None if nowhere."""
        now = self._clock()
        if now < self._all_until or now < self._far.get(account_id, 0):
            return True
        return False if account_id in self._feeds else None

    def changes(self, touched: Iterable[tuple[str, str]]) -> list[Change]:
        """Of pairs of an account and what has changed of it, those that anybody follows."""
        followed: dict[str, bool | None] = {}
        found: list[Change] = []
        for account_id, what in touched:
            if account_id not in followed:
                followed[account_id] = self.is_followed(account_id)
            if (far := followed[account_id]) is not None:
                found.append(Change(account_id, what, far))
        return found

    def publish(self, changes: Iterable[tuple[str, str]]) -> None:
        """Something has changed: who follows it here is woken. Also of nothing, now and then, while this is not empty:
        who has gone is forgotten, and from then on no transaction does anything for it."""
        woken: set[str] = set()
        for account_id, what in changes:
            if (feed := self._feeds.get(account_id)) is not None:
                feed.add(what)
                woken.add(account_id)
        for account_id in woken:
            self._room.wake(topic(account_id))
        self._tidy()

    def miss(self) -> None:
        """What others told may have been lost, and they may not know what is followed here, nor we what is there."""
        self._all_until = self._clock() + FORGET_MS
        for feed in self._feeds.values():
            feed.told_at = None
        self.publish([(account_id, EVERYTHING) for account_id in self._feeds])

    def hear(self, followed: Sequence[str], changes: Mapping[str, Sequence[str]]) -> None:
        """Another server follows these accounts, or these rows have changed there."""
        self.publish([(account_id, what) for account_id, each in changes.items() for what in each])
        now = self._clock()
        new = [account_id for account_id in followed if now >= self._far.get(account_id, 0)]
        self._far.update(dict.fromkeys(followed, now + FORGET_MS))
        self._tidy()
        if new:
            answer = asyncio.create_task(self._answer(new))
            self._answering.add(answer)
            answer.add_done_callback(self._answering.discard)

    async def stop(self) -> None:
        """Nobody is told anything any more."""
        for answer in self._answering:
            answer.cancel()
        if self._answering:
            await asyncio.wait(self._answering)

    async def _answer(self, account_ids: Sequence[str]) -> None:
        """What was done here just before it was known that somebody follows was not told: say so, once all of that has
        ended."""
        while True:
            try:
                await self._settle()
                await self._tell(list(map(_everything, account_ids)))
            except Unavailable as error:
                log.warning("followers elsewhere could not be told; trying again: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                return

    async def follow(self, account_id: str) -> Feed:
        """The feed of an account, from now on; every change that is committed after this returns is in it, or there is
        an `EVERYTHING` after it. Call `leave` in the end."""
        feed = self._feeds.get(account_id)
        if feed is None:
            feed = self._feeds[account_id] = Feed()
        feed.followers += 1
        try:
            if feed.told_at is None:
                await self._settle()
            await self.renew(account_id)
        except BaseException:
            self.leave(account_id)
            raise
        return feed

    async def renew(self, account_id: str) -> None:
        """Somebody still follows: the others are told again now and then."""
        feed, now = self._feeds[account_id], self._clock()
        if feed.told_at is None or now - feed.told_at >= RENEW_MS:
            await self._tell([_followed(account_id)])
            feed.told_at = now

    def leave(self, account_id: str) -> None:
        """Somebody follows no more."""
        feed = self._feeds[account_id]
        feed.followers -= 1
        feed.left_at = self._clock()

    def _tidy(self) -> None:
        now = self._clock()
        if now < self._tidy_at:
            return
        self._tidy_at = now + TIDY_MS
        self._far = {id: until for id, until in self._far.items() if now < until}
        for id in [id for id, feed in self._feeds.items() if not feed.followers and now - feed.left_at > LINGER_MS]:
            del self._feeds[id]
        if now >= self._all_until:
            self._all_until = 0


def topic(account_id: str) -> str:
    """What is waited on in the waiting room by who follows an account."""
    return f"events of {account_id}"


def _followed(account_id: str) -> str:
    return msgspec.json.encode({"followed": [account_id]}).decode()


def _everything(account_id: str) -> str:
    return msgspec.json.encode({"changes": {account_id: [EVERYTHING]}}).decode()
