"""Payloads come back letter by letter, whatever they are."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from data_factory.store.promises import Store
from tests.store.conftest import House
from tests.store.rows import attempt, claimed, done, execution, keep, started, task

pytestmark = pytest.mark.anyio

LETTERS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))

PAYLOADS = {
    "empty": "{}",
    "unicode": '{"é":"漢字 \U0001f600 \u202e \ufeff \uffff"}',
    "escapes": r'{"a":"\"\\\/\b\f\n\r\tሴ"}',
    "big integers": '{"a":%d,"b":-%d}' % (2**100, 10**4_000),
    "floats as written": '{"a":1.0,"b":1e300,"c":0.1,"d":-0.0}',
    "deep": '{"a":%s1%s}' % ("[" * 190, "]" * 190),
    "sql": """{"a":"'); DROP TABLE job_executions; --","b":":id","c":"?1","d":"$1"}""",
    "huge": '{"a":"%s"}' % ("é" * 5_000_000),
}


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_inputs_and_outputs(store: Store, house: House, payload: str) -> None:
    text = PAYLOADS[payload]
    run = started(execution(house.job, input=text))
    held = claimed(attempt(run, house.task.id, input=text))
    await keep(store, run, held)
    over = replace(run, output=text)
    await store.write(lambda t: t.update_job_executions([(run, over)]))
    await store.write(lambda t: t.update_task_executions([(held, done(held, output=text))]))
    seen = await store.read(lambda reads: reads.job_execution(house.account.id, run.id))
    step = await store.read(lambda reads: reads.task_execution(house.account.id, held.id))
    assert seen is not None and (seen.input == text) and (seen.output == text)
    assert step is not None and (step.input == text) and (step.output == text)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(title=LETTERS, definition=LETTERS)
async def test_any_text(store: Store, house: House, title: str, definition: str) -> None:
    row = task(house.account.id, definition=definition)
    run = execution(house.job, title=title)
    await keep(store, row, run)
    assert await store.read(lambda reads: reads.tasks_by_id([row.id])) == [row]
    assert await store.read(lambda reads: reads.job_execution(house.account.id, run.id)) == run


@pytest.mark.parametrize("at", [0, -1, 2**53 + 1, 2**62])
async def test_any_time(store: Store, house: House, at: int) -> None:
    run = execution(house.job, created_at=at)
    await keep(store, run)
    assert await store.read(lambda reads: reads.job_execution(house.account.id, run.id)) == run
