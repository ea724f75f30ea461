"""Files where JSON values name them: by the URL of their content, whatever the address of the server is in it.

>>> id = "0f" * 32
>>> names_files('{"url": "http://127.0.0.1:8080/v1/data_factory/files/%s/content"}' % id) == {id}
True
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final

from data_factory.model.errors import member

CONTENT_PATH: Final = "/v1/data_factory/files/{id}/content"

_MARK: Final = "/v1/data_factory/files/"
_NAMED: Final = re.compile(r"/v1/data_factory/files/([0-9a-f]{64})/content")
_URL: Final = re.compile(r"(?:https?://[^/?#\s]+)?/v1/data_factory/files/([0-9a-f]{64})/content")


def names_files(json: str) -> set[str]:
    """The ids of the files whose content a JSON text names. It costs next to nothing where there are none."""
    return set(_NAMED.findall(json)) if _MARK in json else set()


def file_id(url: Any) -> str | None:
    """The id of the file whose content has this URL.

    >>> file_id("https://factory.example/v1/data_factory/files/" + "0f" * 32 + "/content") == "0f" * 32
    True
    """
    found = _URL.fullmatch(url) if isinstance(url, str) else None
    return found[1] if found else None


def places_of(value: Any, ids: Container[str], path: str = "") -> Iterator[tuple[str, str]]:
    """Where a value names the content of one of these files, and which.

    >>> id = "0f" * 32
    >>> list(places_of({"input": [{"url": "/v1/data_factory/files/" + id + "/content"}]}, {id})) == [("input[0]", id)]
    True
    """
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from places_of(item, ids, f"{path}[{index}]")
    elif isinstance(value, dict):
        if (id := file_id(value.get("url"))) is not None and id in ids:
            yield path, id
        for name, item in value.items():
            yield from places_of(item, ids, member(path, name))


def with_files(value: Any, shown: Mapping[str, Mapping[str, Any]]) -> Any:
    """A value in which each object whose `url` is that of a file has what is `shown` of that file, too.

    What was given stays, so that its `filename` may be another.

    >>> with_files({"url": "/v1/data_factory/files/" + "0f" * 32 + "/content"}, {"0f" * 32: {"size": 7}})["size"]
    7
    """
    if isinstance(value, list):
        return [with_files(item, shown) for item in value]
    if isinstance(value, dict):
        members = {name: with_files(member, shown) for name, member in value.items()}
        return {**shown.get(file_id(value.get("url")) or "", {}), **members}
    return value
