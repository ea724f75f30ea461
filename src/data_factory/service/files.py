"""Files: uploaded, read, listed, deleted. Their content is with the blobs, all else in the store.

A file that arrives is in the store before its content is anywhere, and one that leaves until nothing is left of it:
what a crash leaves behind is known, and swept, without a look at the blobs.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, NoReturn, Self

import msgspec
from msgspec.structs import replace

from data_factory.model.actors import SYSTEM, Actor
from data_factory.model.errors import (
    FileInUse,
    IdempotencyKeyReused,
    NotFound,
    OutcomeUnknown,
    QuotaExceeded,
    TooLarge,
    Unavailable,
)
from data_factory.model.ids import NewId
from data_factory.model.records import FileRecord, FileTallyRecord, IdempotencyRecord
from data_factory.service.audit import note
from data_factory.service.batch import IDEMPOTENCY_MS
from data_factory.service.clock import Clock
from data_factory.service.commands import IdempotencyKey
from data_factory.service.paging import Part
from data_factory.service.retention import Retention
from data_factory.store.blobs import BLOCK_BYTES, Blob, Blobs, Draft
from data_factory.store.promises import Reads, Store, Transaction

log = logging.getLogger(__name__)

MIB: Final = 1024 * 1024
DAY_MS: Final = 24 * 3600 * 1000

UPLOAD_S: Final = 3600
"""The longest that an upload may take."""

ARRIVAL_MS: Final = (UPLOAD_S + 600) * 1000
"""When a file that has not arrived by then is given up, whoever was to bring it."""

_RANDOM_BYTES: Final = 20


class FileRules(msgspec.Struct, frozen=True):
    """How large a file may be, how long it is kept if no job uses it, and how much an account may have in all.

    Bytes and milliseconds; 0 is no limit.
    """

    max_bytes: int = 100 * MIB
    retention_ms: int = 90 * DAY_MS
    quota_bytes: int = 0


class Files:
    """The files of the accounts."""

    def __init__(
        self, store: Store, blobs: Blobs, retention: Retention, clock: Clock, new_id: NewId, rules: FileRules
    ) -> None:
        self.rules = rules
        self._store = store
        self._blobs = blobs
        self._retention = retention
        self._clock = clock
        self._new_id = new_id
        self._arriving: set[str] = set()

    def sweep_by(self, at: int) -> None:
        """There may be files that are due then."""
        self._retention.note(at)

    async def expect_the_rest(self) -> None:
        """Say of the files that this process is receiving that they are still to come.

        Raises:
            Unavailable: that cannot be kept.
        """
        if self._arriving:
            ids, due_at = sorted(self._arriving), self._clock() + ARRIVAL_MS
            await self._store.write(lambda transaction: transaction.renew_files(ids, due_at))

    def arrival(self, account_id: str, by: Actor = SYSTEM) -> Arrival:
        """A file that is about to be uploaded.

        async with files.arrival(account_id) as arrival:
            await arrival.write(b"...")
            file = await arrival.keep("a.xml", "text/xml")
        """
        # As all ids, in the order of time; the rest cannot be guessed. It is not the checksum: a file has a name, an
        # end and an owner of its own, whatever others have the same content.
        id = self._new_id() + secrets.token_hex(_RANDOM_BYTES)
        return Arrival(
            self._store,
            self._blobs,
            self._retention,
            self._clock,
            self.rules,
            self._arriving,
            account_id,
            id,
            by,
            self._new_id,
        )

    async def file(self, account_id: str, id: str) -> FileRecord:
        """A file of the account, or one of another that a job execution lets it read; NotFound when there is none."""
        found = await self._store.ask(lambda reads: reads.readable_file(account_id, id))
        return found or _missing(id)

    async def open(self, account_id: str, id: str) -> tuple[FileRecord, Blob]:
        """A file as `file` finds it, and its content; whoever asks closes it.

        Raises:
            NotFound: there is none.
            Unavailable: its content cannot be read.
        """
        file = await self.file(account_id, id)
        return file, await self._blobs.open(id)

    async def files(self, account_id: str, part: Part) -> list[FileRecord]:
        """Files, newest first."""
        return await self._store.ask(lambda reads: reads.files_of_account(account_id, part))

    async def known(self, account_id: str, ids: set[str]) -> dict[str, FileRecord]:
        """Those of these files that the account has."""
        found = await self._store.ask(lambda reads: reads.files_by_id(account_id, ids))
        return {file.id: file for file in found}

    async def delete(self, account_id: str, id: str, by: Actor = SYSTEM) -> FileRecord:
        """Delete a file that no job uses.

        Raises:
            NotFound: there is none.
            FileInUse: jobs use it; the message names them.
        """
        now = self._clock()

        async def work(transaction: Transaction) -> FileRecord:
            file = await _file_of(transaction, account_id, id)
            if jobs := await transaction.jobs_using_file(id):
                raise FileInUse(f"The file {id!r} is used by these jobs: {', '.join(job.key for job in jobs)}.")
            await transaction.leave_files([id], now)
            await transaction.count_files([FileTallyRecord(account_id, -1, -file.size)])
            await note(transaction, "file.deleted", by, now, self._new_id, file, filename=file.filename)
            return file

        file = await self._store.write(work)
        self._retention.note(now)
        return file

    async def take_back(self, account_id: str, files: Sequence[FileRecord]) -> None:
        """Delete files that nobody was told of. What cannot be deleted now is swept when it is due."""
        now = self._clock()
        less = FileTallyRecord(account_id, -len(files), -sum(file.size for file in files))

        async def work(transaction: Transaction) -> None:
            await transaction.leave_files([file.id for file in files], now)
            await transaction.count_files([less])

        if files:
            with suppress(Unavailable):
                await self._store.write(work)
                self._retention.note(now)


class Arrival:
    """A file on its way in. Unless it is kept, nothing is left of it."""

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        retention: Retention,
        clock: Clock,
        rules: FileRules,
        arriving: set[str],
        account_id: str,
        id: str,
        by: Actor,
        new_id: NewId,
    ) -> None:
        self._by = by
        self._new_id = new_id
        self._store = store
        self._blobs = blobs
        self._retention = retention
        self._clock = clock
        self._rules = rules
        self._arriving = arriving
        self._account_id = account_id
        self.id = id
        self._size = 0
        self._block = bytearray()
        self._awaited = False
        self._draft: Draft | None = None

    async def expect(self, size: int) -> None:
        """Refuse now what would be refused in the end: so many bytes are to come.

        Raises:
            TooLarge, QuotaExceeded: it must not have as many.
        """
        self._refuse_too_large(size)
        if self._rules.quota_bytes:
            tally = await self._store.read(lambda reads: reads.file_tally(self._account_id))
            self._refuse_over_quota((tally.bytes if tally else 0) + size)

    async def write(self, data: bytes | memoryview) -> None:
        """Some of its content.

        Raises:
            TooLarge: it has more than it may have.
            Unavailable: it cannot be kept.
        """
        self._size += len(data)
        self._refuse_too_large(self._size)
        self._block += data
        if len(self._block) >= BLOCK_BYTES:
            await self._flush()

    async def keep(self, filename: str, content_type: str, idempotency: IdempotencyKey | None = None) -> FileRecord:
        """All of it is there. An earlier one, if this is a repeat of the request that has brought it.

        Raises:
            QuotaExceeded: the account would have more than it may have.
            IdempotencyKeyReused: another file was brought with this key.
            Unavailable: it cannot be kept.
        """
        draft = await self._flush()
        sha256 = await draft.keep()
        now = self._clock()
        file = FileRecord(
            id=self.id,
            account_id=self._account_id,
            status="KEPT",
            filename=filename,
            content_type=content_type,
            size=self._size,
            sha256=sha256,
            created_at=now,
            updated_at=now,
            due_at=now + self._rules.retention_ms if self._rules.retention_ms else None,
        )
        if idempotency is not None:
            said = f"{idempotency.fingerprint} {sha256} {content_type} {filename}"
            idempotency = replace(idempotency, fingerprint=hashlib.sha256(said.encode()).hexdigest())

        async def work(transaction: Transaction) -> FileRecord:
            if idempotency is not None and (earlier := await self._earlier(transaction, idempotency)):
                return earlier
            await transaction.keep_file(file)
            await transaction.count_files([FileTallyRecord(file.account_id, 1, file.size)])
            tally = await transaction.file_tally(file.account_id)
            if self._rules.quota_bytes and tally is not None:
                self._refuse_over_quota(tally.bytes)
            about = {"filename": filename, "size": file.size, "sha256": sha256}
            await note(transaction, "file.created", self._by, now, self._new_id, file, **about)
            if idempotency is not None:
                record = IdempotencyRecord(
                    file.account_id, idempotency.key, idempotency.fingerprint, file.id, file.created_at
                )
                await transaction.insert_idempotency_keys([record], now - IDEMPOTENCY_MS)
            return file

        try:
            kept = await self._store.write(work)
        except OutcomeUnknown:
            self._awaited = False  # it may be kept: if it is not, it is swept when it is due
            raise
        if kept is file:
            self._awaited = False
            self._retention.note(file.due_at)
        return kept

    async def _earlier(self, transaction: Transaction, idempotency: IdempotencyKey) -> FileRecord | None:
        for earlier in await transaction.idempotency_keys([(self._account_id, idempotency.key)]):
            if earlier.fingerprint != idempotency.fingerprint:
                raise IdempotencyKeyReused
            return await _file_of(transaction, self._account_id, earlier.resource_id)
        return None

    async def _flush(self) -> Draft:
        """Write what has come; the first time, only once the store knows of it."""
        if self._draft is None:
            now = self._clock()
            arriving = FileRecord(self.id, self._account_id, "ARRIVING", "", "", 0, "", now, now, now + ARRIVAL_MS)
            self._awaited = True
            self._arriving.add(self.id)
            await self._store.write(lambda transaction: transaction.insert_file(arriving))
            self._retention.note(arriving.due_at)
            self._draft = await self._blobs.draft(self.id)
        if self._block:
            block, self._block = self._block, bytearray()
            await self._draft.write(bytes(block))
        return self._draft

    def _refuse_too_large(self, size: int) -> None:
        if self._rules.max_bytes and size > self._rules.max_bytes:
            raise TooLarge(f"A file may have up to {self._rules.max_bytes:,} bytes here, and this one has more.")

    def _refuse_over_quota(self, size: int) -> None:
        if size > self._rules.quota_bytes:
            raise QuotaExceeded(
                f"The files of this account may have {self._rules.quota_bytes:,} bytes in all; with this one, it would "
                f"be at least {size:,}."
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left of it, or what is left is swept: whoever comes here has an answer to give first."""
        self._arriving.discard(self.id)
        if not self._awaited:
            return
        now = self._clock()
        with suppress(Unavailable):  # then it is due when nobody could still bring it
            if self._draft is not None:
                await self._draft.drop()
            await self._store.write(lambda transaction: transaction.leave_files([self.id], now))
            self._retention.note(now)


async def _file_of(reads: Reads, account_id: str, id: str) -> FileRecord:
    for file in await reads.files_by_id(account_id, [id]):
        return file
    return _missing(id)


def _missing(id: str) -> NoReturn:
    raise NotFound(f"There is no file {id!r} in this account.")
