"""`@task` marks a function or a class as the implementation of a custom task. It stays as it is."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from typing import Any, Final, Literal, TypeVar, overload

import msgspec

from data_factory.model.ids import is_id
from data_factory.worker.context import TaskContext
from data_factory.worker.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

Middleware = Callable[[TaskContext, Callable[[], Awaitable[dict[str, Any]]]], Awaitable[dict[str, Any]]]
"""`async def timed(ctx, proceed): return await proceed()`: around each run, once its input was read."""

RunsIn = Literal["thread", "process"] | Executor

_MARK: Final = "__data_factory_task__"
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_RATE: Final = re.compile(r"(?P<count>[1-9][0-9]{0,8})/(?:(?P<many>[1-9][0-9]{0,4}) ?)?(?P<unit>second|minute|hour)s?")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}
_SIZE: Final = re.compile(r"(?P<count>[1-9][0-9]{0,8}) ?(?P<unit>[MG])B")


class Rate(msgspec.Struct, frozen=True):
    """So many executions may begin in any so many seconds."""

    count: int
    seconds: int


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """Which task a function implements, and how it is run: the task with this key, or with this id.

    Without either it is the task that `TASK_DEFINITION_ID` names.
    """

    function: Callable[..., Any]
    key: str | None = None
    id: str | None = None
    concurrency: int | None = None
    rate: Rate | None = None
    timeout: float | None = None
    runs_in: RunsIn | None = None
    memory_limit: int | None = None
    middleware: tuple[Middleware, ...] = ()

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return str(getattr(self.function, "__name__", repr(self.function)))


@overload
def task(key: F) -> F: ...
@overload
def task(
    key: str | None = None,
    *,
    id: str | None = None,
    concurrency: int | None = None,
    rate: str | None = None,
    timeout: float | None = None,
    runs_in: RunsIn | None = None,
    memory_limit: str | None = None,
) -> Callable[[F], F]: ...
def task(
    key: F | str | None = None,
    *,
    id: str | None = None,
    concurrency: int | None = None,
    rate: str | None = None,
    timeout: float | None = None,
    runs_in: RunsIn | None = None,
    memory_limit: str | None = None,
) -> F | Callable[[F], F]:
    """Mark a function as a task, named by the `key` of the task, by its `id`, or by `TASK_DEFINITION_ID`.

    The function takes the input, and a `TaskContext` if it wants one; it may be `async`, and a generator. A class is
    made once a worker, and its `run` is the function. Input and output are checked against the annotations: a
    dataclass, `TypedDict`, msgspec `Struct` or pydantic model, or a plain `dict`.

    A worker runs up to `concurrency` executions of it at a time, begins no more than `rate` (`"50/minute"`), and gives
    each `timeout` seconds. `runs_in` is `"thread"` (the default, if it is not `async`), `"process"`: a process for each
    run, ended if it has to stop, with a `memory_limit` (`"512 MB"`), or an `Executor`.

    >>> @task("example-task")
    ... def power(input: dict) -> dict:
    ...     return {"result": 2 ** input["power"]}
    >>> power({"power": 10})
    {'result': 1024}
    """
    if callable(key):
        return _mark(key, Declaration(function=key))
    if key is not None and id is not None:
        raise UsageError("@task takes a key or an id, not both")
    if key is not None and not _KEY.fullmatch(key):
        raise UsageError(f"@task({key!r}): a key has letters, digits, `_` and `-`, up to 100")
    if id is not None and not is_id(id):
        raise UsageError(f"@task(id={id!r}): an id has 24 hexadecimal digits")
    if concurrency is not None and concurrency < 1:
        raise UsageError("concurrency is at least 1")
    if timeout is not None and timeout <= 0:
        raise UsageError("timeout is a number of seconds above 0")
    if memory_limit is not None and runs_in != "process":
        raise UsageError('a memory_limit needs runs_in="process"')
    if not (runs_in is None or runs_in in ("thread", "process") or isinstance(runs_in, Executor)):
        raise UsageError(f'runs_in is "thread", "process" or an Executor, not {runs_in!r}')
    pace, size = None if rate is None else parse_rate(rate), None if memory_limit is None else _parse_size(memory_limit)

    def mark(function: F) -> F:
        declaration = Declaration(
            function=function,
            key=key,
            id=id,
            concurrency=concurrency,
            rate=pace,
            timeout=timeout,
            runs_in=runs_in,
            memory_limit=size,
        )
        return _mark(function, declaration)

    return mark


class Router:
    """A group of tasks, with middleware of its own; a worker, or another router, includes it.

    >>> shop = Router()
    >>> @shop.task("count-stock")
    ... def count_stock(input: dict) -> dict: ...
    >>> everything = Router()
    >>> everything.include(shop)
    """

    def __init__(self, *, middleware: Iterable[Middleware] = ()) -> None:
        self.middleware = tuple(middleware)
        self._parts: list[Callable[..., Any] | Router] = []

    def task(self, key: str | None = None, **how: Any) -> Callable[[F], F]:
        """As `@task`, and put it into this group."""
        mark = task(key, **how)

        def add(function: F) -> F:
            marked = mark(function)
            self._parts.append(marked)
            return marked

        return add

    def include(self, part: Callable[..., Any] | Router) -> None:
        """Put a task, or all tasks of another router, into this group."""
        if isinstance(part, Router) and (part is self or part.contains(self)):
            raise UsageError("a router cannot include itself")
        if not isinstance(part, Router):
            declarations_of([part])
        self._parts.append(part)

    def contains(self, router: Router) -> bool:
        """Whether another router is in this one, at whatever depth."""
        parts = [part for part in self._parts if isinstance(part, Router)]
        return any(part is router or part.contains(router) for part in parts)

    def declarations(self) -> list[Declaration]:
        """All its tasks, each inside this group's middleware."""
        inner = declarations_of(self._parts)
        return [msgspec.structs.replace(one, middleware=(*self.middleware, *one.middleware)) for one in inner]


