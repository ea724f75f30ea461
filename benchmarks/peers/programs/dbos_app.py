"""DBOS in the application's own process: a durable workflow of one step, and one of many; called from threads."""

from __future__ import annotations

import os

from dbos import DBOS, DBOSConfig
from driving import drive, power

config: DBOSConfig = {
    "name": "bench",
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


@DBOS.workflow()
def many(steps: int) -> int:
    return sum(step(0.0) for _ in range(steps))


class InProcess:
    def job(self, sent: float) -> None:
        one(sent)

    def chain(self, steps: int) -> None:
        many(steps)


DBOS.launch()
drive(InProcess())
DBOS.destroy()
