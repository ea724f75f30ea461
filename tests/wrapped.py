"""A store that passes on what is asked of it; tests let it fail, or be silent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from data_factory.store.promises import Member, Reads, Store, Transaction

T = TypeVar("T")


class Wrapped:
    """What a store promises, by way of another store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def patience(self) -> float:
        return self.store.patience

    def wall_ns(self) -> int:
        return self.store.wall_ns()

    async def write(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        tell: Callable[[T], Sequence[str]] | None = None,
        within: float | None = None,
    ) -> T:
        return await self.store.write(work, tell, within)

    async def read(self, work: Callable[[Reads], Awaitable[T]]) -> T:
        return await self.store.read(work)

    async def ask(self, question: Callable[[Reads], Awaitable[T]]) -> T:
        return await self.store.ask(question)

    async def join(self, member: Member) -> None:
        await self.store.join(member)

    async def close(self) -> None:
        await self.store.close()
