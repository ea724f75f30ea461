"""Who asks for which task, and when they last did: noted now and then, so that one can be told that nobody does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final

from data_factory.model.errors import Unavailable
from data_factory.model.records import TaskPollRecord
from data_factory.service.clock import Clock
from data_factory.store.promises import Store

log = logging.getLogger(__name__)

EVERY_MS: Final = 30_000
"""How often at most it is written down that a task is asked for."""

SOON_S: Final = 0.1
"""What is noted within this is written together."""


class Polls:
    """Notes that workers ask for tasks. It costs a statement each half minute, and nothing while nobody asks."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._written: dict[str, int] = {}
        self._noted: dict[str, TaskPollRecord] = {}
        self._writing: asyncio.Task[None] | None = None

    def note(self, task_ids: Iterable[str], worker_id: str | None) -> None:
        """A worker asks for these tasks."""
        now = self._clock()
        for id in task_ids:
            if now - self._written.get(id, -EVERY_MS) >= EVERY_MS:
                self._written[id] = now
                self._noted[id] = TaskPollRecord(id, now, worker_id)
        if self._noted and self._writing is None:
            self._writing = asyncio.create_task(self._write_soon())

    async def stop(self) -> None:
        """Write no more."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait([self._writing])

    async def _write_soon(self) -> None:
        try:
            while self._noted:  # again if somebody asked while the last ones were written
                await asyncio.sleep(SOON_S)
                await self._write()
        except Unavailable as error:  # the next poll is noted half a minute later
            log.info("the polls of workers could not be noted: %s", error)
        finally:
            self._writing = None

    async def _write(self) -> None:
        rows = sorted(self._noted.values(), key=lambda row: row.task_id)
        self._noted = {}
        await self._store.write(lambda transaction: transaction.note_polls(rows))
