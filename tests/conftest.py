"""What all tests share: how long the property tests look, and which event loop async tests run on."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# `HYPOTHESIS_PROFILE=deep make test ARGS="tests/properties"` looks for as long as you have time.
_SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
settings.register_profile("quick", deadline=None, print_blob=True)
settings.register_profile(
    "deep", deadline=None, print_blob=True, max_examples=5_000, suppress_health_check=_SLOW_IS_FINE
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
