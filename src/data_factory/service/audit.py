"""Who did what, when and from where: written in the transaction that does it, read by admins, swept when it is old."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Protocol

import msgspec

from data_factory.model.actors import Actor
from data_factory.model.errors import Unavailable
from data_factory.model.events import happened
from data_factory.model.ids import NewId
from data_factory.model.records import EventRecord
from data_factory.service.clock import Clock
from data_factory.service.paging import Part
from data_factory.store.promises import Reads, Store, Transaction

log = logging.getLogger(__name__)

DAY_MS: Final = 24 * 3600 * 1000
KEPT_DAYS: Final = 365
"""How long events are kept, unless it is told otherwise."""

AT_A_TIME: Final = 500
"""The most that one transaction sweeps, and that one read looks through."""

MOST_LOOKED_AT: Final = 5_000
"""The most that one answer looks through: then it ends early, and says where to go on."""

SWEEP_S: Final = 3600.0
RETRY_S: Final = 60.0


class Owned(Protocol):
    """A record of something that an account has."""

    @property
    def id(self) -> str: ...
    @property
    def account_id(self) -> str: ...


async def note(
    transaction: Transaction, kind: str, by: Actor, now: int, new_id: NewId, what: Owned, **detail: Any
) -> None:
    """Write down that somebody has done something to a thing; what the platform does by itself is no news."""
    await note_in(transaction, what.account_id, kind, by, now, new_id, what.id, **detail)


async def note_in(
    transaction: Transaction, account_id: str, kind: str, by: Actor, now: int, new_id: NewId, id: str, **detail: Any
) -> None:
    """Write down in the audit of an account that somebody has done something to the thing with this id."""
    if by.is_person:
        event = happened(kind, by, now, new_id, account_id=account_id, object_id=id, **detail)
        await transaction.insert_events([event])


class Sought(msgspec.Struct, frozen=True):
    """Which events are looked for: all that is given holds. `since` and `until` are times, the later one excluded."""

    key_id: str | None = None
    kind: str | None = None
    object_id: str | None = None
    since: int | None = None
    until: int | None = None

    def fits(self, event: EventRecord) -> bool:
        """Whether an event is one of them."""
        return (
            event.key_id != ""
            and self.key_id in (None, event.key_id)
            and self.object_id in (None, event.object_id)
            and (self.kind is None or event.kind == self.kind or event.kind.startswith(f"{self.kind}."))
            and (self.since is None or event.at >= self.since)
            and (self.until is None or event.at < self.until)
        )


class Found(msgspec.Struct, frozen=True):
    """A part of the audit, newest first; the titles of the keys in it; and where to go on, if there may be more."""

    events: list[EventRecord]
    titles: dict[str, str]
    cursor: str | None


class Audit:
    """What people have done, and the loop that forgets it in time; `kept_days` 0 keeps it for ever."""

    def __init__(self, store: Store, clock: Clock, kept_days: int = KEPT_DAYS) -> None:
        self._store = store
        self._clock = clock
        self._kept_ms = kept_days * DAY_MS
        self._loop: asyncio.Task[None] | None = None

    async def find(self, account_id: str, sought: Sought, cursor: str | None, size: int) -> Found:
        """What people have done, newest first. It looks through no more than `MOST_LOOKED_AT` events: there may be
        fewer than `size`, and more behind the cursor."""

        async def work(reads: Reads) -> Found:
            found: list[EventRecord] = []
            at, looked = cursor, 0
            while looked < MOST_LOOKED_AT and len(found) < size:
                some = await reads.events_of_account(account_id, Part(cursor=at, limit=AT_A_TIME))
                for event in some:
                    at, looked = event.id, looked + 1
                    if sought.fits(event):
                        found.append(event)
                    if len(found) == size:
                        break
                if len(found) < size and len(some) < AT_A_TIME:
                    at = None
                    break
            titles = await reads.key_titles(account_id, sorted({event.key_id for event in found}))
            return Found(found, titles, at)

        return await self._store.read(work)

    async def deeds(self, account_id: str, part: Part) -> list[tuple[EventRecord, dict[str, str]]]:
        """A part of all that people have done, newest first; with each, the titles of the keys in it."""

        async def work(reads: Reads) -> list[tuple[EventRecord, dict[str, str]]]:
            found = await reads.events_of_account(account_id, part)
            titles = await reads.key_titles(account_id, sorted({event.key_id for event in found}))
            return [(event, titles) for event in found]

        return await self._store.read(work)

    def start(self) -> None:
        """Begin to sweep."""
        if self._kept_ms:
            self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End the loop."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])

    async def run_once(self, now: int) -> None:
        """Forget all that is too old, a portion a transaction."""
        before = now - self._kept_ms
        while await self._store.write(lambda transaction: transaction.forget_events(before, AT_A_TIME)) == AT_A_TIME:
            pass

    async def _run(self) -> None:
        while True:
            try:
                await self.run_once(self._clock())
                await asyncio.sleep(SWEEP_S)
            except Unavailable as error:
                log.warning("old events could not be swept; trying again: %s", error)
                await asyncio.sleep(RETRY_S)
            except Exception:  # whatever it is, time goes on
                log.exception("old events could not be swept; trying again")
                await asyncio.sleep(RETRY_S)
