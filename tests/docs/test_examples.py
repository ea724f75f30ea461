"""What the documentation tells a reader to do is done, and what it shows is what comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.page import Block, pages, read_page
from tests.docs.reader import Reader


def _has_examples(path: Path) -> bool:
    return any(isinstance(step, Block) and "not run" not in step.said for step in read_page(path).steps)


@pytest.mark.parametrize("path", [path for path in pages() if _has_examples(path)], ids=lambda path: path.stem)
def test_a_reader_can_follow_the_page(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    page = read_page(path)
    database = request.getfixturevalue("database").url if page.needs_postgresql else ""
    for program in page.needs:
        if shutil.which(program) is None:
            pytest.skip(f"{page.name} needs {program}")
    Reader(page, tmp_path, database).read()
