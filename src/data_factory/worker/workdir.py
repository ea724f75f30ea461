"""A folder of its own for each run that wants one, removed with all that is in it when the run ends."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
import threading
from pathlib import Path

logger = logging.getLogger("data_factory.worker")


class WorkDirectories:
    """Makes the folders of runs, all in one folder of the worker's."""

    def __init__(self) -> None:
        self._root: Path | None = None
        self._lock = threading.Lock()

    def make(self, name: str) -> Path:
        """A new, empty folder."""
        with self._lock:
            if self._root is None or not self._root.is_dir():
                self._root = Path(tempfile.mkdtemp(prefix="data-factory-"))
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._root))

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
