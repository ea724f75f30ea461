"""A folder of its own for each run, removed with all that is in it when the run ends."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

logger = logging.getLogger("data_factory.worker")


class WorkDirectories:
    """Makes the folders of runs, all in one folder of the worker's."""

    def __init__(self) -> None:
        self._root: Path | None = None

    @asynccontextmanager
    async def one(self, name: str) -> AsyncIterator[Path]:
        """A new, empty folder for as long as the block runs."""
        if self._root is None or not self._root.is_dir():
            self._root = Path(tempfile.mkdtemp(prefix="data-factory-"))
        folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._root))
        try:
            yield folder
        finally:
            await asyncio.to_thread(remove, folder)

    def close(self) -> None:
        """Remove what is left, also of runs that did not end."""
        if self._root is not None:
            remove(self._root)
            self._root = None


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, write-protected or not; log what resists, and go on."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError:
        for parent, folders, _ in os.walk(folder):
            for name in folders:
                (Path(parent) / name).chmod(stat.S_IRWXU)
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        logger.warning("cannot remove the work directory %s", folder, extra={"event": "workdir.left"})
