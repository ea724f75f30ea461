"""Find: what of a list is what a criterion asks for, page by page.

No request looks at more than so many rows: a page that is not full may say where to go on. What may be found is
narrowed by the store, whether it is found is decided by `engine.criteria`, so that it means the same on every store.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Generic, TypeVar, get_args

import msgspec
from msgspec.structs import replace

from data_factory.engine.criteria import Fields, bounds, compile_criterion, pinned, value_at
from data_factory.model.criteria import Criterion
from data_factory.model.errors import FieldError, Invalid
from data_factory.model.records import JobExecutionRecord, SeenExecutionRecord
from data_factory.model.status import JobExecutionStatus
from data_factory.service.paging import Part
from data_factory.service.publications import Published
from data_factory.store.promises import Reads, Store

T = TypeVar("T")
Shown = Mapping[str, Any]
Present = Callable[[Any], Shown]

WINDOW: Final = 1_500
"""How many rows of a list one find goes over, at the most."""

MOST_SEEN: Final = 250
"""How many of them it looks at closely."""

MOST_LISTED: Final = 2_000
"""How many items of another list it looks at."""

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
    because enough was looked at, and not because there is no more."""

    records: list[T]
    go_on: str | None
    incomplete: bool = False


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

    read: Callable[[Reads, Part], Awaitable[list[T]]]
    present: Callable[[T], Shown]
    id: Callable[[T], str]
    ascending: bool = False


async def published(reads: Reads, account_id: str, part: Part) -> list[Published]:
    """The jobs of an account, with their present versions."""
    jobs = await reads.jobs_of_account(account_id, part)
    versions = {one.job_id: one for one in await reads.job_versions((job.id, job.version) for job in jobs)}
    return [(job, versions[job.id]) for job in jobs]


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
            every = await self._read(items, replace(part, offset=0, limit=MOST_LISTED + 1))
            seen, more = every[:MOST_LISTED], len(every) > MOST_LISTED
            wanted = [one for one in seen if is_wanted(items.present(one))]
            return _page(wanted, items.id, part, items.id(seen[-1]) if more else None)
        every = await self._read(items, Part(limit=MOST_SORTED + 1))
        if len(every) > MOST_SORTED:
            raise _too_many_to_sort()
        return _page(_after(part.cursor, _sorted(every, items, search.order), is_wanted, items), items.id, part, None)

    async def job_executions(self, account_id: str, search: Search, part: Part) -> Found[JobExecutionRecord]:
        """What is looked for of the job executions, by `createdAt`, without looking at their payloads.

        Raises:
            Invalid: what is asked for cannot be.
        """
        is_wanted = compile_criterion(search.criterion, search.fields)
        scan, job_id = self._narrowed(search, part.cursor)

        async def work(reads: Reads) -> Found[JobExecutionRecord]:
            seen = await reads.scan_job_executions(account_id, job_id, scan)
            enough = bool(seen) and (len(seen) == scan.limit or seen[0].looked_at == scan.window)
            wanted = [one for one in seen if is_wanted(shown_of(one))]
            found = _page(wanted, lambda one: str(one.id), part, seen[-1].id if enough else None)
            ids = [one.id for one in found.records]
            if not ids:
                return Found([], found.go_on, found.incomplete)
            room = Part(limit=len(ids), max_bytes=part.max_bytes)
            whole = await reads.job_executions_among(account_id, ids, search.order.ascending, room)
            if len(whole) < len(ids):
                return Found(whole, whole[-1].id)
            return Found(whole, found.go_on, found.incomplete)

        return await self._store.read(work)

    async def _read(self, items: Listed[T], part: Part) -> list[T]:
        return await self._store.read(lambda reads: items.read(reads, part))

    def _narrowed(self, search: Search, cursor: str | None) -> tuple[Scan, str | None]:
        """What the store can tell by itself is not looked for."""
        statuses = pinned(search.criterion, "status")
        jobs = pinned(search.criterion, "jobId")
        since, until = bounds(search.criterion, "createdAt")
        scan = Scan(
            cursor=cursor,
            ascending=search.order.ascending,
            statuses=[one for one in _STATUSES if statuses is None or one.lower() in statuses],
            since=-_FOREVER if since is None else since,
            until=_FOREVER if until is None else until,
            window=self._window,
            limit=self._most_seen,
        )
        return scan, next(iter(jobs)) if jobs is not None and len(jobs) == 1 else None


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


def _page(wanted: list[T], id: Callable[[T], str], part: Part, end: str | None) -> Found[T]:
    """A page of what was found up to `end`, which is None if that is all."""
    page = wanted[part.offset : part.offset + part.limit]
    if len(wanted) > part.offset + part.limit:
        return Found(page, id(page[-1]))
    if end is not None and part.offset and not page:
        raise Invalid(errors=(FieldError("page", "there is too much to look at before it; use `cursor` to go on"),))
    return Found(page, end, incomplete=end is not None)


def _sorted(every: list[T], items: Listed[T], order: Order) -> list[T]:
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


def _after(cursor: str | None, every: list[T], is_wanted: Callable[[Shown], bool], items: Listed[T]) -> list[T]:
    """What is wanted of a list after a cursor; nothing comes after one that is not there."""
    begin = 0
    if cursor is not None:
        begin = next((place for place, one in enumerate(every, 1) if items.id(one) == cursor), len(every))
    return [one for one in every[begin:] if is_wanted(items.present(one))]


def _too_many_to_sort() -> Invalid:
    message = f"there are more than {MOST_SORTED:,}: they are given only in the order in which they are kept"
    return Invalid(errors=(FieldError("sort", message),))
