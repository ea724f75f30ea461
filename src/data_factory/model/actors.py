"""Who did something: by which key, from where, and by which way in."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

Origin = Literal["API", "CLI", "CONSOLE", "PERIODIC", "SYSTEM"]
"""The way by which something came to be done."""

ORIGINS: Final[tuple[Origin, ...]] = get_args(Origin)

SAID: Final[dict[str, Origin]] = {"CLI": "CLI", "CONSOLE": "CONSOLE"}
"""What a client may say of itself; who says nothing, or something else, comes by the API."""


class Actor(msgspec.Struct, frozen=True):
    """Who did something. `key_id` is empty for what the platform does by itself, and so is `address`.

    >>> Actor("0192f4c1a2b3000000000001", "192.0.2.7", "CLI").is_person
    True
    """

    key_id: str
    address: str
    origin: Origin

    @property
    def is_person(self) -> bool:
        """Whether somebody did it, by a key of theirs, and not the platform by itself."""
        return self.key_id != ""


SYSTEM: Final = Actor("", "", "SYSTEM")
"""The platform itself."""
