"""A task function made ready to run: its parameters understood, its input and output types turned into checks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final, get_args, get_type_hints

from data_factory.worker.context import TaskContext
from data_factory.worker.errors import UsageError
from data_factory.worker.payload import is_plain, member_names, reader_of, writer_of
from data_factory.worker.pydantic_models import is_model
from data_factory.worker.task import Declaration

_CONTEXT_NAMES: Final = ("ctx", "context")
_SHAPES: Final = "f(input), f(input, ctx: TaskContext), f(ctx: TaskContext) or f()"


class Handler:
    """Reads the input, calls the function, checks the output.

    The function is a coroutine function if `is_async`; then `call` gives what to await.
    """

    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.name = declaration.name
        self.task_key = declaration.key or ""
        self._function = declaration.function
        call = self._function if inspect.isroutine(self._function) else type(self._function).__call__
        if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
            raise UsageError(f"{self.name} is a generator: a task returns its output")
        self.is_async = inspect.iscoroutinefunction(call)
        hints = self._hints()
        self._input_name, self._context_name = self._parameters(hints)
        self.read = reader_of(self._object_type(hints.get(self._input_name or "")))
        self.write = writer_of(self._object_type(hints.get("return")))

    @property
    def takes_context(self) -> bool:
        """Whether the function asks for a `TaskContext`."""
        return self._context_name is not None

    def call(self, value: Any, context: TaskContext) -> Any:
        """What the function makes of an input that was read."""
        arguments: dict[str, Any] = {}
        if self._input_name is not None:
            arguments[self._input_name] = value
        if self._context_name is not None:
            arguments[self._context_name] = context
        return self._function(**arguments)

    def _hints(self) -> dict[str, Any]:
        function = self._function if inspect.isroutine(self._function) else type(self._function).__call__
        try:
            return get_type_hints(function, include_extras=True)
        except NameError as error:
            raise UsageError(f"{self.name}: an annotation cannot be understood: {error}") from error

    def _parameters(self, hints: Mapping[str, Any]) -> tuple[str | None, str | None]:
        """The names of the parameters for the input and for the context."""
        parameters = list(inspect.signature(self._function).parameters.values())
        context = [one for one in parameters if _is_context(hints.get(one.name))]
        others = [one for one in parameters if one not in context]
        if not context and len(others) == 2 and others[1].name in _CONTEXT_NAMES and others[1].name not in hints:
            context = [others.pop()]
        given = [one for one in others if one is others[0] or one.default is one.empty]
        passable = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
        if len(context) > 1 or len(given) > 1 or any(one.kind not in passable for one in (*given, *context)):
            raise UsageError(f"{self.name}: a task is {_SHAPES}")
        return (given[0].name if given else None), (context[0].name if context else None)

    def _object_type(self, kind: Any) -> Any:
        if is_plain(kind) or is_model(kind):
            return kind
        try:
            member_names(kind)
        except TypeError as error:
            raise UsageError(f"{self.name}: input and output are JSON objects: {error}") from None
        return kind


def _is_context(hint: Any) -> bool:
    return hint is TaskContext or TaskContext in get_args(hint)
