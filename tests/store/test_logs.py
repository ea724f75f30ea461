"""What was told of job executions: in the order in which it came, counted, and each account's own."""

from __future__ import annotations

import pytest

from data_factory.model.records import LogRecord, LogTallyRecord
from data_factory.model.status import Severity
from data_factory.service.paging import Part
from data_factory.store.promises import Store
from tests.store.conftest import House
from tests.store.rows import ALL, execution, ids, keep, log, new_id

pytestmark = pytest.mark.anyio

EVERYTHING: tuple[Severity, ...] = ("info", "warning", "error")


async def told(store: Store, house: House, id: str, part: Part = ALL) -> list[LogRecord]:
    return await store.read(lambda reads: reads.logs_of_job(house.account.id, id, EVERYTHING, part))


async def test_logs_come_in_the_order_in_which_they_were_kept_whatever_clocks_and_ids_say(
    store: Store, house: House
) -> None:
    run, other = execution(house.job), execution(house.job)
    await keep(store, run, other)
    first = [log(run, message="é \U0001f600 '--"), log(other), log(run, message="x" * 100_000)]
    await store.write(lambda t: t.insert_logs(first, []))
    last = log(run, logged_at=0, created_at=0, task_execution_id=new_id(), message_type="MARKDOWN")
    await store.write(lambda t: t.insert_logs([last], []))
    wanted = [first[0], first[2], last]
    assert await told(store, house, run.id) == wanted
    assert await told(store, house, run.id, Part(limit=1)) == wanted[:1]
    assert await told(store, house, run.id, Part(cursor=first[0].id)) == wanted[1:]
    assert await told(store, house, run.id, Part(offset=1)) == wanted[1:]
    assert await told(store, house, new_id()) == []
    assert await told(store, house, "not\0hing") == []


async def test_only_the_severities_that_are_asked_for(store: Store, house: House) -> None:
    run = execution(house.job)
    await keep(store, run)
    logs = [log(run, severity=severity) for severity in EVERYTHING]
    await store.write(lambda t: t.insert_logs(logs, []))
    found = await store.read(lambda reads: reads.logs_of_job(house.account.id, run.id, ["error", "info"], ALL))
    assert ids(found) == [logs[0].id, logs[2].id]


async def test_another_account_is_told_nothing(store: Store, house: House) -> None:
    run = execution(house.job)
    await keep(store, run)
    await store.write(lambda t: t.insert_logs([log(run)], []))
    assert await store.read(lambda reads: reads.logs_of_job(new_id(), run.id, EVERYTHING, ALL)) == []


async def test_they_are_counted_by_what_is_added(store: Store, house: House) -> None:
    run, quiet = execution(house.job), execution(house.job)
    await keep(store, run, quiet)
    for more in (2, 3):
        added = LogTallyRecord(run.id, house.account.id, more, 10 * more, run.job_id, run.job_version)
        await store.write(lambda t, added=added: t.insert_logs([], [added]))  # type: ignore[misc]
    tallies = await store.write(lambda t: t.log_tallies([run.id, quiet.id, new_id()]))
    assert sorted(tallies, key=lambda tally: tally.logs) == [
        LogTallyRecord(quiet.id, house.account.id, 0, 0, quiet.job_id, quiet.job_version, house.account.id),
        LogTallyRecord(run.id, house.account.id, 5, 50, run.job_id, run.job_version, house.account.id),
    ]
