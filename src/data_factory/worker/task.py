"""`@task` marks a function as the implementation of a custom task. The function itself stays as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, overload

import msgspec

from data_factory.model.ids import is_id
from data_factory.worker.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

_MARK: Final = "__data_factory_task__"
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Declaration(msgspec.Struct, frozen=True):
    """Which task a function implements: the one with this key, or with this id.

    Without either it is the task that `TASK_DEFINITION_ID` names.
    """

    function: Callable[..., Any]
    key: str | None = None
    id: str | None = None

    @property
    def name(self) -> str:
        """What to call it in messages."""
        return str(getattr(self.function, "__name__", repr(self.function)))


@overload
def task(key: F) -> F: ...
@overload
def task(key: str | None = None, *, id: str | None = None) -> Callable[[F], F]: ...
def task(key: F | str | None = None, *, id: str | None = None) -> F | Callable[[F], F]:
    """Mark a function as a task, named by the `key` of the task, by its `id`, or by `TASK_DEFINITION_ID`.

    The function takes the input, and a `TaskContext` if it wants one; it may be `async`. Input and output are checked
    against its annotations: a dataclass, `TypedDict`, msgspec `Struct` or pydantic model, or a plain `dict`.

    >>> @task("example-task")
    ... def power(input: dict) -> dict:
    ...     return {"result": 2 ** input["power"]}
    >>> power({"power": 10})
    {'result': 1024}
    """
    if callable(key):
        return _mark(key, None, None)
    if key is not None and id is not None:
        raise UsageError("@task takes a key or an id, not both")
    if key is not None and not _KEY.fullmatch(key):
        raise UsageError(f"@task({key!r}): a key has letters, digits, `_` and `-`, up to 100")
    if id is not None and not is_id(id):
        raise UsageError(f"@task(id={id!r}): an id has 24 hexadecimal digits")
    return lambda function: _mark(function, key, id)


def declaration_of(thing: object) -> Declaration | None:
    """The declaration of a function that is marked with `@task`; None for anything else."""
    declaration = getattr(thing, _MARK, None)
    return declaration if isinstance(declaration, Declaration) else None


def declarations_of(functions: Iterable[Callable[..., Any]]) -> list[Declaration]:
    """The declarations of functions that have to be tasks; raises `UsageError` for one that is not."""
    declarations = []
    for function in functions:
        declaration = declaration_of(function)
        if declaration is None:
            raise UsageError(f"{getattr(function, '__name__', function)!s} is not a task: decorate it with @task(…)")
        declarations.append(declaration)
    return declarations


def _mark(function: F, key: str | None, id: str | None) -> F:
    if declaration_of(function) is not None:
        raise UsageError(f"{getattr(function, '__name__', function)!s} is decorated with @task twice")
    setattr(function, _MARK, Declaration(function, key, id))
    return function
