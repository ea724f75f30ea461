"""What is told of job executions: kept in the order in which it came, and of each execution only so much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from data_factory.model.errors import DataFactoryError, FieldError, Invalid, SecretUnreadable
from data_factory.model.ids import NewId
from data_factory.model.records import LogRecord, LogTallyRecord, SecretRecord
from data_factory.model.variables import Mask
from data_factory.service.commands import WriteLogs
from data_factory.service.graphs import Graphs
from data_factory.service.vault import Vault
from data_factory.store.promises import Transaction

MAX_LOGS: Final = 10_000
MAX_LOG_BYTES: Final = 32 * 1024 * 1024
"""The most that is kept of one job execution."""

TOO_MUCH: Final = f"There is more: only {MAX_LOGS:,} logs, or {MAX_LOG_BYTES >> 20} MiB, of a job execution are kept."

EMITTER: Final = "data-factory"


class Kept(msgspec.Struct, frozen=True):
    """A log, and whether it is kept: not when there are too many of its job execution already."""

    log: LogRecord
    kept: bool


class Discretion:
    """Knows what must not be told of job executions: those of the owner of the job, if it reads variables."""

    def __init__(self, transaction: Transaction, graphs: Graphs, vault: Vault) -> None:
        self._transaction = transaction
        self._graphs = graphs
        self._vault = vault

    async def masks(self, tallies: Iterable[LogTallyRecord]) -> dict[str, Mask | SecretUnreadable]:
        """What takes secrets out of the logs of these job executions, by id; nothing of those without secrets."""
        graphs = await self._graphs.load(self._transaction, {(one.job_id, one.job_version) for one in tallies})
        reading = {version for version, graph in graphs.items() if graph.reads_variables}
        read = [one for one in tallies if (one.job_id, one.job_version) in reading]
        if not read:
            return {}
        secrets: dict[str, list[SecretRecord]] = {}
        for secret in await self._transaction.secrets_of_accounts({one.job_account_id for one in read}):
            secrets.setdefault(secret.account_id, []).append(secret)
        masks = {account_id: self._mask(found) for account_id, found in secrets.items()}
        return {one.job_execution_id: masks[one.job_account_id] for one in read if one.job_account_id in masks}

    def _mask(self, secrets: Iterable[SecretRecord]) -> Mask | SecretUnreadable:
        try:
            return self._vault.mask(secrets)
        except SecretUnreadable as error:
            return error


async def write_logs(
    transaction: Transaction, commands: Sequence[WriteLogs], now: int, new_id: NewId, discretion: Discretion
) -> list[list[Kept | DataFactoryError]]:
    """Keep the logs of some commands; for each command, what became of each of its logs."""
    ids = {log.job_execution_id for command in commands for log in command.logs}
    before = {tally.job_execution_id: tally for tally in await transaction.log_tallies(ids)}
    book = _Book(before, now, new_id, await discretion.masks(list(before.values())))
    answers = [[book.take(command.account_id, log) for log in command.logs] for command in commands]
    if book.logs:
        await transaction.insert_logs(book.logs, book.more())
    return answers


class _Book:
    """The logs of one transaction, and what there is then of each job execution."""

    def __init__(
        self,
        before: dict[str, LogTallyRecord],
        now: int,
        new_id: NewId,
        masks: Mapping[str, Mask | SecretUnreadable],
    ) -> None:
        self._masks = masks
        self._before = before
        self._tallies = dict(before)
        self._now = now
        self._new_id = new_id
        self.logs: list[LogRecord] = []

    def take(self, account_id: str, log: LogRecord) -> Kept | DataFactoryError:
        """Keep a log if there is room for it; the first that there is no room for leaves a word of that."""
        tally = self._tallies.get(log.job_execution_id)
        if tally is None or account_id not in (tally.account_id, tally.job_account_id):
            told = f"there is no job execution {log.job_execution_id!r} in this account"
            return Invalid(errors=(FieldError("eventCorrelationId", told),))
        log = log if log.account_id == tally.account_id else replace(log, account_id=tally.account_id)
        match self._masks.get(log.job_execution_id):
            case Mask() as mask:
                log = replace(log, message=mask.text(log.message), emitter_name=mask.text(log.emitter_name))
            case SecretUnreadable() as error:
                return error
        size = len(log.message.encode())
        if tally.logs < MAX_LOGS and tally.bytes + size <= MAX_LOG_BYTES:
            self._add(tally, log, size)
            return Kept(log, kept=True)
        if tally.logs <= MAX_LOGS and tally.bytes <= MAX_LOG_BYTES:
            self._add(tally, self._last_word(log), MAX_LOG_BYTES + 1)
        return Kept(log, kept=False)

    def more(self) -> list[LogTallyRecord]:
        """How much more there is of each job execution."""
        changed = [(self._before[id], tally) for id, tally in self._tallies.items() if tally is not self._before[id]]
        return [
            replace(now, logs=now.logs - before.logs, bytes=now.bytes - before.bytes)
            for before, now in sorted(changed, key=lambda pair: pair[0].job_execution_id)
        ]

    def _add(self, tally: LogTallyRecord, log: LogRecord, size: int) -> None:
        self.logs.append(log)
        self._tallies[log.job_execution_id] = replace(tally, logs=tally.logs + 1, bytes=tally.bytes + size)

    def _last_word(self, log: LogRecord) -> LogRecord:
        return replace(
            log,
            id=self._new_id(),
            task_execution_id=None,
            emitter_name=EMITTER,
            severity="warning",
            message_type="DEFAULT",
            message=TOO_MUCH,
            logged_at=self._now,
        )
