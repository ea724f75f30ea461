"""Creates and updates the definitions of tasks from their code: `--register`."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import asdict, replace

from data_factory.client import calls
from data_factory.client.errors import ApiError
from data_factory.model.definitions import InputOutputKey, TaskDefinition
from data_factory.model.resources import Task
from data_factory.worker import pydantic_models
from data_factory.worker.errors import UsageError
from data_factory.worker.handler import Handler
from data_factory.worker.line import Line
from data_factory.worker.payload import is_plain

logger = logging.getLogger("data_factory.worker")

_DEEPEST: Final = 5
_LONGEST: Final = 10_000


async def register(line: Line, handlers: Sequence[Handler]) -> None:
    """Create the task of each handler that has a key and no task; give one that has other keys those of the code.

    What else a definition says, retries and timeouts for example, is the server's: it is never changed.
    """
    for handler in handlers:
        if handler.declaration.id is None and handler.declaration.key is not None:
            try:
                await _register(line, handler, handler.declaration.key)
            except ApiError as error:
                raise UsageError(f"cannot register {handler.name}: {error}") from error


async def _register(line: Line, handler: Handler, key: str) -> None:
    found = await line.ask(lambda: calls.find_task(key))
    wanted = definition_of(handler, key)
    facts = {"event": "task.registered", "task": key}
    if found is None:
        await line.ask(lambda: calls.create_task(wanted))
        logger.info("created the task %s", key, extra=facts)
        return
    present = _definition(found)
    described = present.description or wanted.description
    updated = replace(present, description=described, input_keys=wanted.input_keys, output_keys=wanted.output_keys)
    if updated != present:
        await line.ask(lambda: calls.update_task(found.id, updated))
        logger.info("updated the task %s", key, extra=facts)


def definition_of(handler: Handler, key: str) -> TaskDefinition:
    """What the code says of a task: its docstring, and each member of its input and output with its JSON Schema."""
    first = (inspect.getdoc(handler.declaration.function) or "").strip().split("\n\n")[0].replace("\n", " ")
    members: dict[str, Any] = {}
    for kind in handler.input_types:
        members |= _members(kind)
    return TaskDefinition(
        key=key,
        description=first[:_LONGEST],
        input_keys=tuple(_key(name, schema) for name, schema in members.items()),
        output_keys=tuple(_key(name, schema) for name, schema in _members(handler.output_type).items()),
    )


def _definition(task: Task) -> TaskDefinition:
    known = asdict(task)
    return TaskDefinition(**{name: known[name] for name in TaskDefinition.__struct_fields__})


def _key(name: str, schema: Mapping[str, Any]) -> InputOutputKey:
    text = json.dumps(schema, separators=(", ", ": "), ensure_ascii=False, default=str)
    return InputOutputKey(key=name, description=text if len(text) <= _LONGEST else "")


def _members(kind: Any) -> dict[str, Any]:
    """The JSON Schema of each member of a type, by its name; those that have to be there say `required`."""
    if is_plain(kind):
        return {}
    if pydantic_models.is_model(kind):
        schema, known = pydantic_models.json_schema(kind)
    else:
        (schema,), known = msgspec.json.schema_components((kind,), schema_hook=_schema_of_other)
    whole = _inlined(schema, known, 0)
    required = whole.get("required", ())
    return {
        name: {**member, "required": True} if name in required else member
        for name, member in whole.get("properties", {}).items()
    }


def _schema_of_other(kind: type) -> dict[str, Any]:
    """A path is a file; a model of pydantic says itself what it is."""
    if pydantic_models.is_model(kind):
        schema, known = pydantic_models.json_schema(kind)
        inlined: dict[str, Any] = _inlined(schema, known, 0)
        return inlined
    return {"type": "object", "title": "file"}


def _inlined(schema: Any, known: Mapping[str, Any], depth: int) -> Any:
    """A schema without references, as far down as anybody reads."""
    if isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name in known:
            return {"title": name} if depth >= _DEEPEST else _inlined(known[name], known, depth + 1)
        return {key: _inlined(value, known, depth) for key, value in schema.items()}
    if isinstance(schema, list | tuple):
        return [_inlined(value, known, depth) for value in schema]
    return schema
