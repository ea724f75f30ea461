"""The task of the example: a power of 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from data_factory import task


@dataclass
class PowerInput:
    """What the task takes: an exponent from 0 to 10,000."""

    power: Annotated[int, Meta(ge=0, le=10_000)]


@dataclass
class PowerOutput:
    """What the task gives."""

    result: int


@task("example-task")
def power(input: PowerInput) -> PowerOutput:
    """2 to the power of `input.power`, exactly."""
    return PowerOutput(result=2**input.power)
