"""A number that a page says is the one that the code has."""

from __future__ import annotations

from typing import Any

import pytest

from data_factory.api import bodies, call
from data_factory.cli.server import MIN_KEY_LENGTH
from data_factory.cli.serving import GRACE_S
from data_factory.engine import interpolation, paths
from data_factory.model import errors
from data_factory.model.requests import ClaimRequest
from data_factory.service import batch, sparing
from data_factory.store.postgresql import peers
from data_factory.store.promises import PATIENCE_S
from data_factory.worker.worker import LONGEST_PAUSE_SECONDS
from tests.docs.page import ROOT

LEASE_S = ClaimRequest(()).lease_seconds
NUMBERS = [
    ("explanation/durability.md", "pauses of five seconds at the most", LONGEST_PAUSE_SECONDS, 5),
    ("explanation/durability.md", "it ends ten seconds after the start", sparing.SPARED_MS, 10_000),
    ("explanation/durability.md", "two thousand to a transaction", sparing.AT_ONCE, 2_000),
    ("explanation/durability.md", "(70 seconds, with the", 2 * (peers.LOOK_S + PATIENCE_S), 70),
    ("explanation/durability.md", "sent again for 24 hours", batch.IDEMPOTENCY_MS, 24 * 3600 * 1000),
    (
        "explanation/durability.md",
        "takes 60 seconds and sends a heartbeat every 20",
        ClaimRequest(()).lease_seconds,
        60,
    ),
    ("reference/api.md", "or after `N` seconds (60 at the most)", call.MAX_WAIT_S, 60),
    (
        "reference/api.md",
        "up to 10 MiB and 200 levels deep",
        (call.MAX_BODY_BYTES, bodies.MAX_DEPTH),
        (10 << 20, 200),
    ),
    ("reference/api.md", "up to a hundred things", errors.MAX_ERRORS, 100),
    ("reference/api.md", "of a body of more than 256 KiB, the first", bodies.MAX_EXPLAINED_BYTES, 256 << 10),
    ("reference/api.md", "It reaches the first 10,000 items", call.MAX_OFFSET, 10_000),
    ("reference/api.md", "For 24 hours a repeat", batch.IDEMPOTENCY_MS, 24 * 3600 * 1000),
    ("reference/expressions.md", "longer than 4000 characters", paths.MAX_LENGTH, 4_000),
    ("reference/expressions.md", "more than 100 steps and operators", paths.MAX_PARTS, 100),
    ("reference/expressions.md", "more than 10 expressions in one another", interpolation.MAX_NESTING, 10),
    ("reference/expressions.md", "more than 500,000 steps", paths.MAX_STEPS, 500_000),
    ("reference/settings.md", "ten seconds at the most", GRACE_S, 10),
    ("reference/settings.md", "16 characters or more", MIN_KEY_LENGTH, 16),
    ("how-to/run-the-server.md", "wait longer than 60 seconds", call.MAX_WAIT_S, 60),
]


@pytest.mark.parametrize(("page", "words", "number", "said"), NUMBERS, ids=[words for _, words, _, _ in NUMBERS])
def test_the_page_says_the_number_of_the_code(page: str, words: str, number: Any, said: Any) -> None:
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())
    assert words in text
    assert number == said
