"""The procrastinate app: a job, and one that defers the next of a chain."""

from __future__ import annotations

import os

from driving import power
from procrastinate import App, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=os.environ["DATABASE"], min_size=4, max_size=20))


@app.task(name="step")
async def step(sent: float, steps: int) -> None:
    if steps > 1:
        await step.defer_async(sent=sent, steps=steps - 1)
    else:
        power(sent)
