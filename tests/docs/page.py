"""A page of the documentation, read as what a test can do something with: blocks, tables, links, headings.

What a page may say of a block, in a comment on the line before it, which readers do not see:

    <!-- not run: needs the hosted platform -->   shown only; the reason is for whoever reads the source
    <!-- file: tasks.py -->                       what the reader is told to save under this name
    <!-- terminal: worker -->                     runs in a terminal of its own, until Ctrl-C or the end of the page
    <!-- exit: 1 -->                              the last command ends with this code

and, standing alone:

    <!-- ctrl-c: worker -->                       here the reader is told to press Ctrl-C in that terminal
    <!-- a server is running -->                  the page begins with a server that has been started
    <!-- a stand-in of the hosted platform is running -->
    <!-- a PostgreSQL is running -->              with an empty database
    <!-- needs: jq -->                            the reader is told to have this program
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

_FENCE: Final = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^`]*$")
_COMMENT: Final = re.compile(r"^\s*<!-- (?P<name>[a-zA-Z -]+?)(?:: (?P<value>.+?))? -->\s*$")
_HEADING: Final = re.compile(r"^(#{1,6}) (?P<title>.+)$")
_LINK: Final = re.compile(
    r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]+)\)|(?:src|srcset|href)=\"(?P<html>[^\"]+)\""
)

_OF_WHAT_FOLLOWS: Final = frozenset({"not run", "file", "terminal", "exit", "table"})


@dataclass(frozen=True)
class Block:
    """A fenced block, and what the comment before it says."""

    language: str
    text: str
    line: int
    section: int
    said: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyPress:
    """Ctrl-C in a terminal."""

    terminal: str
    line: int


@dataclass(frozen=True)
class Table:
    """A table that the code has too: what it is called, and its cells, row by row."""

    name: str
    header: list[str]
    rows: list[list[str]]


@dataclass
class Page:
    """All there is on a page, in its order."""

    path: Path
    steps: list[Block | KeyPress] = field(default_factory=list)
    tables: dict[str, Table] = field(default_factory=dict)
    links: list[tuple[int, str]] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    needs_server: bool = False
    needs_hosted: bool = False
    needs_postgresql: bool = False
    needs: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path, as one writes it from the top of the repository."""
        return self.path.relative_to(ROOT).as_posix()


def pages() -> list[Path]:
    """Every page that a user reads."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def read_page(path: Path) -> Page:
    """Read a page; a comment that says what no test understands is an error."""
    page = Page(path)
    seen: Counter[str] = Counter()
    said: dict[str, str] = {}
    section = 0
    lines = _numbered(path)
    for number, line in lines:
        if fence := _FENCE.match(line):
            text = "".join(_until_fence(lines, len(fence["indent"])))
            page.steps.append(Block(fence["language"], text, number, section, said))
            said = {}
        elif comment := _COMMENT.match(line):
            _understand(page, said, comment["name"], comment["value"] or "", number)
        elif line.startswith("|") and "table" in said:
            name = said.pop("table")
            page.tables[name] = _table(name, line, lines)
        else:
            if heading := _HEADING.match(line):
                section += 1
                page.anchors.add(_anchor(heading["title"], seen))
            page.links += [(number, found["target"] or found["html"]) for found in _LINK.finditer(_without_code(line))]
        assert not (said and line.strip() and not line.lstrip().startswith(("<!--", "```"))), f"{path}:{number}: {said}"
    return page


def _numbered(path: Path) -> Iterator[tuple[int, str]]:
    yield from enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)


def _until_fence(lines: Iterator[tuple[int, str]], indent: int) -> Iterator[str]:
    for _, line in lines:
        if line.strip() == "```":
            return
        yield line[indent:] + "\n"
    raise AssertionError("a block is not closed")


def _understand(page: Page, said: dict[str, str], name: str, value: str, number: int) -> None:
    match name:
        case "ctrl-c":
            page.steps.append(KeyPress(value, number))
        case "a server is running":
            page.needs_server = True
        case "a stand-in of the hosted platform is running":
            page.needs_hosted = True
        case "a PostgreSQL is running":
            page.needs_postgresql = True
        case "needs":
            page.needs.append(value)
        case _:
            assert name in _OF_WHAT_FOLLOWS, f"{page.name}:{number}: <!-- {name} --> means nothing"
            said[name] = value


def _table(name: str, first: str, lines: Iterator[tuple[int, str]]) -> Table:
    next(lines)
    rows = []
    for _, line in lines:
        if not line.startswith("|"):
            break
        rows.append(_cells(line))
    return Table(name, _cells(first), rows)


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def _without_code(line: str) -> str:
    return re.sub(r"`[^`]*`", lambda code: "`" + "x" * (len(code[0]) - 2) + "`", line)


def _anchor(title: str, seen: Counter[str]) -> str:
    """The anchor that GitHub gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
    slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
    seen[slug] += 1
    return slug if seen[slug] == 1 else f"{slug}-{seen[slug] - 1}"
