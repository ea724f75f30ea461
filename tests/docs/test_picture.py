"""The picture of the demo in the README shows what the demo says now; `scripts/demo_picture.py` draws it anew."""

from __future__ import annotations

import html
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

from tests.docs.likeness import Ids
from tests.docs.page import ROOT


def painter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_picture", ROOT / "scripts" / "demo_picture.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(picture: str) -> str:
    """What one can read in it."""
    lines = re.findall(r"<text[^>]*>([^<]*)</text>", picture)
    text = "\n".join(html.unescape(line).replace("\xa0", " ").rstrip() for line in lines)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8080", text)


def test_the_picture_is_that_of_the_demo() -> None:
    module = painter()
    now = module.draw(module.play([str(Path(sys.executable).with_name("data-factory")), "demo"]))
    shown = words(module.PICTURE.read_text(encoding="utf-8"))
    assert Ids().match(shown, words(now)), "the demo has changed: run scripts/demo_picture.py"


def test_the_picture_fetches_nothing() -> None:
    links = re.findall(r"https?://[^\"'<\s]+", painter().PICTURE.read_text(encoding="utf-8"))
    assert all("www.w3.org" in link or "127.0.0.1" in link for link in links)