Tasks = Router | Iterable[Callable[..., Any] | Router]
"""What a worker can be given: functions marked with `@task`, classes, and routers."""


def declaration_of(thing: object) -> Declaration | None:
    """The declaration of a function that is marked with `@task`; None for anything else."""
    declaration = vars(thing).get(_MARK) if isinstance(thing, type) else getattr(thing, _MARK, None)
    return declaration if isinstance(declaration, Declaration) else None


def declarations_of(tasks: Tasks) -> list[Declaration]:
    """The declarations of what has to be tasks; raises `UsageError` for something that is not.

    A task that is given both by itself and in a router is the router's.
    """
    if isinstance(tasks, Router):
        return tasks.declarations()
    found: dict[int, Declaration] = {}
    given = list(tasks)
    for router in (part for part in given if isinstance(part, Router)):
        found.update({id(one.function): one for one in router.declarations()})
    for part in given:
        if isinstance(part, Router):
            continue
        declaration = declaration_of(part)
        if declaration is None:
            raise UsageError(f"{getattr(part, '__name__', part)!s} is not a task: decorate it with @task(…)")
        found.setdefault(id(part), declaration)
    return list(found.values())


def parse_rate(rate: str) -> Rate:
    """So many in a time.

    >>> parse_rate("50/minute")
    Rate(count=50, seconds=60)
    >>> parse_rate("1/10 seconds")
    Rate(count=1, seconds=10)
    """
    if not (parts := _RATE.fullmatch(rate)):
        raise UsageError(f'rate={rate!r}: a rate is written as "50/minute", "5/second" or "1/10 seconds"')
    return Rate(int(parts["count"]), int(parts["many"] or 1) * _SECONDS[parts["unit"]])


def _parse_size(size: str) -> int:
    if not (parts := _SIZE.fullmatch(size)):
        raise UsageError(f'memory_limit={size!r}: a size is written as "512 MB" or "2 GB"')
    return int(parts["count"]) * (1_000_000 if parts["unit"] == "M" else 1_000_000_000)


def _mark(function: F, declaration: Declaration) -> F:
    if declaration_of(function) is not None:
        raise UsageError(f"{declaration.name} is decorated with @task twice")
    setattr(function, _MARK, declaration)
    return function
