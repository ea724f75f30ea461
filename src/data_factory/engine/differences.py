"""What is different between two versions of a job: value by value, tasks told apart by their reference names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from data_factory.model.errors import member
from data_factory.model.resources import Difference

_NAMES: Final = ("taskReferenceName", "key")
"""What tells the items of a list of tasks, or of user inputs, apart."""


def differences(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """What has been added, removed, moved or changed, in the order in which it is written.

    The path of what was removed leads into `before`; every other leads into `after`.

    >>> [(one.kind, one.path) for one in differences({"a": 1, "b": [1]}, {"a": 2, "b": [1], "c": 3})]
    [('changed', 'a'), ('added', 'c')]
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() - after.keys():
            yield Difference("removed", member(path, key), before=before[key])
        for key, value in after.items():
            if key in before:
                yield from differences(before[key], value, member(path, key))
            else:
                yield Difference("added", member(path, key), after=value)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _in_lists(before, after, path)
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield Difference("changed", path, before=before, after=after)


def _in_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Difference]:
    """Named items are compared with those of the same name; all others with those in the same place."""
    olds, news = _named(before), _named(after)
    for name, index in olds.items():
        if name not in news:
            yield Difference("removed", f"{path}[{index}]", before=before[index])
    kept = [name for name in olds if name in news]
    order = {name: place for place, name in enumerate(name for name in news if name in olds)}
    for name, index in news.items():
        where = f"{path}[{index}]"
        if name not in olds:
            yield Difference("added", where, after=after[index])
            continue
        if kept[order[name]] != name:
            yield Difference("moved", where, before=olds[name], after=index)
        yield from differences(before[olds[name]], after[index], where)


def _named(items: Sequence[Any]) -> dict[Any, int]:
    """The place of each item by its name, or, if not all have one of their own, by its place."""
    for field in _NAMES:
        names = [item.get(field) if isinstance(item, dict) else None for item in items]
        if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
            return {name: index for index, name in enumerate(names)}
    return {index: index for index in range(len(items))}
