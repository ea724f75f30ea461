#!/usr/bin/env python3
"""Draws docs/images/demo.svg: the terminal of a real `make demo`, with the colours that it has there.

Run it from anywhere, in the environment of `make setup`: .venv/bin/python scripts/demo_picture.py
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT: Final = Path(__file__).resolve().parents[1]
PICTURE: Final = ROOT / "docs" / "images" / "demo.svg"
COLUMNS: Final = 76
TITLE: Final = "make demo"

# A window of its own, dark: it reads the same on a light page and on a dark one. No font is fetched from anywhere.
FORMAT: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>The terminal of `make demo`: the job execution ends as COMPLETED, with the output 1024</title>
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
    font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""

THEME: Final = TerminalTheme(
    background=(24, 27, 33),
    foreground=(220, 223, 228),
    normal=[
        (70, 76, 88), (224, 108, 117), (152, 195, 121), (229, 192, 123),
        (97, 175, 239), (198, 120, 221), (86, 182, 194), (220, 223, 228),
    ],
)  # fmt: skip


def play(command: list[str]) -> str:
    """What a command writes to a terminal of so many columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=its, stdout=its, stderr=its)  # noqa: S603
    os.close(its)
    said = b""
    while chunk := _read(ours):
        said += chunk
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{said.decode()}")
    return said.decode().replace("\r\n", "\n")


def draw(said: str) -> str:
    """The terminal as a picture, the command that was typed included."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text("$ ", "bold green").append(TITLE, "bold white"))
    console.print(Text.from_ansi(said.rstrip("\n")))
    return console.export_svg(title=TITLE, theme=THEME, code_format=FORMAT, unique_id="demo")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # what Linux says when the other side is closed
        return b""


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(play(["make", "--no-print-directory", "demo"])), encoding="utf-8")
    print(f"drawn: {PICTURE.relative_to(ROOT)}", file=sys.stderr)  # noqa: T201
