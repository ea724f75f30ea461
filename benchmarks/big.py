"""A store with a million executions that have ended and a million that wait: made once, and kept between runs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from benchmarks.place import Data, Place
from benchmarks.scene import Scene
from benchmarks.seeding import field
from data_factory import store as stores
from tests.workshop import declare_job, declare_pipeline, declare_task, step

FURNITURE: Final = 100
"""How many tasks, jobs and pipelines there are beside."""


class Marks(msgspec.Struct, frozen=True):
    """What one has to know of it: the job that has a queue, and the ids of some of its executions."""

    scene: Scene
    finished_id: str
    middle_id: str
    pending_id: str


def big(place: Place, rows: int) -> tuple[Data, Marks]:
    """The store: of `rows` each, executions that have ended, and such that wait, half of these for a worker and half
    for a slot."""
    data = place.kept(f"big_{rows}_{_schema(place)}", lambda data: fill(data, rows, FURNITURE))
    return data, marks_of(data)


def marks_of(data: Data) -> Marks:
    """What was written down when it was filled."""
    return msgspec.json.decode((data.directory / "marks.json").read_bytes(), type=Marks)


def _schema(place: Place) -> str:
    """A name for the present schema: what was kept with another one is not used."""
    migrations = Path(stores.__path__[0], place.store, "migrations").rglob("*.sql")
    return hashlib.sha256(b"".join(file.read_bytes() for file in sorted(migrations))).hexdigest()[:8]


def fill(data: Data, rows: int, furniture: int = 0) -> None:
    """Fill an empty store in this way, with so many tasks, jobs and pipelines beside."""
    uvloop.run(_fill(data, rows, furniture))
    data.settle()


async def _fill(data: Data, rows: int, furniture: int) -> None:
    waiting = rows // 2
    async with field(data) as plot:
        await plot.prepare(slots=waiting)
        platform, account_id = plot.platform, plot.account_id
        for number in range(furniture):
            task = await declare_task(platform, account_id, f"task-{number}")
            pipeline = await declare_pipeline(platform, account_id, 1)
            await declare_job(platform, account_id, step("step0", task), pipeline=pipeline)
        finished = await plot.sow("finished", rows)
        await plot.sow("waiting", waiting)
        pending = await plot.sow("pending", rows - waiting)
    marks = Marks(plot.scene, finished[0], finished[len(finished) // 2], pending[-1])
    (data.directory / "marks.json").write_bytes(msgspec.json.encode(marks))
