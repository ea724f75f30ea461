"""What is kept of a job execution that runs inside another one: who waits for it, and how deep it is."""

from __future__ import annotations

from typing import Final

import msgspec

MEMBER: Final = "subWorkflowId"
"""Where the output of a step says which job execution it waits for, as Conductor has it."""


class Parent(msgspec.Struct, frozen=True):
    """The job execution that this one runs in, and its task execution which waits for the end of this one.

    `depth` is 1 where that job execution runs in no other.
    """

    job_execution_id: str
    task_execution_id: str
    depth: int

    def encoded(self) -> str:
        """As it is kept.

        >>> decode_parent(Parent("a", "b", 2).encoded()).depth
        2
        """
        return msgspec.json.encode(self).decode()


decode_parent: Final = msgspec.json.Decoder(Parent).decode
