"""Custom tasks, and the pipelines that jobs run in, as they are shown."""

from __future__ import annotations

from datetime import datetime

from data_factory.model.definitions import InputOutputKey, RetryLogic, TimeoutPolicy
from data_factory.model.resources.shapes import Paused, Resource


class Task(Resource, frozen=True, kw_only=True, tag="task"):
    """A custom task that an account has declared."""

    updated_at: datetime
    key: str
    description: str
    retry_count: int
    retry_logic: RetryLogic
    retry_delay_seconds: int
    backoff_scale_factor: int
    timeout_seconds: int
    timeout_policy: TimeoutPolicy
    response_timeout_seconds: int
    poll_timeout_seconds: int
    concurrent_exec_limit: int
    input_keys: tuple[InputOutputKey, ...]
    output_keys: tuple[InputOutputKey, ...]


class Pipeline(Resource, frozen=True, kw_only=True, tag="pipeline"):
    """A queue of job executions with `slots` places to run. While it is `paused`, none is started."""

    updated_at: datetime
    title: str
    slots: int
    is_default: bool
    paused: Paused | None = None
