"""Events as a client follows them: read from a stream, through interruptions. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import httpx
import msgspec

from data_factory.client import wire
from data_factory.client.call import Call, Lost, Reply
from data_factory.client.calls.parts import path_of
from data_factory.client.errors import ApiError, from_lost, from_reply
from data_factory.model.resources import Event

_LONGEST_PAUSE_S: Final = 10.0
_SILENCE_S: Final = 45.0
"""How long nothing may come, not even a sign of life, before the connection is taken for dead."""
_TRANSIENT: Final = frozenset({429, 502, 503, 504})


class Following:
    """Where a client is in what it follows: the request to send, and what to do when it ends."""

    def __init__(self, base_url: str, job_execution_id: str | None, kinds: Sequence[str]) -> None:
        self._kinds = frozenset(kinds)
        asked = [*kinds, "job_execution.ended"] if kinds and job_execution_id is not None else kinds
        params = {"kinds": ",".join(asked)} if asked else {}
        if job_execution_id is not None:
            params["jobExecutionId"] = job_execution_id
        self._call: Call[Any] = Call(method="GET", path=path_of("events"), result=dict[str, Any], params=params)
        self._base_url = base_url
        self._is_of_one = job_execution_id is not None
        self._fields: dict[str, str] = {}
        self._last = ""
        self._failures = 0
        self.is_over = False

    def request(self) -> dict[str, Any]:
        """The arguments with which httpx asks for what comes after the last event."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._last} if self._last else {})
        with wire.request(self._call, self._base_url) as arguments:
            return {**arguments, "headers": headers, "timeout": httpx.Timeout(_SILENCE_S, connect=10)}

    def read(self, line: str) -> Iterator[Event]:
        """A line of the stream; the event that it ends, if it ends one."""
        name, _, value = line.partition(":")
        if name:
            self._fields[name] = value.removeprefix(" ")
            return
        given, self._fields = self._fields, {}
        self._last = given.get("id", self._last)
        self._failures = 0
        if "event" in given:
            event = Event(id=self._last, event=given["event"], data=msgspec.json.decode(given["data"]))  # type: ignore[arg-type]
            self.is_over = self._is_of_one and event.event == "job_execution.ended"
            if self._is_wanted(event.event):
                yield event

    def _is_wanted(self, kind: str) -> bool:
        return not self._kinds or kind == "resync" or kind in self._kinds or kind.partition(".")[0] in self._kinds

    def pause(self, outcome: Reply | httpx.TransportError | None) -> float:
        """For how many seconds to wait before asking again, after a refusal, a lost connection, or an end.

        Raises:
            ApiError: it is of no use to ask again.
        """
        self._fields = {}
        self._failures += 1
        if isinstance(outcome, Reply) and outcome.status not in _TRANSIENT:
            raise self._error(outcome)
        return min(0.25 * 2.0**self._failures, _LONGEST_PAUSE_S)

    def _error(self, outcome: Reply | Lost) -> ApiError:
        if isinstance(outcome, Reply):
            return from_reply(self._call, outcome, self._base_url)
        return from_lost(self._call, outcome, self._base_url)
