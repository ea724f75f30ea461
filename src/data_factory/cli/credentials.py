"""The admin key of a server on this machine, where the command line of the same user finds it.

The key itself is a file in the server's data directory; the user's configuration says, for the address of each server,
where that file is. Both can be read by their owner only.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

KEY_FILE: Final = "admin-key"

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""The names of this machine. A server that listens on every address (0.0.0.0, ::) is reached by them too."""

log = logging.getLogger(__name__)


def keep_key(data_dir: Path, key: str) -> None:
    """Keep the key that the first start of a server has made."""
    _write_private(data_dir / KEY_FILE, key + "\n")


def announce(address: str, data_dir: Path) -> None:
    """Note that the server at this address keeps its data, and its key if it made one, in this directory."""
    key_file = (data_dir / KEY_FILE).absolute()
    if not key_file.exists():
        return
    try:
        _write_private(_servers_file(), json.dumps({**_servers(), address: str(key_file)}, indent=2) + "\n")
    except OSError as error:
        log.warning("the address of this server could not be noted for the command line: %s", error)


def key_of(address: str) -> str | None:
    """The admin key of the server at this address, if it is one of this user's."""
    servers = _servers()
    for name in _names_of(address.rstrip("/")):
        if name in servers:
            try:
                return Path(servers[name]).read_text(encoding="utf-8").strip() or None
            except OSError:
                continue
    return None


def _names_of(address: str) -> list[str]:
    """The addresses under which a server that is reached at this one may have announced itself."""
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        return [address]
    hosts = ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "[::]"]  # noqa: S104 - it is looked up, nothing binds to it
    return [address, *(f"http://{host}:{parts.port or 80}" for host in hosts)]


def _servers_file() -> Path:
    return _settings_folder() / "data-factory" / "servers.json"


def _settings_folder() -> Path:
    """Where programs keep what is the user's, on this system; `OSError` for a user who has no home."""
    chosen = os.environ.get({"win32": "APPDATA", "darwin": ""}.get(sys.platform, "XDG_CONFIG_HOME"))
    if chosen:
        return Path(chosen)
    try:
        home = Path.home()
    except RuntimeError as error:
        raise FileNotFoundError(f"this user has no home: {error}") from error
    return home / ("Library/Application Support" if sys.platform == "darwin" else ".config")


def _servers() -> dict[str, str]:
    try:
        known = json.loads(_servers_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
