"""`data-factory audit`: who did what, when and from where."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from data_factory.cli.connection import connected
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, show_list, table, when
from data_factory.client import calls
from data_factory.model.resources import Deed

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def audit(
    actor: Annotated[str | None, typer.Option(metavar="KEY-ID", help="Only what this API key has done.")] = None,
    action: Annotated[
        str | None, typer.Option(metavar="ACTION", help="Only this, `job.published`; or all of one sort, `job`.")
    ] = None,
    on: Annotated[str | None, typer.Option("--object", metavar="ID", help="Only what was done to this.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Only from then on, in UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Only before then, in UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 50,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show what people have done, newest first: who, when and from where. It needs the key of an admin.

    \b
    Examples:
      data-factory audit --action job.published
      data-factory audit --object 01a2b3c4d5e6f708192a3b4c --since 2026-11-01
    """
    with connected(url) as connection:
        pages = calls.list_audit(actor=actor, action=action, object=on, since=_utc(since), until=_utc(until))
        found, more = connection.some(pages, limit)
        deeds = [one.value for one in found]
        headers = ["TIME", "ACTION", "OBJECT", "BY", "FROM", "WITH"]
        show_list(as_json, [one.json for one in found], lambda: table(headers, map(_row, deeds)), "Nothing was done.")
        if more:
            note(f"There is more: --limit {limit * 5}")


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)


def _row(deed: Deed) -> tuple[Any, ...]:
    by = deed.by
    about = ", ".join(f"{name} {value}" for name, value in deed.detail.items())
    whence = f"{by.address} ({by.origin})" if by.address else by.origin
    return (when(deed.created_at), deed.action, deed.object_id, by.title or by.key_id or "", whence, about)
