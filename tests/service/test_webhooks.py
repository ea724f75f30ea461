"""Webhooks on a platform whose loops do not run: who is told, how often, and what becomes of it, by a real receiver."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from data_factory.api.presenting import present_job_execution
from data_factory.engine import webhooks as rules
from data_factory.engine.webhooks import DELAYS_S, LONGEST_WAIT_S, Attempt
from data_factory.model.definitions import LaunchWebhook, WebhookDefinition
from data_factory.model.errors import DeliveryPending, Invalid, NoSecretKey, NotFound, TooManyWebhooks
from data_factory.model.records import DeliveryRecord, JobExecutionRecord, TaskRecord, WebhookRecord
from data_factory.service import deliveries, receivers
from data_factory.service.commands import Cancel, IdempotencyKey
from data_factory.service.deliveries import KEEP_MS, LEASE_MS
from data_factory.service.paging import Part
from data_factory.service.platform import Platform
from data_factory.service.receivers import Outbound
from data_factory.service.timeline import timeline
from data_factory.service.vault import Vault
from data_factory.service.webhooks import MAX_WEBHOOKS, OVERLAP_MS
from data_factory.store.disk import DiskBlobs
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.promises import Store
from data_factory.store.sqlite import SqliteStore
from tests.receiver import SECRET, Received, Receiver, receiver
from tests.store.rows import delivery, webhook
from tests.workshop import KEY, START, Orders, declare_job, declare_pipeline, declare_task, quick_directory, step

pytestmark = pytest.mark.anyio

ALL = Part(limit=100)
DAY_MS = 24 * 3600 * 1000


class Post(Orders):
    """A platform and its account; `now` is the time."""

    def __init__(self, store: Store, directory: Path, *, allow_private: bool = True, key: bool = True) -> None:
        self.now = START
        self.directory = directory
        outbound = Outbound(present_job_execution, allow_private)
        vault = Vault(os.urandom(32)) if key else Vault()
        blobs = DiskBlobs(directory / "files")
        self.platform = Platform(store, blobs, clock=lambda: self.now, vault=vault, outbound=outbound)
        self.webhooks = self.platform.webhooks

    async def open(self) -> None:
        await self.platform.keys.prepare(KEY)
        caller = await self.platform.keys.caller(KEY)
        super().__init__(caller.account_id, self.platform.new_id)
        self.work: TaskRecord = await declare_task(self.platform, self.account_id, "work")
        pipeline = await declare_pipeline(self.platform, self.account_id, 1_000)
        self.job = await declare_job(self.platform, self.account_id, step("first", self.work), pipeline=pipeline)

    async def webhook(self, url: str, **fields: Any) -> WebhookRecord:
        made, _ = await self.webhooks.create(self.account_id, WebhookDefinition(url=url, **fields))
        return made

    async def launched(self, given: LaunchWebhook | None = None, **input: Any) -> JobExecutionRecord:
        launch = self.launch(self.job, input)
        if given is not None:
            launch = replace(launch, webhook=self.webhooks.of_launch(self.account_id, launch.id, given))
        return await self.platform.executions.launch(launch)

    async def ended(self, given: LaunchWebhook | None = None, status: Any = "COMPLETED", **output: Any) -> str:
        """The id of a job execution that has ended."""
        run = await self.launched(given)
        [held] = await self.platform.executions.claim(self.claim(self.work))
        await self.platform.executions.report(self.report(held, status, output))
        return run.id

    async def sends(self, now: int | None = None) -> None:
        await self.platform.deliveries.run_once(self.now if now is None else now)

    async def told(self, run: str) -> list[DeliveryRecord]:
        return await self.webhooks.deliveries_of_execution(self.account_id, run, ALL)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """The address of a database; None for SQLite."""
    return request.getfixturevalue("database").url if request.param == "postgresql" else None


@pytest.fixture
async def post(url: str | None, anyio_backend: str) -> AsyncIterator[Post]:
    with quick_directory() as directory:
        here = Post(PostgresqlStore(url) if url else SqliteStore(Path(directory)), Path(directory))
        await here.open()
        yield here
        await here.platform.stop()


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as there:
        yield there


def attempts(one: DeliveryRecord) -> list[int | None]:
    return [attempt.status for attempt in rules.attempts_of(one)]


async def test_the_end_of_an_execution_is_told_once_signed_and_without_what_is_not_shown(
    post: Post, there: Receiver
) -> None:
    run = await post.ended(LaunchWebhook(f"{there.address}/end?a=1", SECRET), v=7)
    await post.sends()
    got = there.next()
    assert got.path == "/end?a=1" and got.is_signed_with(SECRET)
    assert got.json["type"] == "job_execution.ended"
    execution = await post.platform.executions.job_execution(post.account_id, run)
    assert got.json["data"]["id"] == run and got.json["data"]["output"] == {"v": 7}
    assert set(got.json["data"]) == set(present_job_execution(execution))
    assert got.headers["host"] in there.address and got.headers["content-type"] == "application/json"
    [one] = await post.told(run)
    assert (one.status, attempts(one), one.id) == ("DELIVERED", [204], got.id)
    await post.sends(post.now + DAY_MS)
    assert there.received.empty()


async def test_the_receiver_of_the_how_to_knows_what_is_genuine(post: Post, there: Receiver) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/webhooks.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    shown: dict[str, Any] = {}
    exec(code, shown)  # noqa: S102 - our own page
    post.now = time.time_ns() // 1_000_000
    await post.ended(LaunchWebhook(there.address, SECRET))
    await post.sends()
    got = there.next()
    is_genuine = shown["is_genuine"]
    assert is_genuine(got.headers, got.body, SECRET)
    assert not is_genuine(got.headers, got.body + b" ", SECRET)
    assert not is_genuine(got.headers, got.body, SECRET.replace("M", "N"))
    assert not is_genuine({**got.headers, "webhook-timestamp": str(post.now // 1000 - 3600)}, got.body, SECRET)


async def test_who_is_told_of_which_end(post: Post, there: Receiver) -> None:
    every = await post.webhook(f"{there.address}/every")
    await post.webhook(f"{there.address}/none", job_ids=("0" * 24,))
    await post.webhook(f"{there.address}/off", is_active=False)
    bad = await post.webhook(f"{there.address}/bad", statuses=("FAILED", "TERMINATED"), job_ids=(post.job.id,))
    good = await post.ended()
    failed = await post.ended(status="FAILED_WITH_TERMINAL_ERROR")
    canceled = await post.launched()
    await post.platform.executions.cancel(Cancel(post.account_id, canceled.id))
    await post.sends()
    got = sorted((one.path, one.json["data"]["status"]) for one in (there.next() for _ in range(5)))
    assert got == [("/bad", "FAILED"), ("/bad", "TERMINATED")] + [
        ("/every", status) for status in ("COMPLETED", "FAILED", "TERMINATED")
    ]
    assert there.received.empty()
    assert [one.webhook_id for one in await post.told(good)] == [every.id]
    assert {one.webhook_id for one in await post.told(failed)} == {every.id, bad.id}


async def test_a_pipeline_made_later_knows_of_the_webhooks(post: Post, there: Receiver) -> None:
    await post.webhook(there.address)
    pipeline = await declare_pipeline(post.platform, post.account_id, 1)
    post.job = await declare_job(post.platform, post.account_id, step("first", post.work), pipeline=pipeline)
    await post.ended()
    await post.sends()
    assert there.next().json["data"]["status"] == "COMPLETED"


async def test_what_fails_is_tried_again_ten_times_in_three_days_with_one_id(post: Post, there: Receiver) -> None:
    there.answer = lambda _: (500, {})
    run = await post.ended(LaunchWebhook(there.address, SECRET))
    ids, begin = set(), post.now
    while (one := (await post.told(run) or [None])[0]) is not None and one.due_at is not None:  # type: ignore[list-item]
        await post.sends(one.due_at - 1)
        assert there.received.empty() or one.tries == 0
        post.now = one.due_at
        await post.sends()
        ids.add(there.next().id)
    assert one is not None and one.status == "FAILED" and attempts(one) == [500] * 10 and len(ids) == 1
    assert 3 * DAY_MS < post.now - begin < 3.6 * DAY_MS
    there.answers()
    again = await post.webhooks.resend(post.account_id, one.id)
    assert again.status == "PENDING"
    with pytest.raises(DeliveryPending):
        await post.webhooks.resend(post.account_id, one.id)
    await post.sends()
    assert there.next().id in ids
    assert [(one.status, attempts(one)[-2:]) for one in await post.told(run)] == [("DELIVERED", [500, 204])]


async def test_a_receiver_may_ask_for_time_and_is_not_followed_elsewhere(post: Post, there: Receiver) -> None:
    there.answers(302, location=f"{there.address}/other", retry_after="3600")
    run = await post.ended(LaunchWebhook(there.address, SECRET))
    await post.sends()
    assert there.next().path == "/" and there.received.empty()
    [one] = await post.told(run)
    assert one.due_at is not None and one.due_at - post.now >= 3_600_000


async def test_gone_ends_a_webhook_until_somebody_says_otherwise(post: Post, there: Receiver) -> None:
    one = await post.webhook(there.address)
    there.answers(410)
    run = await post.ended()
    await post.sends()
    found = await post.webhooks.webhook(post.account_id, one.id)
    assert (found.is_active, found.disabled_reason) == (0, "it answered 410 Gone")
    assert [(one.status, attempts(one)) for one in await post.told(run)] == [("FAILED", [410])]
    *_, (_, last) = await timeline(post.platform.store, post.account_id, run, ALL)
    host = there.address.removeprefix("http://")
    assert (last.kind, last.message) == (
        "webhook.given_up",
        f"The webhook to {host} was given up: it answered 410.",
    )
    quiet = await post.ended()
    assert await post.told(quiet) == []
    mended = await post.webhooks.update(post.account_id, one.id, WebhookDefinition(url=there.address))
    assert (mended.is_active, mended.disabled_reason) == (1, None)


async def test_one_dead_receiver_holds_up_no_other(post: Post, there: Receiver) -> None:
    """It is deaf: it takes connections, and never answers."""
    deaf = socket.create_server(("127.0.0.1", 0))
    port = deaf.getsockname()[1]
    await post.webhook(f"http://127.0.0.1:{port}/")
    runs = [await post.ended() for _ in range(10)]
    await post.ended(LaunchWebhook(there.address, SECRET))
    sending = asyncio.create_task(post.sends())
    assert (await asyncio.to_thread(there.next)).is_signed_with(SECRET)
    waiting = [one for run in runs for one in await post.told(run) if one.lease is None and one.host[-5:] == str(port)]
    assert len(waiting) >= 10 - deliveries.OF_A_HOST
    for task in post.platform.deliveries._sending:
        task.cancel()
    sending.cancel()
    await asyncio.wait([sending])
    deaf.close()


async def test_what_is_due_while_its_receiver_takes_its_time_is_sent_then(
    post: Post, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "_LOOK_AT_CLOCK_S", 0.001)
    monkeypatch.setattr(receivers, "TIMEOUT_S", 3600)
    came, slow = threading.Event(), threading.Event()
    statuses = iter((503, 204))

    def answer(got: Received) -> tuple[int, dict[str, str]]:
        if got.path == "/slow":
            came.set()
            slow.wait()
            return 204, {}
        return next(statuses), {}

    there.answer = answer
    first = await post.ended(LaunchWebhook(f"{there.address}/first", SECRET))
    await post.sends()
    assert there.next().path == "/first"
    [due] = await post.told(first)
    await post.ended(LaunchWebhook(f"{there.address}/slow", SECRET))
    post.platform.deliveries.start()
    try:
        assert await asyncio.to_thread(came.wait, 60)
        assert due.due_at is not None
        post.now = due.due_at
        assert (await asyncio.to_thread(there.next)).path == "/first"
    finally:
        slow.set()
        await post.platform.deliveries.stop()


async def test_what_a_killed_server_was_sending_is_sent_by_another(post: Post, there: Receiver) -> None:
    run = await post.ended(LaunchWebhook(there.address, SECRET))
    [one] = await post.told(run)

    await post.platform.store.write(
        lambda t: t.hold_deliveries({one.host: 5}, post.now, "of-the-dead", post.now + LEASE_MS)
    )
    await post.sends(post.now + LEASE_MS - 1)
    assert there.received.empty()
    await post.sends(post.now + LEASE_MS)
    assert there.next().id == one.id


async def test_a_new_secret_counts_beside_the_former_one_for_a_day(post: Post, there: Receiver) -> None:
    made, old = await post.webhooks.create(post.account_id, WebhookDefinition(url=there.address))
    _, new = await post.webhooks.rotate(post.account_id, made.id)
    assert old is not None

    async def tried() -> Received:
        await post.webhooks.test(post.account_id, made.id)
        await post.sends()
        return there.next()

    got = await tried()
    assert got.json["type"] == "webhook.test" and got.is_signed_with(old) and got.is_signed_with(new)
    post.now += OVERLAP_MS
    got = await tried()
    assert got.is_signed_with(new) and not got.is_signed_with(old)


async def test_a_large_execution_is_told_without_its_payloads(post: Post, there: Receiver) -> None:
    await post.ended(LaunchWebhook(there.address, SECRET), text="x" * deliveries.MAX_PAYLOAD)
    await post.sends()
    got = there.next()
    assert len(got.body) < 2_000 and got.json["data"]["isTruncated"] is True and got.json["data"]["output"] == {}


async def test_a_repeated_launch_and_a_repeated_end_are_told_once(post: Post, there: Receiver) -> None:
    for _ in range(2):
        launch = replace(post.launch(post.job), idempotency=IdempotencyKey("once", "x"))
        given = post.webhooks.of_launch(post.account_id, launch.id, LaunchWebhook(there.address, SECRET))
        run = await post.platform.executions.launch(replace(launch, webhook=given))
    for _ in range(2):
        await post.platform.executions.cancel(Cancel(post.account_id, run.id))
    await post.sends()
    assert there.next().json["data"]["id"] == run.id and there.received.empty()


async def test_the_old_is_forgotten_and_what_was_deleted_is_not_told(post: Post, there: Receiver) -> None:
    one = await post.webhook(there.address)
    run = await post.ended()
    await post.webhooks.delete(post.account_id, one.id)
    await post.sends()
    [given_up] = await post.told(run)
    assert given_up.status == "FAILED" and "the webhook was deleted" in given_up.attempts
    await post.sends(post.now + KEEP_MS)
    assert len(await post.told(run)) == 1
    await post.sends(post.now + KEEP_MS + 1)
    assert await post.told(run) == []
    with pytest.raises(NotFound):
        await post.webhooks.webhook(post.account_id, one.id)


async def test_an_account_has_only_so_many(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_WEBHOOKS == 100
    monkeypatch.setattr("data_factory.service.webhooks.MAX_WEBHOOKS", 2)
    key, definition = IdempotencyKey("k", "f"), WebhookDefinition(url="https://example.com/")
    made, secret = await post.webhooks.create(post.account_id, definition, key)
    assert secret is not None
    assert await post.webhooks.create(post.account_id, definition, key) == (made, None)
    await post.webhook("https://example.com/")
    with pytest.raises(TooManyWebhooks):
        await post.webhook("https://example.com/")


async def test_no_private_address_unless_allowed(tmp_path: Path, there: Receiver) -> None:
    post = Post(SqliteStore(tmp_path), tmp_path, allow_private=False)
    await post.open()
    for url in ("http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1:99/x", "http://169.254.169.254/", "http://:80/"):
        with pytest.raises(Invalid):
            await post.webhook(url)
    for name in ("localhost", "0x7f.1", "2130706433"):  # names of it, which only the look-up tells
        port = there.address.rpartition(":")[2]
        run = await post.ended(LaunchWebhook(f"http://{name}:{port}/", SECRET))
        await post.sends()
        assert "private or reserved" in (await post.told(run))[0].attempts
    assert there.received.empty()
    await post.platform.stop()


async def test_without_a_key_there_are_none(tmp_path: Path) -> None:
    post = Post(SqliteStore(tmp_path), tmp_path, key=False)
    await post.open()
    with pytest.raises(NoSecretKey):
        await post.webhook("https://example.com/")
    await post.platform.stop()


ONE = webhook("a" * 24)


@given(
    st.lists(
        st.tuples(st.sampled_from([None, 200, 204, 301, 404, 410, 429, 503]), st.integers(0, 10**9)),
        min_size=1,
        max_size=12,
    ),
    st.floats(0, 1),
)
def test_a_delivery_ends_when_it_is_told_gone_or_tried_ten_times(
    answers: list[tuple[int | None, int]], chance: float
) -> None:
    one, now = delivery(ONE), START
    for number, (status, wait) in enumerate(answers, 1):
        one = rules.after(one, Attempt(at=now, milliseconds=1, status=status, retry_after=wait), now, chance)
        ends = status in (200, 204, 410) or number > len(DELAYS_S)
        assert (one.due_at is None) == ends == (one.ended_at is not None) and one.lease is None
        assert one.status == ("PENDING" if not ends else "DELIVERED" if status in (200, 204) else "FAILED")
        if ends:
            return
        assert one.due_at is not None
        asked = max(DELAYS_S[number - 1], min(wait, LONGEST_WAIT_S)) * 1000
        assert asked <= one.due_at - now <= 1.1 * asked + 1
        now = one.due_at
