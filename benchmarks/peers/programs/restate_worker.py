"""A worker outside of Restate: it is sent a line for each step, does it, and resolves the step's awakeable."""

from __future__ import annotations

import asyncio
import os

from driving import power
from plain_http import Http

AT_ONCE = 64


async def main() -> None:
    ingress = Http("127.0.0.1", int(os.environ["INGRESS_PORT"]))
    steps: asyncio.Queue[tuple[str, float]] = asyncio.Queue()

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            name, sent = line.split()
            steps.put_nowait((name.decode(), float(sent)))

    async def do() -> None:
        while True:
            name, sent = await steps.get()
            await ingress.call("POST", f"/restate/awakeables/{name}/resolve", str(power(sent)).encode())

    async with await asyncio.start_server(taken, "127.0.0.1", int(os.environ["WORKER_PORT"])):
        print("ready", flush=True)
        await asyncio.gather(*(do() for _ in range(AT_ONCE)))


asyncio.run(main())
