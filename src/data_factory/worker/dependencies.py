"""What tasks need beside their input: made once a worker, shared by all runs, closed when the worker stops."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from types import TracebackType
from typing import Annotated, Any, Self, get_args, get_origin, get_type_hints

from data_factory.worker.errors import UsageError


class Depends:
    """Marks a parameter of a task as something that `factory` makes: `pool: Annotated[Pool, Depends(open_pool)]`.

    The factory is a function, `async` or not. What it returns is given to the task; if it is a generator, what it
    yields, and the rest of it runs when the worker stops. It may depend on others in the same way.

    >>> async def open_pool() -> AsyncIterator[Pool]:  # doctest: +SKIP
    ...     async with create_pool() as pool:
    ...         yield pool
    """

    def __init__(self, factory: Callable[..., Any]) -> None:
        self.factory = factory


def needs_of(function: Callable[..., Any], hints: dict[str, Any]) -> dict[str, Callable[..., Any]]:
    """The parameters of a function that are to be made, by name."""
    found: dict[str, Callable[..., Any]] = {}
    for name in inspect.signature(function).parameters:
        hint = hints.get(name)
        if get_origin(hint) is Annotated:
            for mark in get_args(hint)[1:]:
                if isinstance(mark, Depends):
                    found[name] = mark.factory
    return found


class Dependencies:
    """Makes each thing once, in the order in which it is needed; closes them in the opposite order. What is `given`
    for a factory is not made.

    >>> async with Dependencies() as dependencies:  # doctest: +SKIP
    ...     pool = await dependencies.get(open_pool)
    """

    def __init__(self, given: Mapping[Callable[..., Any], Any] | None = None) -> None:
        self._made: dict[Callable[..., Any], Any] = dict(given or {})
        self._underway: list[Callable[..., Any]] = []
        self._stack = AsyncExitStack()

    async def get(self, factory: Callable[..., Any]) -> Any:
        """What this factory makes; `UsageError` if it needs itself."""
        if factory in self._made:
            return self._made[factory]
        if factory in self._underway:
            names = " → ".join(_name(one) for one in (*self._underway, factory))
            raise UsageError(f"a dependency needs itself: {names}")
        self._underway.append(factory)
        try:
            made = self._made[factory] = await self._make(factory)
        finally:
            self._underway.remove(factory)
        return made

    async def all_of(self, needs: dict[str, Callable[..., Any]]) -> dict[str, Any]:
        """What each of these factories makes, by name."""
        return {name: await self.get(factory) for name, factory in needs.items()}

    async def instance(self, kind: type) -> Any:
        """An instance of a class of tasks, with what its constructor needs; entered, if it is a context manager."""
        if kind in self._made:
            return self._made[kind]
        made = await self._call(kind)
        if hasattr(made, "__aenter__"):
            made = await self._stack.enter_async_context(made)
        elif hasattr(made, "__enter__"):
            made = self._stack.enter_context(made)
        self._made[kind] = made
        return made

    async def _make(self, factory: Callable[..., Any]) -> Any:
        if inspect.isasyncgenfunction(factory):
            return await self._stack.enter_async_context(await self._call(asynccontextmanager(factory)))
        if inspect.isgeneratorfunction(factory):
            return self._stack.enter_context(await self._call(contextmanager(factory)))
        return await self._call(factory)

    async def _call(self, factory: Callable[..., Any]) -> Any:
        initializer = factory.__init__ if isinstance(factory, type) else factory  # type: ignore[misc]
        try:
            hints = get_type_hints(initializer, include_extras=True)
        except NameError as error:
            raise UsageError(f"{_name(factory)}: an annotation cannot be understood: {error}") from error
        needs = needs_of(factory, hints)
        for parameter in inspect.signature(factory).parameters.values():
            variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            if parameter.name not in needs and parameter.default is parameter.empty and not variable:
                raise UsageError(f"{_name(factory)}: what is {parameter.name!r}? Annotate it with Depends(…)")
        given = factory(**await self.all_of(needs))
        return await given if inspect.isawaitable(given) else given

    async def aclose(self) -> None:
        """Close all that was made."""
        self._made.clear()
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _name(factory: Callable[..., Any]) -> str:
    return str(getattr(factory, "__name__", factory))
