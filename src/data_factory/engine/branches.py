"""How far a fork is: its JOIN counts the branches, and is kept with each that begins or ends.

So a branch that ends looks at one row, however many there are, and the last one of all knows that it is the last.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from data_factory.engine.dynamic_forks import listed_of
from data_factory.engine.graph import Join, beside
from data_factory.engine.scope import Scope
from data_factory.model.records import TaskExecutionRecord
from data_factory.model.resources import Progress

MAX_BEGUN: Final = 100
"""How many branches one walk begins; those after them wait their turn, like everybody."""


MAX_BEGUN_BYTES: Final = 4 * 1024 * 1024
"""What they are given has no more in all, in characters of JSON, save for a single one."""


class Branches(msgspec.Struct, frozen=True):
    """The output of a JOIN while it is under way: how many branches there are, have begun, and have ended.

    `again` says how many of those that have begun are still to begin again, in a job execution that is a retry.
    """

    branches: int
    begun: int = 0
    ended: int = 0
    again: int | UnsetType = UNSET

    @property
    def all_ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.ended == self.branches

    @property
    def progress(self) -> Progress:
        """The same for people."""
        under_way = self.begun - self.ended - (self.again or 0)
        message = f"{self.ended:,} of {self.branches:,} branches have ended, {under_way:,} are under way"
        return Progress(ratio=self.ended / max(self.branches, 1), message=message)

    def may_begin(self, limit: int | None) -> bool:
        """Whether there is another one to begin, and room for it among those that run."""
        return bool(self.again) or (self.begun < self.branches and (limit is None or self.begun - self.ended < limit))


def counted(row: TaskExecutionRecord, so_far: Branches, now: int) -> TaskExecutionRecord:
    """A JOIN, so far."""
    output, progress = msgspec.json.encode(so_far).decode(), msgspec.json.encode(so_far.progress).decode()
    return replace(row, output=output, progress=progress, updated_at=now)


def branches_of(row: TaskExecutionRecord) -> Branches:
    """How far the fork is whose JOIN this is."""
    return msgspec.json.decode(row.output, type=Branches)


def gathered(join: Join, row: TaskExecutionRecord, scope: Scope) -> dict[str, msgspec.Raw] | None:
    """What the branches have given: the output of the last task of each, by reference; None where that is too large.

    Raises:
        Needs: some of it was not read.
    """
    if join.dynamic is not None and join.collected:
        listed = listed_of(join.dynamic, scope.row(beside(row.path, join.dynamic.reference)))
        paths = {one.reference: join.dynamic.branch_path(row.path, n) for n, one in enumerate(listed, 1)}
    else:
        paths = {reference: beside(row.path, reference) for reference in join.collected}
    rows = scope.outputs(paths.values())
    if rows is None:
        return None
    found = {reference: rows[path] for reference, path in paths.items() if path in rows}
    return {reference: msgspec.Raw(one.output.encode()) for reference, one in found.items()}
