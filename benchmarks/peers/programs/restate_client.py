"""Calls of the Restate service through the ingress; an answer is the job's result."""

from __future__ import annotations

import json
import os

from driving import drive
from plain_http import Http


class Ingress:
    def __init__(self) -> None:
        self._http = Http("127.0.0.1", int(os.environ["INGRESS_PORT"]))
        self._path = f"/jobs/{os.environ['HANDLER']}"

    async def job(self, sent: float) -> None:
        await self._call(sent, steps=1)

    async def chain(self, steps: int) -> None:
        await self._call(0.0, steps)

    async def _call(self, sent: float, steps: int) -> None:
        await self._http.call("POST", self._path, json.dumps({"sent": sent, "steps": steps}).encode())


drive(Ingress())
