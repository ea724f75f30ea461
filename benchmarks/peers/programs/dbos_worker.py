"""A DBOS application that runs what others put into its queue."""

from __future__ import annotations

import os
import threading

from dbos import DBOS, DBOSConfig
from driving import power

config: DBOSConfig = {
    "name": "bench",
    "application_version": "1",
    "system_database_url": os.environ["DATABASE"],
    "sys_db_pool_size": 50,
    "log_level": "WARNING",
}
DBOS(config=config)


@DBOS.step()
def step(sent: float) -> int:
    return power(sent)


@DBOS.workflow()
def one(sent: float) -> int:
    return step(sent)


DBOS.launch()
DBOS.register_queue("bench", worker_concurrency=int(os.environ["AT_ONCE"]), polling_interval_sec=0.01)
print("ready", flush=True)
threading.Event().wait()
