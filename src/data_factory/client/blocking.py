"""The client for programs that block."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
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
    Accounts,
    ApiKeys,
    Audit,
    Files,
    JobExecutions,
    Jobs,
    Pipelines,
    Projects,
    TaskExecutions,
    Tasks,
    Variables,
    Webhooks,
)
from data_factory.model.resources import Event

T = TypeVar("T")


class Client:
    """The HTTP API of a Data Factory, ours or the hosted one, with typed results.

    Without arguments it reads `API_BASE_PATH` and `API_ACCESS_TOKEN` from the environment, then from `.env`. Calls
    that are safe to repeat are repeated after a lost connection, 429, 502, 503 and 504. Raises `ApiError`.
    `origin`, `CLI` or `CONSOLE`, is written down with what it does; without, that was done by the `API`.

    >>> with Client() as client:  # doctest: +SKIP
    ...     job = client.jobs.find("run-task")
    ...     execution = client.job_executions.launch(job.id, {"power": 10})
    ...     client.job_executions.get(execution.id, wait=20).output
    {'result': 1024}
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        retries: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        origin: str | None = None,
    ) -> None:
        settings = load_settings(base_url, token)
        self.base_url = settings.base_url
        self._http = httpx.Client(headers=wire.headers(settings, origin), verify=wire.trusted(settings))
        self._conversation = Conversation(settings.base_url, retries or RetryPolicy())
        self._sleep = sleep
        self.tasks = Tasks(self)
        self.task_executions = TaskExecutions(self)
        self.jobs = Jobs(self)
        self.job_executions = JobExecutions(self)
        self.pipelines = Pipelines(self)
        self.variables = Variables(self)
        self.webhooks = Webhooks(self)
        self.files = Files(self)
        self.projects = Projects(self)
        self.api_keys = ApiKeys(self)
        self.audit = Audit(self)
        self.accounts = Accounts(self)

    def health(self) -> dict[str, Any]:
        """What the server says of itself; raises `ServerFailed` if it is not ready."""
        return self.send(calls.health())

    def send(self, plan: Plan[T]) -> T:
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
                self._sleep(move.seconds)
                answer = None
            else:
                answer = self._request(move)

    def events(self, job_execution_id: str | None = None, *, kinds: Sequence[str] = ()) -> Iterator[Event]:
        """What happens, as it happens: in the account, for ever, or to one job execution, until it has ended. It goes
        on after interruptions; raises `ApiError` if it is refused.

        >>> for event in client.events(execution.id):  # doctest: +SKIP
        ...     print(event.event)
        """
        following = Following(self.base_url, job_execution_id, kinds)
        while True:
            outcome: Reply | httpx.TransportError | None = None
            try:
                with self._http.stream(**following.request()) as response:
                    if response.is_success:
                        for line in response.iter_lines():
                            yield from following.read(line)
                    else:
                        response.read()
                        outcome = wire.reply(response)
            except httpx.TransportError as error:
                outcome = error
            if following.is_over:
                return
            self._sleep(following.pause(outcome))

    def _request(self, call: Call[Any]) -> Reply | Lost:
        try:
            with wire.request(call, self.base_url) as arguments:
                if call.download is not None:
                    return self._receive(call.download, arguments)
                return wire.reply(self._http.request(**arguments))
        except httpx.TransportError as error:
            return wire.lost(error)

    def _receive(self, download: Download, arguments: dict[str, Any]) -> Reply:
        with self._http.stream(**arguments) as response:
            if not response.is_success:
                response.read()
                return wire.reply(response)
            download.begin(response.status_code, response.headers.get("etag", ""))
            for block in response.iter_bytes():
                download.take(block)
            return wire.taken(response)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
