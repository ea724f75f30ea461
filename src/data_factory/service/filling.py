"""The slots that a transaction has left free: who starts what waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from data_factory.model.errors import Unavailable
from data_factory.service.clock import Clock
from data_factory.service.commands import FillSlots
from data_factory.service.dispatcher import Dispatcher
from data_factory.service.setbacks import Setbacks
from data_factory.service.slots import next_to_start
from data_factory.store.promises import Store, Timer

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0


class Filling:
    """Starts what one transaction has left. Nobody else would, if nothing more happens in these pipelines."""

    def __init__(self, store: Store, dispatcher: Dispatcher, clock: Clock, note: Callable[[int], None]) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._setbacks = Setbacks(store, clock, note)
        self._unfilled: set[str] = set()
        self._loop: asyncio.Task[None] | None = None
        self._stopped = False

    def note(self, pipeline_ids: Iterable[str]) -> None:
        """These have free slots, and executions that wait for them."""
        self._unfilled.update(pipeline_ids)
        if self._unfilled and self._loop is None and not self._stopped:
            self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Start nothing more: the next start of the server fills what this leaves."""
        self._stopped = True
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])

    async def fill(self, pipeline_ids: Sequence[str]) -> None:
        """Start what waits in these pipelines; what cannot be started now is tried again.

        Raises:
            Unavailable: the store cannot keep anything.
        """
        try:
            await self._fill(pipeline_ids)
        except Unavailable:
            raise
        except Exception:
            log.exception("the slots of %d pipelines could not be filled; trying again", len(pipeline_ids))
            self.note(pipeline_ids)

    async def _fill(self, pipeline_ids: Sequence[str]) -> None:
        """Start what waits in these pipelines, apart if it cannot be started in one."""
        try:
            await self._dispatcher.submit(FillSlots(tuple(pipeline_ids)))
        except Unavailable:
            raise
        except Exception as error:
            found = await self._store.write(lambda transaction: next_to_start(transaction, pipeline_ids))
            if not found:
                raise
            log.warning("what waits for a slot could not be started in one, and is tried apart: %r", error)
            waiting = [Timer("job_execution", id, None) for id in found]
            await self._setbacks.try_apart(waiting, partial(self._start_only, found))
            self.note(pipeline_ids)

    async def _start_only(self, pipelines: Mapping[str, str], waiting: Sequence[Timer]) -> None:
        ids = tuple(timer.id for timer in waiting)
        await self._dispatcher.submit(FillSlots(tuple({pipelines[id] for id in ids}), only=ids))

    async def _run(self) -> None:
        try:
            while self._unfilled:
                ids = sorted(self._unfilled)
                self._unfilled.clear()
                try:
                    await self._fill(ids)
                except Unavailable as error:
                    log.warning("the slots of %d pipelines could not be filled; trying again: %s", len(ids), error)
                except Exception:
                    log.exception("the slots of %d pipelines could not be filled; trying again", len(ids))
                else:
                    continue
                self._unfilled.update(ids)
                await asyncio.sleep(RETRY_S)
        finally:
            self._loop = None
