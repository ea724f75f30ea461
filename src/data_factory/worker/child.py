"""The process of one run: reads an order, performs it, says what happens, ends. The worker starts it.

What the task prints goes to standard error: standard output is how the messages go.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Final

import msgspec

from data_factory.worker.outcome import Failed, failed
from data_factory.worker.portable import PAUSED, End, Message, Order, Performance
from data_factory.worker.spans import flush_spans

_SIZE_BYTES: Final = 4
_LARGEST_MESSAGE: Final = 64_000_000


def main() -> None:
    """Perform what standard input asks for."""
    orders, messages = _take_over_pipes()
    order = msgspec.json.decode(_read(orders), type=Order)
    if order.memory_limit is not None:
        _limit_memory(order.memory_limit)
    lock = threading.Lock()

    def send(message: Message) -> None:
        encoded = msgspec.json.encode(message)
        if len(encoded) > _LARGEST_MESSAGE:
            told = f"The task gave {len(encoded):,} bytes, {_LARGEST_MESSAGE:,} are the most"
            encoded = msgspec.json.encode(End(failed(told)))
        with lock:
            _write(messages, len(encoded).to_bytes(_SIZE_BYTES) + encoded)

    performance = Performance(order, send)
    # When the worker is gone nobody would stop this process, and another worker may run the same.
    threading.Thread(target=_listen, args=(orders, performance), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: performance.stop())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end = performance.perform()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if order.memory_limit is not None and isinstance(end.outcome, Failed) and "MemoryError" in end.trace:
        limit = order.memory_limit // 1_000_000
        end = End(failed(f"The task needs more memory than its limit of {limit:,} MB", end.outcome.details), end.trace)
    send(end)
    flush_spans()
    sys.stderr.flush()
    # Threads that the task has left behind do not keep the process.
    os._exit(0)


def _take_over_pipes() -> tuple[int, int]:
    """Descriptors of the two pipes that the programs a task starts do not have."""
    orders, messages = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return orders, messages


def _listen(orders: int, performance: Performance) -> None:
    """Pauses and resumes, each a byte, until the worker is gone."""
    while told := os.read(orders, 1):
        performance.pause(is_paused=told == PAUSED)
    os.killpg(os.getpid(), signal.SIGKILL)


def _limit_memory(limit: int) -> None:
    import resource

    # What is written to, and not what is only mapped: libraries map far more than they use.
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _read(descriptor: int) -> bytes:
    size = int.from_bytes(_read_exactly(descriptor, _SIZE_BYTES))
    return _read_exactly(descriptor, size)


def _read_exactly(descriptor: int, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        if not (part := os.read(descriptor, size - len(read))):
            raise EOFError("the worker is gone")
        read += part
    return bytes(read)


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


if __name__ == "__main__":
    main()
