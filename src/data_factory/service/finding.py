"""Find: what of a list is what a criterion asks for, page by page.

No request looks at more than so many rows: a page that is not full may say where to go on. What may be found is
narrowed by the store, whether it is found is decided by `engine.criteria`, so that it means the same on every store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from data_factory.engine.criteria import Fields, bounds, compile_criterion, pinned, value_at
from data_factory.model.criteria import Criterion
from data_factory.model.errors import FieldError, Invalid
from data_factory.model.records import JobExecutionRecord, SeenExecutionRecord, SeenRecord
from data_factory.model.status import JobExecutionStatus
from data_factory.service.paging import Part
from data_factory.store.promises import Reads, Store

T = TypeVar("T")
Shown = Mapping[str, Any]
Present = Callable[[Any], Shown]

WINDOW: Final = 1_500
"""How many rows of a list one find goes over, at the most."""

MOST_SEEN: Final = 250
"""How many of them it looks at closely."""

MOST_SORTED: Final = 5_000
"""How many there may be where they are sorted otherwise than they are kept."""

_FOREVER: Final = 2**63 - 1
_STATUSES: Final = get_args(JobExecutionStatus)


class Order(msgspec.Struct, frozen=True):
    """By which field a list is sorted, and how. `createdAt` is the order in which they were made."""

    field: str = "createdAt"
    ascending: bool = False


class Search(msgspec.Struct, frozen=True):
    """What is looked for, and in which order it is given."""

    criterion: Criterion
    order: Order
    fields: Fields


class Found(msgspec.Struct, Generic[T], frozen=True):
    """What was found. `go_on` is where to go on if there may be more; `incomplete` says that the page is not full
    because enough was looked at, and not because there is no more. `place` is where to go on even if what stands there
    is deleted."""

    records: list[T]
    go_on: str | None
    incomplete: bool = False
    place: int | None = None


class Scan(msgspec.Struct, frozen=True):
    """What a find looks at (see `store.promises.Scan`)."""

    cursor: str | None
    ascending: bool
    statuses: Sequence[str]
    since: int
    until: int
    window: int
    limit: int


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """A list that can be searched: how it is read, how an item is shown, and in which order it is kept."""

    read: Callable[[Part], Awaitable[list[T]]]
    present: Callable[[T], Shown]
    id: Callable[[T], str] = attrgetter("id")
    ascending: bool = False


class Spread(msgspec.Struct, Generic[T], frozen=True):
    """What job executions have, each of them some, and an account no list of.

    `scan` says what is to be looked at, of one job execution or of all. `read` reads that, and leaves out what may be
    large; `whole` does not. `state` is the field by which the store narrows it, and `states` what that can be.
    """

    scan: Callable[[Reads, str | None, Scan], Awaitable[list[SeenRecord]]]
    read: Callable[[Reads, Sequence[str]], Awaitable[list[T]]]
    present: Callable[[T], Shown]
    state: str
    states: Sequence[str]
    whole: Callable[[Reads, Sequence[str], Part], Awaitable[list[T]]] | None = None
    id: Callable[[T], str] = attrgetter("id")


class Finding:
    """Looking for things."""

    def __init__(self, store: Store, window: int = WINDOW, most_seen: int = MOST_SEEN) -> None:
        self._store = store
        self._window = window
        self._most_seen = most_seen

    async def listed(self, items: Listed[T], search: Search, part: Part) -> Found[T]:
        """What of a list is looked for: `part` with a `limit` of what fits on a page.

        Raises:
            Invalid: what is asked for cannot be (see `compile_criterion`), or there is too much to be sorted.
        """
        is_wanted = compile_criterion(search.criterion, search.fields)
        if search.order == Order(ascending=items.ascending):
            every = await items.read(replace(part, offset=0, limit=self._window + 1))
            seen, more = every[: self._window], len(every) > self._window
            wanted = [one for one in seen if is_wanted(items.present(one))]
            return _page(wanted, items.id, part, items.id(seen[-1]) if more else None)
        every = await items.read(Part(limit=MOST_SORTED + 1))
        return _page_of_sorted(every, items, search.order, is_wanted, part)

    async def spread(
        self, items: Spread[T], search: Search, part: Part, job_execution_id: str | None = None
    ) -> Found[T]:
        """What is looked for of what a job execution has, or all of an account: then by `createdAt` only, those of the
        job execution that was launched last first.

        Raises:
            Invalid: what is asked for cannot be, or there is too much to be sorted.
        """
        is_wanted = compile_criterion(search.criterion, search.fields)
        by_time = search.order.field == "createdAt"
        criterion = search.criterion if by_time else Criterion()
        scan = self._scan(criterion, search.order, part.cursor if by_time else None, items.state, items.states)
        if not by_time:
            scan = replace(scan, ascending=True, window=MOST_SORTED + 1, limit=MOST_SORTED + 1)
        one = job_execution_id or _only(criterion, "jobExecutionId") or _only(criterion, "eventCorrelationId")

        async def work(reads: Reads) -> Found[T]:
            seen = await items.scan(reads, one, scan)
            ids = [found.id for found in seen if found.id is not None]
            by_id = {items.id(found): found for found in await items.read(reads, ids)}
            every = [by_id[id] for id in ids if id in by_id]
            if by_time:
                wanted = [found for found in every if is_wanted(items.present(found))]
                page = _page(wanted, items.id, part, seen[-1].cursor if _may_be_more(seen, scan) else None)
            else:
                page = _page_of_sorted(every, items, search.order, is_wanted, part)
            if items.whole is None or not page.records:
                return page
            return _within(await items.whole(reads, [items.id(found) for found in page.records], part), items.id, page)

        return await self._store.read(work)

    async def job_executions(
        self, account_id: str, search: Search, part: Part, beyond: int | None = None
    ) -> Found[JobExecutionRecord]:
        """What is looked for of the job executions, by `createdAt`, without looking at their payloads: what comes after
        the cursor of the part, or else `beyond` the place of a page before.

        Raises:
            Invalid: what is asked for cannot be.
        """
        is_wanted = compile_criterion(search.criterion, search.fields)
        scan = self._scan(search.criterion, search.order, part.cursor, "status", _STATUSES)
        job_id = _only(search.criterion, "jobId")

        async def work(reads: Reads) -> Found[JobExecutionRecord]:
            seen = await reads.scan_job_executions(account_id, job_id, scan, beyond)
            places: dict[str | None, int] = {one.id: one.seq for one in seen}
            wanted = [one for one in seen if is_wanted(shown_of(one))]
            page = _page(wanted, lambda one: str(one.id), part, seen[-1].id if _may_be_more(seen, scan) else None)
            ids = [one.id for one in page.records]
            room = Part(limit=len(ids), max_bytes=part.max_bytes)
            whole = await reads.job_executions_among(account_id, ids, search.order.ascending, room) if ids else []
            found = _within(whole, lambda one: str(one.id), page)
            return replace(found, place=places.get(found.go_on))

        return await self._store.read(work)

    def _scan(self, criterion: Criterion, order: Order, cursor: str | None, state: str, states: Sequence[str]) -> Scan:
        """What is to be looked at: what the store can tell by itself is not looked for is left out."""
        wanted = pinned(criterion, state)
        since, until = bounds(criterion, "createdAt")
        return Scan(
            cursor=cursor,
            ascending=order.ascending,
            statuses=[one for one in states if wanted is None or one.lower() in wanted],
            since=-_FOREVER if since is None else since,
            until=_FOREVER if until is None else until,
            window=self._window,
            limit=self._most_seen,
        )


def shown_of(execution: SeenExecutionRecord) -> Shown:
    """What a find looks at of a job execution, by the names of the API."""
    return {
        "id": execution.id,
        "jobId": execution.job_id,
        "jobVersion": execution.job_version,
        "pipelineId": execution.pipeline_id,
        "createdAt": execution.created_at,
        "startedAt": execution.started_at,
        "endedAt": execution.ended_at,
        "status": execution.status,
        "info": {"title": execution.title},
        "origin": execution.origin,
        "failure": None if execution.failure is None else msgspec.Raw(execution.failure.encode()),
    }


def _only(criterion: Criterion, field: str) -> str | None:
    """The only text that a field can have where a criterion holds, if there is just one."""
    texts = pinned(criterion, field)
    return next(iter(texts)) if texts is not None and len(texts) == 1 else None


def _may_be_more(seen: Sequence[SeenRecord] | Sequence[SeenExecutionRecord], scan: Scan) -> bool:
    """Whether there may be more than what was looked at."""
    return bool(seen) and (len(seen) == scan.limit or seen[0].looked_at == scan.window)


def _within(whole: list[T], id: Callable[[T], str], page: Found[Any]) -> Found[T]:
    """A page with all that its items have: as far as there is room for it."""
    if whole and len(whole) < len(page.records):
        return Found(whole, id(whole[-1]))
    return Found(whole, page.go_on, page.incomplete)


def _page(wanted: list[T], id: Callable[[T], str], part: Part, end: str | None) -> Found[T]:
    """A page of what was found up to `end`, which is None if that is all."""
    page = wanted[part.offset : part.offset + part.limit]
    if len(wanted) > part.offset + part.limit:
        return Found(page, id(page[-1]))
    if end is not None and part.offset and not page:
        raise Invalid(errors=(FieldError("page", "there is too much to look at before it; use `cursor` to go on"),))
    return Found(page, end, incomplete=end is not None and len(page) < part.limit)


def _page_of_sorted(
    every: list[T], items: Listed[T] | Spread[T], order: Order, is_wanted: Callable[[Shown], bool], part: Part
) -> Found[T]:
    """A page of all that there is, in another order than that in which it is kept."""
    if len(every) > MOST_SORTED:
        message = f"there are more than {MOST_SORTED:,}: they are given only in the order in which they are kept"
        raise Invalid(errors=(FieldError("sort", message),))
    return _page(_after(part.cursor, _sorted(every, items, order), is_wanted, items), items.id, part, None)


def _sorted(every: list[T], items: Listed[T] | Spread[T], order: Order) -> list[T]:
    """A list in another order: what has nothing in the field comes last; of what has the same, the newest first."""
    if order.field == "createdAt":
        return every[::-1]

    def key(one: T) -> Any:
        value = value_at(items.present(one), order.field)
        return value.casefold() if isinstance(value, str) else value

    known = [(key(one), one) for one in every]
    some = [pair for pair in known if pair[0] is not None]
    some.sort(key=lambda pair: pair[0], reverse=not order.ascending)
    return [one for _, one in some] + [one for value, one in known if value is None]


def _after(
    cursor: str | None, every: list[T], is_wanted: Callable[[Shown], bool], items: Listed[T] | Spread[T]
) -> list[T]:
    """What is wanted of a list after a cursor; nothing comes after one that is not there."""
    begin = 0
    if cursor is not None:
        begin = next((place for place, one in enumerate(every, 1) if items.id(one) == cursor), len(every))
    return [one for one in every[begin:] if is_wanted(items.present(one))]
