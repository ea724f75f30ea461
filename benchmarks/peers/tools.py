"""Installing peers, each in a folder of its own: nothing of the machine is changed, nothing of one disturbs another."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

REQUIREMENTS: Final = Path(__file__).parent / "requirements"

PATIENCE_S: Final = 600
"""How long one step of an installation may take."""


class NotInstalled(Exception):
    """A peer could not be installed."""


class Tools(msgspec.Struct, frozen=True):
    """The folder that peers are installed in."""

    directory: Path

    def bin(self, name: str) -> Path:
        """Where the programs of an environment are."""
        return self.directory / name / "bin"

    def environment(self, name: str, npm: Sequence[str] = ()) -> None:
        """A Python environment with what `requirements/<name>.txt` pins, and npm packages beside it.

        What is there already is left as it is, unless the pins have changed since.
        """
        pins = REQUIREMENTS / f"{name}.txt"
        stamp = self.directory / name / "installed"
        wanted = hashlib.sha256(pins.read_bytes() + " ".join([sys.version, *npm]).encode()).hexdigest()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(self.directory / name, ignore_errors=True)
        venv.create(self.directory / name, with_pip=True)
        pip = [str(self.bin(name) / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--require-hashes", "--only-binary", ":all:", "--no-deps", "--requirement", str(pins)])
        if npm:
            command = [str(self.bin(name) / "npm"), "install", "--prefix", str(self.directory / name)]
            _run([*command, "--ignore-scripts", "--no-audit", "--no-fund", *npm], path=self.bin(name))
        stamp.write_text(wanted)

    def modules(self, name: str) -> Path:
        """Where the npm packages of an environment are."""
        return self.directory / name / "node_modules"


def _run(command: Sequence[str], path: Path | None = None) -> None:
    before = f"{path}:" if path else ""
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env={**os.environ, "PATH": before + os.environ["PATH"]},
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{Path(command[0]).name} took more than {PATIENCE_S} seconds") from None
    if done.returncode != 0:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if "error" in line.lower()]
        raise NotInstalled((errors or said or ["it failed without a word"])[-1].strip())
