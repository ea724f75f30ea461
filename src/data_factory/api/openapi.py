"""The description of the API in OpenAPI 3.1, made from the endpoints and the structs that they take and give."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final, TypeGuard

import msgspec

from data_factory.api.content import Content
from data_factory.api.problems import PROBLEM_TYPES, STATUS_OF
from data_factory.api.routing import Endpoint, Query, Routes, describe
from data_factory.model.errors import (
    AccountDisabled,
    DataFactoryError,
    Invalid,
    OutcomeUnknown,
    RateLimited,
    RoleNeeded,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from data_factory.model.resources import Problem

Document = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{name}"
_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=20`: answer when there is something to say, or after 20 seconds (RFC 7240); 60 at the most.",
    "schema": {"type": "string"},
}
_PREFERENCE_APPLIED: Final = {
    "description": "What was granted of `Prefer`; a server that does not know it does not say so.",
    "schema": {"type": "string"},
}
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeat with the same key and body within a day is given what the first has made.",
    "schema": {"type": "string", "maxLength": 255},
}


_CONDITIONS: Final = [
    {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}
    for name, description in (
        ("Range", "`bytes=0-99`, `bytes=100-` or `bytes=-100`: only this part (RFC 9110)."),
        ("If-None-Match", "The `ETag` of what one has: nothing is sent if that is what there is."),
        ("If-Range", "The `ETag` of what one has a part of: all is sent if that is not what there is."),
    )
]
_FORM: Final = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}},
    "required": ["file"],
}


def openapi(resources: Iterable[Routes], *, key_in_query: bool = False) -> Document:
    """The whole document; with `key_in_query`, of a server that takes keys there too."""
    resources = list(resources)
    endpoints = [endpoint for routes in resources for endpoint in routes.endpoints]
    types = [type for one in endpoints for type in (one.answer, one.body) if type is not None and not _is_content(type)]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REFERENCE)
    by_type = dict(zip([*map(str, types), str(Problem)], schemas, strict=True))
    paths: Document = {}
    for routes in resources:
        for endpoint in routes.endpoints:
            paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, routes.tag, by_type)
    schemes = {
        "ApiKeyAuthHeader": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
        "bearer": {"type": "http", "scheme": "bearer"},
    }
    if key_in_query:
        schemes["ApiKeyAuthQuery"] = {"type": "apiKey", "in": "query", "name": "api_key"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Data Factory",
            "version": version("data-factory"),
            "description": "Run jobs of custom tasks. Send your API key in the header `X-Api-Key`. "
            "Every answer has an `X-Request-Id`, and a problem document has it: yours, if you sent one.",
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(routes.tag for routes in resources)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": schemes,
        },
        "security": [{name: []} for name in schemes],
    }


def _operation(endpoint: Endpoint, tag: str, schemas: Document) -> Document:
    name = endpoint.handler.__name__
    answers = (
        _content(endpoint.answer)
        if _is_content(endpoint.answer)
        else {str(endpoint.status): _answer(endpoint, schemas)}
    )
    operation: Document = {
        "operationId": _camel(name) if endpoint.path.count("/task/") == 0 else _camel(f"{name}_singular"),
        "tags": [tag],
        "x-roles": sorted(endpoint.roles),
        "summary": (endpoint.handler.__doc__ or name).strip().splitlines()[0],
        "parameters": _parameters(endpoint),
        "responses": {**answers, **_problems(endpoint, schemas)},
    }
    if endpoint.uploads:
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}
    if endpoint.body is not None:
        operation["requestBody"] = {
            "required": not endpoint.body_optional,
            "content": {"application/json": {"schema": schemas[str(endpoint.body)]}},
        }
    return operation


def _answer(endpoint: Endpoint, schemas: Document) -> Document:
    if endpoint.streams:
        return {"description": describe(endpoint.status), "content": {"text/event-stream": _stream(endpoint)}}
    return {
        "description": describe(endpoint.status),
        **({"headers": {"Preference-Applied": _PREFERENCE_APPLIED}} if endpoint.waits else {}),
        "content": {"application/json": {"schema": schemas[str(endpoint.answer)]}},
    }


def _stream(endpoint: Endpoint) -> Document:
    """Server-sent events: for OpenAPI 3.1 a text, of which no schema says what is in it."""
    about = f"Server-sent events: `id`, `event` and, as JSON, `data` of an `{endpoint.answer.__name__}`."
    return {"schema": {"type": "string", "description": about}, "example": endpoint.streams}


def _is_content(answer: Any) -> TypeGuard[type[Content]]:
    return isinstance(answer, type) and issubclass(answer, Content)


def _content(answer: type[Content]) -> Document:
    """Bytes, of whatever type they are."""
    content = {answer.media_type: {"schema": {"type": "string", "format": "binary"}}}
    statuses = (200, 206) if answer.in_parts else (200,)
    answers: Document = {str(status): {"description": describe(status), "content": content} for status in statuses}
    return {**answers, "304": {"description": describe(304)}} if answer.in_parts else answers


def _parameters(endpoint: Endpoint) -> list[Document]:
    path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]
    query = [_query(one) for one in endpoint.query]
    headers = [_PREFER] * endpoint.waits + [_IDEMPOTENCY_KEY] * endpoint.idempotent
    headers += _CONDITIONS * (_is_content(endpoint.answer) and endpoint.answer.in_parts)
    return [*path, *query, *headers]


def _query(query: Query) -> Document:
    return {"name": query.name, "in": "query", "description": query.description, "schema": query.schema}


def _problems(endpoint: Endpoint, schemas: Document) -> Document:
    refusals: list[type[DataFactoryError]] = [
        Invalid,
        Unauthorized,
        RoleNeeded,
        AccountDisabled,
        RateLimited,
        *endpoint.errors,
        Unavailable,
    ]
    if endpoint.body is not None:
        refusals.append(TooLarge)
    if endpoint.makes:
        refusals.append(OutcomeUnknown)
    by_status: dict[int, list[str]] = {}
    for refusal in refusals:
        by_status.setdefault(STATUS_OF[refusal.code], []).append(f"`{refusal.code}`")
    return {
        str(status): {
            "description": f"{describe(status)}: {', '.join(codes)}",
            "content": {type: {"schema": schemas[str(Problem)]} for type in PROBLEM_TYPES},
        }
        for status, codes in sorted(by_status.items())
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
