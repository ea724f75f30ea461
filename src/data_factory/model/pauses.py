"""What is kept of a pause, of a job execution or of a pipeline."""

from __future__ import annotations

from typing import Final

import msgspec


class Pause(msgspec.Struct, frozen=True, omit_defaults=True):
    """Since when something is paused, by the API key with which id, and why."""

    at: int
    by: str = ""
    reason: str = ""

    def encoded(self) -> str:
        """As it is kept.

        >>> decode_pause(Pause(7, reason="a storm").encoded()).reason
        'a storm'
        """
        return msgspec.json.encode(self).decode()


decode_pause: Final = msgspec.json.Decoder(Pause).decode
