"""The task as a user of the SDK writes it, for `data-factory worker`."""

from __future__ import annotations

from dataclasses import dataclass

import driving

from data_factory import task


@dataclass
class Input:
    sent: float


@dataclass
class Output:
    result: int


@task("power")
async def power(input: Input) -> Output:
    return Output(result=driving.power(input.sent))
