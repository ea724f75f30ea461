"""The plugin for pytest: a factory in memory, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from data_factory.cli.memory import MemoryFactory


@pytest.fixture
def factory() -> Iterator[MemoryFactory]:
    """A factory of this test's own: `factory.use(power)`, `factory.run_job("job/", power=10)`, `factory.advance(5)`.

    It needs what the server needs: `pip install data-factory[server]`.
    """
    # Not when pytest starts: this brings the whole server.
    try:
        from data_factory.cli.memory import MemoryFactory
    except ModuleNotFoundError as missing:
        why = f"the fixture `factory` needs the server ({missing.name}): pip install 'data-factory[server]'"
        pytest.fail(why, pytrace=False)
    with MemoryFactory() as made:
        yield made
