"""Jobs published from ZIP archives: `job.json`, with what it names below `assets/` kept as files."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import IO, Any, Final

from msgspec.structs import replace

from data_factory.api.bodies import Misfit, convert, read_definition
from data_factory.api.call import Call
from data_factory.api.jobs import refuse_job
from data_factory.api.jobs import routes as routes
from data_factory.api.multipart import OCTETS, FilePart, receive
from data_factory.api.presenting import Wire, present_job
from data_factory.api.routing import Query
from data_factory.model.assets import assets_in, with_assets
from data_factory.model.definitions import JobBody
from data_factory.model.errors import (
    DataFactoryError,
    IdempotencyKeyReused,
    KeyTaken,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    TooLarge,
    TooSlow,
)
from data_factory.model.file_values import CONTENT_PATH, names_files
from data_factory.model.records import FileRecord
from data_factory.model.resources import Job
from data_factory.service.archives import Archive, Asset
from data_factory.service.files import Arrival
from data_factory.service.publications import Published

_PLACES: Final = (
    Query("pipelineId", "The pipeline that its executions run in."),
    Query("projectId", "The project that it is in."),
)


@routes.post(
    "/jobs/zip",
    answer=Job,
    status=201,
    query=_PLACES,
    errors=(KeyTaken, IdempotencyKeyReused, TooLarge, QuotaExceeded, TooSlow),
    idempotent=True,
    uploads=True,
)
async def create_job_from_zip(call: Call) -> Wire:
    """Publish a job from a ZIP archive, sent in the part `file` of a form: `job.json`, and `assets/` beside it."""
    async with _archive(call) as (archive, sha256):
        package = await _Package.of(call, archive, None)
        once = call.idempotency()
        if once is not None:
            once = replace(once, fingerprint=f"{once.fingerprint} {_asked(call)} {sha256}")
        async with package.arriving():
            made = call.platform.catalog.create_job(call.account_id, package.body, once, package, by=call.actor)
            return present_job(await made)


@routes.put(
    "/jobs/{id}/zip",
    answer=Job,
    status=201,
    query=_PLACES,
    errors=(NotFound, KeyTaken, TooLarge, QuotaExceeded, TooSlow),
    uploads=True,
)
async def update_job_from_zip(call: Call) -> Wire:
    """Publish the next version of a job from a ZIP archive, sent in the part `file` of a form."""
    present = await call.platform.catalog.job(call.account_id, call.path["id"])
    async with _archive(call) as (archive, _):
        package = await _Package.of(call, archive, present)
        async with package.arriving():
            made = call.platform.catalog.update_job(
                call.account_id, present[0].id, package.body, package, by=call.actor
            )
            return present_job(await made)


@asynccontextmanager
async def _archive(call: Call) -> AsyncIterator[tuple[Archive, str]]:
    """The archive that is sent, and its SHA-256; it is on the disk meanwhile, under no name.

    Raises:
        Invalid, TooLarge, TooSlow: it is none that is taken.
    """
    most = call.platform.files.rules.max_bytes
    part = FilePart(call.header(b"content-type"))
    size = 0
    checksum = hashlib.sha256()
    with await asyncio.to_thread(tempfile.TemporaryFile) as file:

        async def write(content: bytes) -> None:
            nonlocal size
            size += len(content)
            if most and size > most:
                raise TooLarge(f"An archive may have up to {most:,} bytes here, and this one has more.")
            checksum.update(content)
            await asyncio.to_thread(file.write, content)

        await receive(part, call.chunks(), write)
        yield await asyncio.to_thread(_opened, file, most), checksum.hexdigest()


def _opened(file: IO[bytes], most: int) -> Archive:
    file.seek(0)
    return Archive(file, most)


class _Package:
    """A job from an archive, whose assets are brought once it is known to be valid."""

    def __init__(self, call: Call, archive: Archive, body: JobBody, arrivals: dict[Asset, Arrival]) -> None:
        self.body = body
        self._call = call
        self._archive = archive
        self._arrivals = arrivals
        self._brought: list[FileRecord] = []

    @property
    def file_ids(self) -> list[str]:
        """The ids of the files that are to be brought."""
        return [arrival.id for arrival in self._arrivals.values()]

    @classmethod
    async def of(cls, call: Call, archive: Archive, present: Published | None) -> _Package:
        """What is in an archive, of the next version of a job if there is one.

        Raises:
            Invalid: with all that is wrong with it.
        """
        value = read_definition(archive.job, "job.json")
        named = assets_in(value, archive.assets)
        assets = await asyncio.to_thread(lambda: [archive.examine(name) for name in sorted(named)])
        kept = await _kept(call, present)
        arrivals = {
            asset: call.platform.files.arrival(call.account_id)
            for asset in assets
            if (_filename(asset), asset.sha256) not in kept
        }
        files = {}
        for asset in assets:
            id = arrivals[asset].id if asset in arrivals else kept[_filename(asset), asset.sha256]
            files[asset.name] = {"url": call.origin + CONTENT_PATH.format(id=id), "filename": _filename(asset)}
        value = _settled(with_assets(value, files), _asked(call), present)
        try:
            body = convert(value, JobBody, len(archive.job))
        except Misfit as misfit:
            raise await refuse_job(call, misfit, [one.id for one in arrivals.values()]) from None
        return cls(call, archive, body, arrivals)

    @asynccontextmanager
    async def arriving(self) -> AsyncIterator[None]:
        """While the job is published: if it is not, nothing is left of what was brought."""
        async with AsyncExitStack() as stack:
            for arrival in self._arrivals.values():
                await stack.enter_async_context(arrival)
            try:
                yield
            except OutcomeUnknown:
                raise  # the job may be published, and need them; else they are swept in their time
            except DataFactoryError:
                await self._call.platform.files.take_back(self._call.account_id, self._brought)
                raise

    async def bring(self) -> None:
        """Keep the assets."""
        for asset, arrival in self._arrivals.items():
            blocks = self._archive.read(asset.name)
            while (block := await asyncio.to_thread(next, blocks, None)) is not None:
                await arrival.write(block)
            name = _filename(asset)
            self._brought.append(await arrival.keep(name, mimetypes.guess_type(name)[0] or OCTETS))


def _filename(asset: Asset) -> str:
    return asset.name.rpartition("/")[2]


async def _kept(call: Call, present: Published | None) -> dict[tuple[str, str], str]:
    """The files that the present version of a job names, by name and content: what has not changed is kept once."""
    ids = names_files(present[1].definition) if present else set()
    known: Iterable[FileRecord] = (await call.platform.files.known(call.account_id, ids)).values() if ids else ()
    return {(file.filename, file.sha256): file.id for file in known}


def _asked(call: Call) -> dict[str, str]:
    """Where the job is to be, as far as the request says."""
    return {place.name: value for place in _PLACES if (value := call.query(place.name))}


def _settled(value: Any, places: Mapping[str, str], present: Published | None) -> Any:
    """A job with what is not said in `job.json`: where it is, and, if it was published before, whether it may be
    launched."""
    if not isinstance(value, dict):
        return value
    kept = {"status": present[0].status} if present else {}
    return {**kept, **value, **places}
