"""The worker for Prefect's background tasks."""

from __future__ import annotations

from prefect.task_worker import serve
from prefect_jobs import step

print("ready", flush=True)
serve(step, limit=None)
