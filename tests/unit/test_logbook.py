"""Of each job execution only so much is kept; what comes after that is told once, and does no harm."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data_factory.model.errors import DataFactoryError
from data_factory.model.records import JobExecutionRecord, LogRecord
from data_factory.model.status import Severity
from data_factory.service import logbook
from data_factory.service.commands import WriteLogs
from data_factory.service.logbook import Kept
from data_factory.service.paging import Part
from tests.workshop import Workshop, step, workshop


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.setattr(logbook, "MAX_LOGS", 5)
    monkeypatch.setattr(logbook, "MAX_LOG_BYTES", 1_000)
    with workshop() as shop:
        yield shop


@pytest.fixture
def run(shop: Workshop) -> JobExecutionRecord:
    return launched(shop)


def launched(shop: Workshop) -> JobExecutionRecord:
    execution = shop.do(shop.launch(shop.job(step("first", shop.task(f"task-{shop.new_id()}")))))
    assert isinstance(execution, JobExecutionRecord)
    return execution


def log(shop: Workshop, job_execution_id: str, message: str = "hello") -> LogRecord:
    return LogRecord(
        id=shop.new_id(),
        account_id=shop.account_id,
        job_execution_id=job_execution_id,
        task_execution_id=None,
        emitter_name="tests",
        severity="info",
        message_type="DEFAULT",
        message=message,
        logged_at=shop.now,
        created_at=shop.now,
    )


def write(shop: Workshop, *logs: LogRecord, account_id: str | None = None) -> list[Kept | DataFactoryError]:
    answers: list[Kept | DataFactoryError] = shop.do(WriteLogs(account_id or shop.account_id, logs))
    return answers


def kept(answers: list[Kept | DataFactoryError]) -> list[bool]:
    return [isinstance(answer, Kept) and answer.kept for answer in answers]


def messages(shop: Workshop, id: str) -> list[str]:
    severities: tuple[Severity, ...] = ("info", "warning", "error")
    logs = shop.run(shop.store.read(lambda reads: reads.logs_of_job(shop.account_id, id, severities, Part(limit=100))))
    return [log.message for log in logs]


def test_beyond_the_limit_a_last_word_is_kept_and_nothing_more(shop: Workshop, run: JobExecutionRecord) -> None:
    assert kept(write(shop, *(log(shop, run.id, f"{n}") for n in range(3)))) == [True] * 3
    assert kept(write(shop, *(log(shop, run.id, f"{n}") for n in range(3, 8)))) == [True, True, False, False, False]
    assert kept(write(shop, log(shop, run.id))) == [False]
    assert messages(shop, run.id) == ["0", "1", "2", "3", "4", logbook.TOO_MUCH]


def test_the_limit_is_also_one_of_bytes(shop: Workshop, run: JobExecutionRecord) -> None:
    assert kept(write(shop, log(shop, run.id, "é" * 450), log(shop, run.id, "é" * 100), log(shop, run.id))) == [
        True,
        False,
        False,
    ]
    assert messages(shop, run.id) == ["é" * 450, logbook.TOO_MUCH]


def test_each_execution_has_its_own_limit_and_one_batch_may_have_many(shop: Workshop, run: JobExecutionRecord) -> None:
    other = launched(shop)
    logs = [log(shop, (run, other)[n % 2].id, f"{n}") for n in range(12)]
    answers = shop.batch(*(WriteLogs(shop.account_id, (one,)) for one in logs)).answers
    assert [kept(answer) for answer in answers] == [[n < 10] for n in range(12)]
    assert messages(shop, run.id) == ["0", "2", "4", "6", "8", logbook.TOO_MUCH]


def test_what_is_refused_does_not_hinder_the_others(shop: Workshop, run: JobExecutionRecord) -> None:
    refused, taken = write(shop, log(shop, "f" * 24), log(shop, run.id, "kept"))
    assert isinstance(refused, DataFactoryError) and refused.code == "invalid"
    assert isinstance(taken, Kept) and taken.kept
    assert messages(shop, run.id) == ["kept"]


def test_another_account_cannot_tell_anything_of_it(shop: Workshop, run: JobExecutionRecord) -> None:
    (refused,) = write(shop, log(shop, run.id), account_id="f" * 24)
    assert isinstance(refused, DataFactoryError)
    assert messages(shop, run.id) == []
