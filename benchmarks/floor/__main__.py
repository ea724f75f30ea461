"""`python -m benchmarks.floor server …`: the least that can answer a launch, a claim and a report over HTTP."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path
from typing import Any, Final, cast

import httptools
import msgspec
import uvloop

from benchmarks.floor.work import Ask, Floor
from data_factory.model.records import TaskExecutionRecord
from data_factory.model.requests import ClaimRequest, LaunchRequest, ReportRequest
from data_factory.store.postgresql import PostgresqlStore
from data_factory.store.promises import Store
from data_factory.store.sqlite import SqliteStore

PREFIX: Final = b"/v1/data_factory"

_encode = msgspec.json.Encoder().encode
_launch = msgspec.json.Decoder(LaunchRequest).decode
_claim = msgspec.json.Decoder(ClaimRequest).decode
_reports = msgspec.json.Decoder(ReportRequest).decode


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._url = b""
        self._body = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # -- what the parser calls

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        self._task = asyncio.create_task(self._answer(self._url.removeprefix(PREFIX), body))

    async def _answer(self, path: bytes, body: bytes) -> None:
        match path:
            case b"/job_executions":
                answer: Any = await self._floor.do(_launch(body))
            case b"/task_executions/claim":
                answer = {"data": await self._claimed(_claim(body))}
            case b"/task_executions/report":
                answer = await self._reported(_reports(body))
            case _:
                answer = {"status": "ready"}
        content = _encode(answer)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(content)
        if self._transport is not None:
            self._transport.write(head + content)

    async def _claimed(self, claim: ClaimRequest) -> list[dict[str, Any]]:
        launched = self._floor.launched
        while True:
            launched.clear()  # what is launched from here on is not missed
            if taken := await self._floor.do(claim):
                return [_held(one) for one in taken]
            await launched.wait()

    async def _reported(self, request: ReportRequest) -> dict[str, Any]:
        asks: list[Ask] = [*request.reports, *([request.claim] if request.claim else [])]
        answers = await asyncio.gather(*map(self._floor.do, asks))
        taken = answers.pop() if request.claim else []
        results = [{"id": one.id, "accepted": True} for one in request.reports]
        return {"results": results, "claimed": [_held(one) for one in taken]}


def _held(one: TaskExecutionRecord) -> dict[str, Any]:
    return {**msgspec.structs.asdict(one), "input": msgspec.Raw(one.input.encode())}


async def serve(store: Store, port: int) -> None:
    """Serve until SIGTERM."""
    floor = await Floor.on(store)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(floor), "127.0.0.1", port)
    await stopped.wait()
    server.close()
    await store.close()


def main() -> None:
    """Take the arguments of a server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--database")
    asked = parser.parse_args()

    async def run() -> None:
        store: Store = PostgresqlStore(asked.database) if asked.database else SqliteStore(asked.data_dir)
        await serve(store, asked.port)

    uvloop.run(run())


if __name__ == "__main__":
    main()
