"""A client of DBOS that puts workflows into the queue of an application that runs elsewhere."""

from __future__ import annotations

import os
import time

from dbos import DBOSClient
from driving import drive

client = DBOSClient(system_database_url=os.environ["DATABASE"], system_database_pool_size=32)


class Queue:
    def job(self, sent: float) -> None:
        client.enqueue({"queue_name": "bench", "workflow_name": "one", "app_version": "1"}, sent)

    def ended(self, count: int) -> None:
        while client.list_queued_workflows(queue_name="bench", limit=1, load_input=False):
            time.sleep(0.02)


drive(Queue())
client.destroy()
