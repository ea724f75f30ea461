"""What a transaction has done: the answers to its commands, and what others may be waiting for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from data_factory.model.records import JobExecutionRecord
from data_factory.service.feeds import Change
from data_factory.service.offers import Given


class Effects(msgspec.Struct):
    """What others may be waiting for, once the transaction is kept.

    `claimable` says for each task how many claims may now find something; `ended` has the executions that have ended;
    `next_timer` the earliest new timer; `unfilled` the pipelines that have both free slots and waiting executions;
    `unseen` for each task how many claims found nothing because another transaction had it in its hands.
    `deliveries` when webhooks are to be told, if any are; `changes` what has changed of accounts that are followed.
    """

    claimable: Counter[str] = msgspec.field(default_factory=Counter)
    ended: list[JobExecutionRecord] = []
    next_timer: int | None = None
    unfilled: tuple[str, ...] = ()
    unseen: Counter[str] = msgspec.field(default_factory=Counter)
    deliveries: int | None = None
    changes: list[Change] = []


class Done(msgspec.Struct):
    """The answer to each command, in their order (an exception where it was refused), the effects of all, and what is
    given to whom without having been asked for again."""

    answers: list[Any]
    effects: Effects
    given: Given = []
