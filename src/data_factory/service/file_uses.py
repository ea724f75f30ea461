"""Which files job executions use: what one that has not ended has been given, and what its tasks have made, is not
swept; and with a shared job some of them are read by the other account, too."""

from __future__ import annotations

from collections.abc import Iterator

from data_factory.model.file_values import names_files
from data_factory.model.records import FileReaderRecord, JobExecutionRecord
from data_factory.service.world import World


def files_used(world: World) -> Iterator[FileReaderRecord]:
    """The files that job executions have begun to use, and who reads them because of that."""
    for one in world.executions.new():
        for id in names_files(one.input):
            for account_id in sorted({one.account_id, one.job_account_id}):
                yield _own(id, account_id, one.id)
    told = (now for old, now in world.task_executions.changed() if now.output is not old.output)
    for row in (*world.task_executions.new(), *told):
        if (ids := names_files(row.output)) and not _has_ended(world, row.job_execution_id):
            yield from (_own(id, row.account_id, row.job_execution_id) for id in ids)
    yield from _across(world)


def _has_ended(world: World, job_execution_id: str) -> bool:
    execution = world.executions.now.get(job_execution_id)
    return execution is not None and execution.ended_at is not None


def _own(id: str, account_id: str, job_execution_id: str) -> FileReaderRecord:
    return FileReaderRecord(id, account_id, job_execution_id, owner_id=account_id)


def _across(world: World) -> Iterator[FileReaderRecord]:
    """Which files go across with shared jobs that were launched or have ended: the owner may read those that the guest
    has given, and the guest those that come out.

    Each only gives files of its own, and by its own word: of the owner's, none that the guest has named first; and
    what a job inside a shared one is given and gives, no guest sees, nor has said.
    """
    changed = ((old, now) for old, now in world.executions.changed() if now.output is not old.output)
    launched: Iterator[tuple[JobExecutionRecord | None, JobExecutionRecord]]
    launched = ((None, new) for new in world.executions.new())
    for old, one in (*launched, *changed):
        if not one.is_guests or one.parent is not None:
            continue
        if old is None:
            for id in names_files(one.input):
                yield FileReaderRecord(id, one.job_account_id, one.id, owner_id=one.account_id)
        for id in names_files(one.output):
            if id not in one.input:
                yield FileReaderRecord(id, one.account_id, one.id, owner_id=one.job_account_id)
