"""Files: uploaded, listed, downloaded, deleted."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from data_factory.api.call import Call
from data_factory.api.content import Content, headers_of, is_current, span, tag_of
from data_factory.api.finding import SORTING, find_in, is_sorted
from data_factory.api.lists import LISTS
from data_factory.api.multipart import MAX_BESIDE_BYTES, FilePart, receive
from data_factory.api.presenting import Wire, present_file
from data_factory.api.routing import PAGING, Routes
from data_factory.model.criteria import Criterion
from data_factory.model.errors import (
    FileInUse,
    IdempotencyKeyReused,
    NotFound,
    QuotaExceeded,
    RangeNotSatisfiable,
    TooLarge,
    TooSlow,
)
from data_factory.model.resources import File, Page

routes: Final = Routes("Files")


@routes.post(
    "/files",
    answer=File,
    status=201,
    errors=(TooLarge, QuotaExceeded, TooSlow, IdempotencyKeyReused),
    idempotent=True,
    uploads=True,
)
async def create_file(call: Call) -> Wire:
    """Upload a file, in the part `file` of a form; it is kept once all of it has come."""
    part = FilePart(call.header(b"content-type"))
    async with call.platform.files.arrival(call.account_id, by=call.actor) as arrival:
        if call.announced is not None:
            await arrival.expect(call.announced - MAX_BESIDE_BYTES)
        await receive(part, call.chunks(), arrival.write)
        file = await arrival.keep(part.filename, part.content_type, call.idempotency())
    return present_file(file, call.origin)


@routes.get("/files", answer=Page[File], query=(*PAGING, *SORTING))
async def list_files(call: Call) -> Wire:
    """List the files, newest first."""
    if is_sorted(call):
        return await find_in(call, File, LISTS[File](call), Criterion())
    found = await call.platform.files.files(call.account_id, call.part())
    return call.listed(found, lambda file: present_file(file, call.origin), lambda file: str(file.id))


@routes.get("/files/{id}", answer=File, errors=(NotFound,))
async def get_file(call: Call) -> Wire:
    """Get what is known of a file: of one's own, or of one that an execution of a shared job lets one read."""
    return present_file(await call.platform.files.file(call.account_id, call.path["id"]), call.origin)


@routes.get("/files/{id}/content", answer=Content, errors=(NotFound, RangeNotSatisfiable))
async def get_file_content(call: Call) -> Content:
    """Download a file, or a part of it (`Range`), or nothing if it is what one has already (`If-None-Match`).

    Who may read which file: see `GET /files/{id}`."""
    file, blob = await call.platform.files.open(call.account_id, call.path["id"])
    try:
        headers = headers_of(file)
        if is_current(call.header(b"if-none-match"), tag_of(file)):
            return Content(304, headers, (0, 0), blob.read, blob.close)
        try:
            found = span(call.header(b"range"), call.header(b"if-range"), tag_of(file), file.size)
        except RangeNotSatisfiable:
            call.answer_headers.append((b"content-range", b"bytes */%d" % file.size))
            raise
    except BaseException:
        await blob.close()
        raise
    begin, end = found or (0, file.size)
    if found:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (begin, end - 1, file.size)))

    async def read(begin: int, end: int) -> AsyncGenerator[bytes, None]:
        async with call.presence(1) as presence:
            async for block in blob.read(begin, end):
                if presence.gone:
                    return
                yield block

    return Content(206 if found else 200, headers, (begin, end), read, blob.close)


@routes.delete("/files/{id}", answer=File, status=201, errors=(NotFound, FileInUse))
async def delete_file(call: Call) -> Wire:
    """Delete a file that no job uses."""
    return present_file(await call.platform.files.delete(call.account_id, call.path["id"], by=call.actor), call.origin)
