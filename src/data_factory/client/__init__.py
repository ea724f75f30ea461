"""The Python client of the HTTP API: `Client`, `AsyncClient`, and the errors that they raise."""

from __future__ import annotations

from data_factory.client.awaited import AsyncClient
from data_factory.client.blocking import Client
from data_factory.client.errors import (
    ApiError,
    BadRequest,
    Conflict,
    ConnectionFailed,
    NotFound,
    NotUnderstood,
    RateLimited,
    ServerFailed,
    TooLarge,
    Unauthorized,
)
from data_factory.client.retry import Backoff, RetryPolicy
from data_factory.client.settings import ConfigurationError, Settings, load_settings, read_environment

__all__ = [
    "ApiError",
    "AsyncClient",
    "Backoff",
    "BadRequest",
    "Client",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "NotFound",
    "NotUnderstood",
    "RateLimited",
    "RetryPolicy",
    "ServerFailed",
    "Settings",
    "TooLarge",
    "Unauthorized",
    "load_settings",
    "read_environment",
]
