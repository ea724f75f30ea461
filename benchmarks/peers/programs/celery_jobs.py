"""The Celery app: Redis as the broker and for the results, and tasks that are acknowledged when they are done."""

from __future__ import annotations

import os

import driving
from celery import Celery

app = Celery("bench", broker=os.environ["REDIS"], backend=os.environ["REDIS"])
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=64,
    broker_connection_retry_on_startup=True,
    task_serializer="json",
    result_serializer="json",
)


@app.task
def power(sent: float) -> int:
    return driving.power(sent)
