"""What is said of the API, held against what it answers: the OpenAPI document, and the structs of `model.resources`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import httpx
import msgspec
from jsonschema import Draft202012Validator

T = TypeVar("T")

ISO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Contract:
    """The OpenAPI document of a server. `check` is called with every answer that a test is given."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self._operations = {
            (method.upper(), re.compile("^" + re.sub(r"{\w+}", "[^/]+", path) + "$")): operation
            for path, methods in sorted(document["paths"].items(), key=lambda item: "{" in item[0])
            for method, operation in methods.items()
        }
        self._validators: dict[str, Draft202012Validator] = {}

    def check(self, response: httpx.Response) -> None:
        """The status, the media type and the body are documented."""
        response.read()
        assert response.status_code < 500, response.text
        request = response.request
        path = request.url.path
        operation = next(
            (one for (verb, form), one in self._operations.items() if verb == request.method and form.match(path)), None
        )
        if operation is None:
            assert (
                response.status_code in (307, 404, 405)
                or path.startswith(("/health", "/docs", "/openapi"))
                or request.method == "HEAD"
            )
            return
        where = f"{request.method} {path}: {response.status_code}"
        documented = operation["responses"].get(str(response.status_code))
        assert documented is not None, f"{where} is not documented"
        if "*/*" in documented.get("content", {}) or response.status_code == 304:
            return  # bytes, of whatever type they are
        media_type = response.headers["content-type"]
        assert media_type in documented["content"], f"{where}: {media_type} is not documented"
        if response.status_code >= 400:
            code = response.json()["code"]
            assert f"`{code}`" in documented["description"], f"{where}: {code} is not documented"
        schema = documented["content"][media_type]["schema"]
        if schema.get("format") == "binary":
            return
        errors = [error.message for error in self._validator(schema).iter_errors(response.json())]
        assert errors == [], where

    def _validator(self, schema: Mapping[str, Any]) -> Draft202012Validator:
        key = str(schema)
        if key not in self._validators:
            self._validators[key] = Draft202012Validator({**schema, "components": self.document["components"]})
        return self._validators[key]


def decoded(response: httpx.Response, type: type[T]) -> T:
    """The answer as a struct: every field known, every field there, every time in ISO 8601 with milliseconds."""
    wire = response.json()
    value = msgspec.convert(wire, type)
    _nothing_unknown(value, wire, "")
    return value


def _nothing_unknown(value: Any, wire: Any, path: str) -> None:
    if isinstance(value, msgspec.Struct):
        fields = {field.encode_name: getattr(value, field.name) for field in msgspec.structs.fields(value)}
        tag = {value.__struct_config__.tag_field} - {None}
        assert wire.keys() - tag <= fields.keys(), path
        for name, member in fields.items():
            if name in wire:
                _nothing_unknown(member, wire[name], f"{path}.{name}")
    elif isinstance(value, tuple):
        for index, (member, item) in enumerate(zip(value, wire, strict=True)):
            _nothing_unknown(member, item, f"{path}[{index}]")
    elif isinstance(value, datetime):
        assert ISO_TIME.fullmatch(wire), f"{path}: {wire}"
