"""Files, as they are shown."""

from __future__ import annotations

from datetime import datetime

from data_factory.model.resources.shapes import Resource


class File(Resource, frozen=True, kw_only=True, tag="data_factory_file"):
    """A file. `url` is that of its content; `expires_at` is when it is deleted, null if it stays: a job uses it."""

    updated_at: datetime
    url: str
    filename: str
    content_type: str
    size: int
    sha256: str
    expires_at: datetime | None
