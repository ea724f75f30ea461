"""What others are told of a transaction: webhooks of the ends of job executions, followers of all that has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from data_factory.engine.webhooks import is_for
from data_factory.model.ids import NewId
from data_factory.model.records import DeliveryRecord, JobExecutionRecord, WebhookRecord
from data_factory.model.status import JOB_EXECUTION_ENDED
from data_factory.service.feeds import JOB, LOG, RESUMED, TASK
from data_factory.service.logbook import Kept
from data_factory.service.receivers import host_of
from data_factory.service.world import World
from data_factory.store.promises import Transaction


def touched(world: World, answers: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """What a transaction has changed, for those who follow it: pairs of an account, and what."""
    for task in (*world.task_executions.new(), *(new for _, new in world.task_executions.changed())):
        yield task.account_id, TASK + task.id
    for row in world.executions.new():
        yield row.account_id, JOB + row.id
    for old, row in world.executions.changed():
        yield row.account_id, (RESUMED if old.pause and not row.pause else JOB) + row.id
    for answer in answers:
        for kept in answer if isinstance(answer, list) else ():
            if isinstance(kept, Kept) and kept.kept:
                yield kept.log.account_id, LOG + kept.log.job_execution_id


async def tell_webhooks(transaction: Transaction, world: World, now: int, new_id: NewId) -> int | None:
    """Keep the webhooks of launches, and what webhooks are to be told of what has ended; when that is due, if there is
    any. Where no pipeline has webhooks, that costs no statement."""
    if world.webhooks:
        await _keep(transaction, world)
    if not any(pipeline.has_webhooks for pipeline in world.pipelines.values()):
        return None
    ended = [
        row
        for row in (*world.executions.new(), *(new for _, new in world.executions.changed()))
        if row.status in JOB_EXECUTION_ENDED and world.pipelines[row.pipeline_id].has_webhooks
    ]
    if not ended:
        return None
    found = await transaction.webhooks_concerning({row.account_id for row in ended}, [row.id for row in ended])
    deliveries = [delivery(one, new_id(), row, now) for row in ended for one in found if is_for(one, row)]
    if not deliveries:
        return None
    await transaction.insert_deliveries(deliveries)
    return now


def delivery(webhook: WebhookRecord, id: str, execution: JobExecutionRecord | None, now: int) -> DeliveryRecord:
    """What a webhook is to be told: of a job execution, or of nothing, to try it."""
    return DeliveryRecord(
        id=id,
        account_id=webhook.account_id,
        webhook_id=webhook.id,
        job_execution_id=None if execution is None else execution.id,
        host=host_of(webhook.url),
        status="PENDING",
        tries=0,
        attempts="[]",
        lease=None,
        due_at=now,
        ended_at=None,
        created_at=now,
    )


async def _keep(transaction: Transaction, world: World) -> None:
    """The webhooks of what is launched here. Its pipeline has webhooks from now on."""
    pipelines = {world.executions.now[str(one.job_execution_id)].pipeline_id for one in world.webhooks}
    new = [id for id in pipelines if not world.pipelines[id].has_webhooks]
    if new:
        await transaction.expect_webhooks(pipeline_ids=new)
        world.expect_webhooks(new)
    for webhook in world.webhooks:
        await transaction.insert_webhook(webhook)
