"""Files: of their account only, from their announcement to the last of them, and each counted while it is there."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from data_factory.model.records import FileReaderRecord, FileRecord, FileTallyRecord
from data_factory.service.paging import Part
from data_factory.store.promises import ImpossibleWrite, StaleWrite, Store
from tests.store.conftest import House
from tests.store.rows import ALL, NOW, arrive, change, ended, execution, file, ids, keep, new_id, started
from tests.store.rows import job as job_of

pytestmark = pytest.mark.anyio


async def found(store: Store, account_id: str, *wanted: str) -> list[FileRecord]:
    return await store.read(lambda reads: reads.files_by_id(account_id, wanted))


async def tally(store: Store, house: House) -> tuple[int, int]:
    found = await store.read(lambda reads: reads.file_tally(house.account.id))
    return (found.files, found.bytes) if found else (0, 0)


async def test_a_file_is_there_once_it_has_arrived(store: Store, house: House) -> None:
    kept = file(house.account.id, filename="é \U0001f600 '--.xml", due_at=None)
    announced = replace(kept, status="ARRIVING", filename="", content_type="", size=0, sha256="", due_at=NOW)
    await store.write(lambda t: t.insert_file(announced))
    assert await found(store, house.account.id, kept.id) == []
    assert await store.read(lambda reads: reads.files_of_account(house.account.id, ALL)) == []
    await store.write(lambda t: t.keep_file(kept))
    assert await found(store, house.account.id, kept.id, new_id(), "not\0hing") == [kept]
    with pytest.raises(StaleWrite):
        await store.write(lambda t: t.keep_file(kept))


async def test_they_are_listed_newest_first_and_another_account_has_none_of_them(store: Store, house: House) -> None:
    files = [await arrive(store, file(house.account.id)) for _ in range(4)]
    newest_first = ids(reversed(files))
    assert ids(await store.read(lambda reads: reads.files_of_account(house.account.id, ALL))) == newest_first
    part = Part(cursor=newest_first[0], limit=2)
    assert ids(await store.read(lambda reads: reads.files_of_account(house.account.id, part))) == newest_first[1:3]
    assert await store.read(lambda reads: reads.files_of_account(new_id(), ALL)) == []
    assert await found(store, new_id(), files[0].id) == []


async def test_each_account_has_a_tally_that_is_never_below_nothing(store: Store, house: House) -> None:
    assert await tally(store, house) == (0, 0)
    for size in (5, 7):
        await arrive(store, file(house.account.id, size=size))
    assert await tally(store, house) == (2, 12)
    await store.write(lambda t: t.count_files([FileTallyRecord(house.account.id, -1, -5)]))
    assert await tally(store, house) == (1, 7)
    with pytest.raises(ImpossibleWrite):
        await store.write(lambda t: t.count_files([FileTallyRecord(house.account.id, -2, -7)]))
    assert await tally(store, house) == (1, 7)


async def test_what_is_due_goes_in_two_steps_and_can_be_found_in_between(store: Store, house: House) -> None:
    early = await arrive(store, file(house.account.id, due_at=NOW - 1))
    late = await arrive(store, file(house.account.id, due_at=NOW + 1))
    assert await store.read(lambda reads: reads.next_due_file()) == NOW - 1
    assert ids(await store.write(lambda t: t.due_files(NOW, 10))) == [early.id]
    await store.write(lambda t: t.leave_files([early.id], NOW))
    assert await found(store, house.account.id, early.id, late.id) == [late]
    [leaving] = await store.write(lambda t: t.due_files(NOW, 10))
    assert (leaving.id, leaving.status) == (early.id, "LEAVING")
    await store.write(lambda t: t.delete_files([early.id, late.id]))
    assert await store.write(lambda t: t.due_files(NOW, 10)) == []
    assert await found(store, house.account.id, late.id) == [late]
    assert ids(await store.write(lambda t: t.due_files(NOW + 1, 10))) == [late.id]


async def test_what_was_arriving_when_nobody_was_left_is_due(store: Store, house: House) -> None:
    kept = await arrive(store, file(house.account.id, due_at=None))
    arriving = file(house.account.id, status="ARRIVING", filename="", sha256="", due_at=NOW + 5_000)
    await store.write(lambda t: t.insert_file(arriving))
    assert await store.write(lambda t: t.due_files(NOW, 10)) == []
    await store.write(lambda t: t.abandon_files(NOW))
    assert ids(await store.write(lambda t: t.due_files(NOW, 10))) == [arriving.id]
    assert await found(store, house.account.id, kept.id) == [kept]


async def test_what_is_still_to_come_is_not_due_with_what_was_given_up(store: Store, house: House) -> None:
    ours, theirs = [
        file(house.account.id, status="ARRIVING", filename="", sha256="", due_at=NOW + 5_000) for _ in range(2)
    ]
    there = await arrive(store, file(house.account.id, due_at=NOW + 9_000))
    for one in (ours, theirs):
        await store.write(lambda t, one=one: t.insert_file(one))  # type: ignore[misc]
    await store.write(lambda t: t.abandon_files(NOW + 10))
    await store.write(lambda t: t.renew_files([ours.id, there.id], NOW + 7_000))
    assert ids(await store.write(lambda t: t.due_files(NOW + 6_999, 10))) == [theirs.id]
    assert ids(await store.write(lambda t: t.due_files(NOW + 7_000, 10))) == [theirs.id, ours.id]
    assert await found(store, house.account.id, there.id) == [there]


async def test_what_a_job_uses_stays_and_can_be_asked_for(store: Store, house: House) -> None:
    one, two = [await arrive(store, file(house.account.id)) for _ in range(2)]
    owner = house.account.id
    await store.write(lambda t: t.use_files(house.job.id, owner, [one.id, two.id, new_id()], NOW))
    assert await store.read(lambda reads: reads.next_due_file()) is None
    assert await found(store, owner, one.id) == [replace(one, due_at=None, updated_at=NOW)]
    assert ids(await store.read(lambda reads: reads.jobs_using_file(one.id))) == [house.job.id]
    await store.write(lambda t: t.use_files(house.job.id, owner, [two.id], NOW + 1))
    assert await store.read(lambda reads: reads.jobs_using_file(one.id)) == []
    assert ids(await store.read(lambda reads: reads.jobs_using_file(two.id))) == [house.job.id]
    assert (await found(store, owner, one.id))[0].due_at is None
    assert (await found(store, owner, two.id))[0].updated_at == NOW


async def test_a_job_uses_no_file_of_another_account(store: Store, house: House) -> None:
    theirs = await arrive(store, file(house.account.id))
    await store.write(lambda t: t.use_files(house.job.id, new_id(), [theirs.id], NOW))
    assert await found(store, house.account.id, theirs.id) == [theirs]
    assert await store.read(lambda reads: reads.jobs_using_file(theirs.id)) == []


async def test_a_file_that_a_job_uses_cannot_be_deleted_behind_its_back(store: Store, house: House) -> None:
    used = await arrive(store, file(house.account.id))
    other = job_of(house.account.id, house.pipeline.id)
    await keep(store, other)
    await store.write(lambda t: t.use_files(other.id, house.account.id, [used.id], NOW))
    await store.write(lambda t: t.leave_files([used.id], NOW))
    with pytest.raises(ImpossibleWrite):
        await store.write(lambda t: t.delete_files([used.id]))


async def readable(store: Store, account_id: str, id: str) -> FileRecord | None:
    return await store.read(lambda reads: reads.readable_file(account_id, id))


async def test_who_is_let_read_a_file_reads_it_until_the_job_execution_is_deleted_and_nothing_else(
    store: Store, house: House
) -> None:
    one, other = [await arrive(store, file(house.account.id)) for _ in range(2)]
    first, second = [started(execution(house.job)) for _ in range(2)]
    await keep(store, first, second)
    guest = new_id()
    readers = [FileReaderRecord(one.id, guest, run.id, house.account.id) for run in (first, second)]
    for _ in range(2):  # the second time changes nothing
        await store.write(
            lambda t: t.let_read([*readers, FileReaderRecord("f" * 64, guest, first.id, house.account.id)])
        )
    assert await readable(store, guest, one.id) == one == await readable(store, house.account.id, one.id)
    assert await readable(store, guest, other.id) is None is await readable(store, new_id(), one.id)
    assert await readable(store, guest, "not\0hing") is None
    assert await found(store, guest, one.id) == []
    assert await store.read(lambda reads: reads.files_of_account(guest, ALL)) == []
    for run, left in ((first, one), (second, None)):
        await change(store, run, ended(run))
        assert await readable(store, guest, one.id) == one
        await store.write(lambda t, run=run: t.begin_erasing([run.id], NOW))  # type: ignore[misc]
        assert await readable(store, guest, one.id) == left, "gone at once, before it is erased"
    assert await readable(store, house.account.id, one.id) == one


async def test_nobody_lets_another_read_what_is_not_theirs_or_not_there(store: Store, house: House) -> None:
    theirs = await arrive(store, file(house.account.id))
    run = started(execution(house.job))
    await keep(store, run)
    guest = new_id()
    await store.write(lambda t: t.let_read([FileReaderRecord(theirs.id, guest, run.id, owner_id=guest)]))
    assert await readable(store, guest, theirs.id) is None
    await store.write(lambda t: t.let_read([FileReaderRecord(theirs.id, guest, run.id, owner_id=house.account.id)]))
    assert await readable(store, guest, theirs.id) == theirs
    await store.write(lambda t: t.leave_files([theirs.id], NOW))
    assert await readable(store, guest, theirs.id) is None


async def test_what_another_account_still_has_to_read_is_not_swept(store: Store, house: House) -> None:
    used, deleted = [await arrive(store, file(house.account.id, due_at=NOW - 2)) for _ in range(2)]
    late = await arrive(store, file(house.account.id, due_at=NOW + 5))
    waiting = execution(house.job)
    await keep(store, waiting)
    readers = [FileReaderRecord(one.id, new_id(), waiting.id, house.account.id) for one in (used, deleted)]
    await store.write(lambda t: t.let_read(readers))
    assert await store.write(lambda t: t.due_files(NOW, 10)) == []
    assert await store.read(lambda reads: reads.next_due_file()) == late.due_at, "or there would be no end of looking"
    await store.write(lambda t: t.leave_files([deleted.id], NOW))  # by its owner
    assert ids(await store.write(lambda t: t.due_files(NOW, 10))) == [deleted.id]
    running = started(waiting)
    await change(store, waiting, running)
    assert ids(await store.write(lambda t: t.due_files(NOW, 10))) == [deleted.id]
    await change(store, running, ended(running))
    assert await store.read(lambda reads: reads.next_due_file()) == used.due_at
    assert ids(await store.write(lambda t: t.due_files(NOW, 10))) == [used.id, deleted.id]
