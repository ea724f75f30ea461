"""The task by itself: no server, no worker."""

from __future__ import annotations

import pytest
from power import PowerInput, power


@pytest.mark.parametrize(("exponent", "result"), [(0, 1), (10, 1024), (19, 524288), (100, 2**100)])
def test_power(exponent: int, result: int) -> None:
    assert power(PowerInput(power=exponent)).result == result
