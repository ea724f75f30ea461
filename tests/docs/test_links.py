"""Every link within the repository leads somewhere, and every page can be found from the index."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.page import ROOT, Page, pages, read_page

READ = {path: read_page(path) for path in pages()}


def _targets(page: Page) -> list[tuple[int, Path, str]]:
    found = []
    for line, link in page.links:
        if "://" in link or link.startswith("mailto:"):
            continue
        target, _, anchor = link.partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        found.append((line, path / "README.md" if path.is_dir() and anchor else path, anchor))
    return found


@pytest.mark.parametrize("page", READ.values(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Page) -> None:
    for line, path, anchor in _targets(page):
        place = f"{page.name}:{line}"
        assert path.exists(), f"{place}: there is no {path}"
        assert path.is_relative_to(ROOT), f"{place}: {path} is not part of the repository"
        if anchor:
            assert anchor in READ[path].anchors, f"{place}: {path.name} has no heading #{anchor}"


def test_every_page_can_be_found_from_the_index() -> None:
    seen: set[Path] = set()
    to_see = [ROOT / "README.md", ROOT / "docs" / "README.md"]
    while to_see:
        path = to_see.pop()
        if path in READ and path not in seen:
            seen.add(path)
            linked = (target for _, target, _ in _targets(READ[path]))
            to_see += [target / "README.md" if target.is_dir() else target for target in linked]
    lost = sorted(path.relative_to(ROOT).as_posix() for path in READ.keys() - seen)
    assert not lost, f"nothing leads to {', '.join(lost)}"
