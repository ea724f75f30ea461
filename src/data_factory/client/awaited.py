"""The client for programs that run an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from data_factory.client import calls, wire
from data_factory.client.call import Call, Lost, Plan, Reply
from data_factory.client.conversation import Conversation, Pause
from data_factory.client.events import Following
from data_factory.client.retry import RetryPolicy
from data_factory.client.settings import load_settings
from data_factory.client.transfer import Download
from data_factory.client.verbs import (
    AsyncAccounts,
    AsyncApiKeys,
    AsyncAudit,
    AsyncFiles,
    AsyncJobExecutions,
    AsyncJobs,
    AsyncPipelines,
    AsyncProjects,
    AsyncTaskExecutions,
    AsyncTasks,
    AsyncVariables,
    AsyncWebhooks,
)
from data_factory.model.resources import Event

T = TypeVar("T")


class AsyncClient:
    """`Client` for an event loop: the same verbs, awaited; lists are asynchronous iterators.

    >>> async with AsyncClient() as client:  # doctest: +SKIP
    ...     async for task in client.tasks.list():
    ...         print(task.key)
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        retries: RetryPolicy | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        settings = load_settings(base_url, token)
        self.base_url = settings.base_url
        self.headers = wire.headers(settings)
        self._http = httpx.AsyncClient(headers=self.headers, verify=wire.trusted(settings))
        self._conversation = Conversation(settings.base_url, retries or RetryPolicy())
        self._sleep = sleep
        self.tasks = AsyncTasks(self)
        self.task_executions = AsyncTaskExecutions(self)
        self.jobs = AsyncJobs(self)
        self.job_executions = AsyncJobExecutions(self)
        self.pipelines = AsyncPipelines(self)
        self.variables = AsyncVariables(self)
        self.webhooks = AsyncWebhooks(self)
        self.files = AsyncFiles(self)
        self.projects = AsyncProjects(self)
        self.api_keys = AsyncApiKeys(self)
        self.audit = AsyncAudit(self)
        self.accounts = AsyncAccounts(self)

    async def health(self) -> dict[str, Any]:
        """What the server says of itself; raises `ServerFailed` if it is not ready."""
        return await self.send(calls.health())

    async def send(self, plan: Plan[T]) -> T:
        """Carry out a plan: one of `data_factory.client.calls`, or your own generator of such calls."""
        moves = self._conversation.converse(plan)
        answer: Reply | Lost | None = None
        while True:
            try:
                move = moves.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(move, Pause):
                await self._sleep(move.seconds)
                answer = None
            else:
                answer = await self._request(move)

    async def events(self, job_execution_id: str | None = None, *, kinds: Sequence[str] = ()) -> AsyncIterator[Event]:
        """What happens, as it happens: in the account, for ever, or to one job execution, until it has ended. It goes
        on after interruptions; raises `ApiError` if it is refused."""
        following = Following(self.base_url, job_execution_id, kinds)
        while True:
            outcome: Reply | httpx.TransportError | None = None
            try:
                async with self._http.stream(**following.request()) as response:
                    if response.is_success:
                        async for line in response.aiter_lines():
                            for event in following.read(line):
                                yield event
                    else:
                        await response.aread()
                        outcome = wire.reply(response)
            except httpx.TransportError as error:
                outcome = error
            if following.is_over:
                return
            await self._sleep(following.pause(outcome))

    async def _request(self, call: Call[Any]) -> Reply | Lost:
        try:
            with wire.request(call, self.base_url) as arguments:
                if call.download is not None:
                    return await self._receive(call.download, arguments)
                return wire.reply(await self._http.request(**arguments))
        except httpx.TransportError as error:
            return wire.lost(error)

    async def _receive(self, download: Download, arguments: dict[str, Any]) -> Reply:
        async with self._http.stream(**arguments) as response:
            if not response.is_success:
                await response.aread()
                return wire.reply(response)
            download.begin(response.status_code, response.headers.get("etag", ""))
            async for block in response.aiter_bytes():
                download.take(block)
            return wire.taken(response)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
