"""A task function made ready to run: its parameters understood, its input and output types turned into checks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Final, NamedTuple, get_args, get_origin, get_type_hints

from data_factory.worker.context import TaskContext
from data_factory.worker.dependencies import Dependencies, needs_of
from data_factory.worker.endings import Ending
from data_factory.worker.errors import UsageError
from data_factory.worker.location import locate
from data_factory.worker.payload import is_object, named_reader, named_type, reader_of, union_without, writer_of
from data_factory.worker.progress import Progress
from data_factory.worker.task import Declaration

_CONTEXT_NAMES: Final = ("ctx", "context")
_INPUT: Final = "input"
_GENERATORS: Final = (Generator, AsyncGenerator, Iterator, AsyncIterator, Iterable, AsyncIterable)


class Bound(NamedTuple):
    """An input, as it came and as the arguments of a function."""

    payload: Mapping[str, Any]
    arguments: dict[str, Any]


class Handler:
    """Reads the input, calls the function, checks the output.

    What runs it calls `bind`, then `call` (in a thread) or `call_async` (in the event loop, if it `is_async`), and
    then `finish` with what came of it.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.name = declaration.name
        self.task_key = declaration.key or ""
        function = declaration.function
        self._class = function if isinstance(function, type) else None
        if self._class is not None and not inspect.isroutine(getattr(self._class, "run", None)):
            raise UsageError(f"{self.name}: a class that is a task has a method `run`")
        self._function: Callable[..., Any] = function
        self._made: dict[str, Any] = {}
        code = self._code()
        self._is_generator = inspect.isgeneratorfunction(code)
        self._is_async_generator = inspect.isasyncgenfunction(code)
        self.is_async = inspect.iscoroutinefunction(code) or self._is_async_generator
        if self.is_async and declaration.runs_in == "thread":
            raise UsageError(f'{self.name} is `async`: it runs in the event loop, not in a "thread"')
        if declaration.runs_in not in (None, "thread"):
            locate(function)
        self._bind_parameters(self._hints(code))

    @property
    def takes_input(self) -> bool:
        """Whether anything of the input is asked for."""
        return self._whole is not None or bool(self._named)

    async def open(self, dependencies: Dependencies) -> None:
        """Make what it needs, once, before its first run."""
        if self._class is not None:
            self._function = (await dependencies.instance(self._class)).run
        self._made = await dependencies.all_of(self._needs)

    def bind(self, payload: Mapping[str, Any]) -> Bound:
        """The arguments that an input gives; raises `InputInvalid`."""
        arguments: dict[str, Any] = {} if self._read_named is None else self._read_named(payload)
        if self._whole is not None:
            arguments[self._whole] = self._read_whole(payload)
        return Bound(payload, arguments)

    def call(self, arguments: Mapping[str, Any], context: TaskContext) -> Any:
        """What the function returns. A generator is run to its end: what it yields is noted as it comes."""
        made = self._invoke(arguments, context)
        if not self._is_generator:
            return made
        try:
            while not context.cancelled:
                try:
                    _note(next(made), context)
                except StopIteration as end:
                    return end.value
        finally:
            made.close()
        raise asyncio.CancelledError

    async def call_async(self, arguments: Mapping[str, Any], context: TaskContext) -> Any:
        """The same, of a function that `is_async`."""
        made = self._invoke(arguments, context)
        if not self._is_async_generator:
            return await made
        try:
            async for item in made:
                _note(item, context)
        finally:
            await made.aclose()
        return None

    def finish(self, returned: Any, context: TaskContext) -> dict[str, Any]:
        """The output; raises the `Ending` that was returned instead of one, or `OutputInvalid`.

        That of a generator is all that it has yielded, and what it returned at the end.
        """
        if isinstance(returned, Ending):
            raise returned
        if not (self._is_generator or self._is_async_generator):
            return self._write(returned, context.files.upload)
        last = {} if returned is None else self._write_part(returned, context.files.upload)
        return self._write({**context.notes.saved, **last})

    def _invoke(self, arguments: Mapping[str, Any], context: TaskContext) -> Any:
        given = {**arguments, **self._made}
        if self._context_name is not None:
            given[self._context_name] = context
        return self._function(**given)

    def _code(self) -> Callable[..., Any]:
        if self._class is not None:
            run: Callable[..., Any] = self._class.run  # type: ignore[attr-defined]
            return run
        return self._function if inspect.isroutine(self._function) else type(self._function).__call__

    def _hints(self, code: Callable[..., Any]) -> dict[str, Any]:
        try:
            return get_type_hints(code, include_extras=True)
        except NameError as error:
            raise UsageError(f"{self.name}: an annotation cannot be understood: {error}") from error

    def _parameters(self) -> list[inspect.Parameter]:
        if self._class is None:
            return list(inspect.signature(self._function).parameters.values())
        parameters = list(inspect.signature(self._code()).parameters.values())
        bound = isinstance(inspect.getattr_static(self._class, "run"), classmethod | staticmethod)
        return parameters if bound else parameters[1:]

    def _bind_parameters(self, hints: Mapping[str, Any]) -> None:
        parameters = self._parameters()
        code = self._code() if self._class is not None else self._function
        self._needs = needs_of(code, dict(hints))
        contexts = [one for one in parameters if _is_context(hints.get(one.name))]
        others = [one for one in parameters if one not in contexts and one.name not in self._needs]
        if not contexts and len(others) == 2 and others[1].name in _CONTEXT_NAMES and others[1].name not in hints:
            contexts = [others.pop()]
        for one in (*others, *contexts):
            if one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
                raise UsageError(f"{self.name}: a task has parameters with names, not {one}")
        if len(contexts) > 1:
            raise UsageError(f"{self.name}: one TaskContext is enough")
        self._context_name = contexts[0].name if contexts else None
        whole = [one for one in others if one.name == _INPUT]
        if not whole and len(others) == 1 and is_object(hints.get(others[0].name)):
            whole = others
        self._whole = whole[0].name if whole else None
        self._named = [one for one in others if one not in whole]
        self.input_type = self._object_type(hints.get(self._whole or ""))
        self.output_type = self._object_type(_output_of(hints.get("return")))
        self._read_whole = reader_of(self.input_type)
        named = named_type(self.name, self._named, hints) if self._named else None
        self._read_named = None if named is None else named_reader(named)
        self.input_types = tuple(kind for kind in (self.input_type, named) if kind is not None)
        self._write = writer_of(self.output_type)
        self._write_part = writer_of(None)

    def _object_type(self, kind: Any) -> Any:
        if not is_object(kind):
            called = kind.__name__ if isinstance(kind, type) else kind
            raise UsageError(
                f"{self.name}: input and output are JSON objects: {called} is not the type of a JSON object"
            )
        return kind


def _note(item: Any, context: TaskContext) -> None:
    if isinstance(item, Ending):
        raise item
    if isinstance(item, Progress):
        context.notes.note(progress=item)
    else:
        context.save(item)


def _is_context(hint: Any) -> bool:
    return hint is TaskContext or TaskContext in get_args(hint)


def _output_of(hint: Any) -> Any:
    """The type of the output: without what a task may give instead of one, and of a generator, what it yields."""
    origin = get_origin(hint)
    if hint in _GENERATORS:
        return None
    if origin in _GENERATORS:
        arguments = get_args(hint)
        returned = arguments[2] if origin is Generator and len(arguments) == 3 else None
        hint = arguments[0] if returned in (None, type(None), Any) else returned
    return union_without(hint, (Progress, Ending))
