"""Where the server is and with which key: from arguments, else the environment, else `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from dotenv import dotenv_values

from data_factory.model.errors import DataFactoryError

BASE_URL_VARIABLE: Final = "API_BASE_PATH"
TOKEN_VARIABLE: Final = "API_ACCESS_TOKEN"  # noqa: S105 - the name of a variable, not a secret
DEFAULT_BASE_URL: Final = "http://127.0.0.1:8080"


class ConfigurationError(DataFactoryError):
    """The configuration is not valid."""

    code = "configuration"


class Settings(msgspec.Struct, frozen=True):
    """The address of a server, without `/v1` and without a trailing slash, and the API key to use there."""

    base_url: str
    token: str | None

    def __repr__(self) -> str:
        return f"Settings(base_url={self.base_url!r}, token={'***' if self.token else None})"


def read_environment(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> dict[str, str]:
    """The variables of the process, and those of `.env` in the current folder that the process does not set.

    An empty variable counts as not set, so that a line left blank in `.env` does no harm.
    """
    path = Path(".env") if dotenv is None else dotenv
    from_file = dotenv_values(path, interpolate=False) if path.is_file() else {}
    from_process = os.environ if environ is None else environ
    merged = {**from_file, **{name: value for name, value in from_process.items() if value}}
    return {name: value.strip() for name, value in merged.items() if value and value.strip()}


def load_settings(
    base_url: str | None = None, token: str | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """The settings of a client: what is given, else `API_BASE_PATH` and `API_ACCESS_TOKEN`, else the defaults.

    >>> load_settings("http://localhost:8080/", "secret", environment={}).base_url
    'http://localhost:8080'
    """
    if environment is None and (base_url is None or token is None):
        environment = read_environment()
    known = environment or {}
    return Settings(
        base_url=check_base_url(base_url or known.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL),
        token=check_token(token or known.get(TOKEN_VARIABLE)),
    )


def check_base_url(text: str) -> str:
    """`text` as the address of a server: no trailing slash, no `/v1` (the paths of the calls hold it)."""
    url = text.strip().rstrip("/").removesuffix("/v1").rstrip("/")
    if not _is_address(url):
        raise ConfigurationError(
            f"{text!r} is not the address of a server: {BASE_URL_VARIABLE} looks like {DEFAULT_BASE_URL}"
        )
    return url


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_port and not parts.query + parts.fragment


def check_token(text: str | None) -> str | None:
    """`text` as an API key, which has to fit into a header."""
    token = (text or "").strip()
    if not token:
        return None
    if not token.isascii() or not token.isprintable():
        raise ConfigurationError(f"{TOKEN_VARIABLE} is not an API key: it holds characters that a key cannot have")
    return token
