"""Random commands, said without knowing what there is to command: "report on the third last that was handed out"."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from data_factory.model.actors import Actor
from data_factory.model.criteria import Criterion
from data_factory.model.errors import DataFactoryError
from data_factory.model.requests import BulkRequest, BulkVerb
from data_factory.model.status import ReportStatus
from data_factory.service.commands import (
    Again,
    Cancel,
    Claim,
    Command,
    FireTimers,
    Hold,
    HoldPipeline,
    Report,
    Resize,
    Skip,
)
from tests.properties.plan import INPUTS, OUTPUTS
from tests.properties.world import World
from tests.workshop import encode

STRANGER = "f" * 24
"""An account that has nothing, and the id of nothing."""

PERSON = Actor("a" * 24, "", "API")
"""Who answers what a job execution asks."""


class LaunchOrder(msgspec.Struct, frozen=True):
    job: int
    input: int
    key: str | None
    priority: int = 0
    after_ms: int = 0

    def start_at(self, world: World) -> int | None:
        return world.now + self.after_ms if self.after_ms else None

    def command(self, world: World) -> Command:
        job = world.jobs[self.job % len(world.jobs)]
        launch = world.shop.launch(job, INPUTS[self.input], self.key)
        return replace(launch, priority=self.priority, start_at=self.start_at(world))


class RerunOrder(msgspec.Struct, frozen=True):
    """Run a job execution again, whatever has become of it."""

    last_but: int

    def command(self, world: World) -> Command | None:
        runs = list(world.reference.runs.values())
        if not runs:
            return None
        run = runs[-1 - self.last_but % len(runs)]
        (job,) = (job for job, plan in zip(world.jobs, world.reference.plan.jobs, strict=True) if plan is run.plan)
        again = Again(of_id=run.id, kind="RERUN")
        return replace(world.shop.launch(job, run.input), origin="RERUN", version=job.version, again=again)


class RetryOrder(msgspec.Struct, frozen=True):
    """Go on where a job execution failed; one that has not is refused before there is anything to command."""

    last_but: int
    of: Literal["what failed", "all"] = "what failed"

    def command(self, world: World) -> Command | None:
        runs = list(world.reference.runs.values())
        if self.of == "what failed":
            runs = [run for run in runs if world.reference.refuses_retry(run.id) is None] or runs
            runs.sort(key=lambda run: len(world.reference.done_of(run)))
        if not runs:
            return None
        run = runs[-1 - self.last_but % len(runs)]
        refused = world.reference.refuses_retry(run.id)
        try:
            found = world.shop.run(world.shop.platform.reruns.plan_retry(world.shop.account_id, run.id, "same"))
        except DataFactoryError as error:
            assert type(error).__name__ == refused
            return None
        assert refused is None
        assert [row.path for row in found.plan.reused] == [f"t{one.step}" for one in world.reference.done_of(run)]
        (job,) = (job for job, plan in zip(world.jobs, world.reference.plan.jobs, strict=True) if plan is run.plan)
        again = Again(of_id=run.id, kind="RETRY", plan=found.plan)
        return replace(world.shop.launch(job, run.input), origin="RETRY", version=found.version, again=again)


class ClaimOrder(msgspec.Struct, frozen=True):
    tasks: tuple[int, ...]
    limit: int
    lease_seconds: int
    claim_id: str | None

    def numbers(self, world: World) -> list[int]:
        return list(dict.fromkeys(number % len(world.tasks) for number in self.tasks))

    def command(self, world: World) -> Claim:
        tasks = [world.tasks[number] for number in self.numbers(world)]
        return world.shop.claim(*tasks, limit=self.limit, lease=self.lease_seconds, claim_id=self.claim_id)


class ReportOrder(msgspec.Struct, frozen=True):
    last_but: int
    of: Literal["what is held", "what was ever handed out"]
    status: ReportStatus
    output: int
    lease: Literal["own", "none", "another's"]

    def command(self, world: World) -> Command | None:
        handles = world.handles
        if self.of == "what is held":
            handles = [handle for handle in handles if world.reference.holds(handle.id, handle.lease)] or handles
        if not handles:
            return None
        held = handles[-1 - self.last_but % len(handles)]
        leases = {"own": held.lease, "none": None, "another's": STRANGER}
        return world.shop.report(replace(held, lease=leases[self.lease]), self.status, OUTPUTS[self.output])


class AnswerOrder(msgspec.Struct, frozen=True):
    """A person answers what a job execution asks them: they hold nothing, so that there is no lease to name."""

    last_but: int
    of: Literal["what waits", "what was ever asked"]
    status: ReportStatus
    output: int
    lease: Literal["none", "another's"]

    def command(self, world: World) -> Command | None:
        asked = world.reference.asked() if self.of == "what waits" else []
        asked = asked or [id for id, attempt in world.reference.by_id.items() if attempt.is_human]
        if not asked:
            return None
        output = OUTPUTS[self.output]
        return Report(
            account_id=world.shop.account_id,
            id=asked[-1 - self.last_but % len(asked)],
            status=self.status,
            output=None if output is None else encode(output),
            lease=STRANGER if self.lease == "another's" else None,
            by=PERSON,
        )


class CancelOrder(msgspec.Struct, frozen=True):
    last_but: int

    def command(self, world: World) -> Command | None:
        launched = list(world.reference.runs)
        if not launched:
            return None
        return Cancel(world.shop.account_id, launched[-1 - self.last_but % len(launched)])


class HoldOrder(msgspec.Struct, frozen=True):
    last_but: int
    on: bool

    def command(self, world: World) -> Command | None:
        launched = list(world.reference.runs)
        if not launched:
            return None
        return Hold(world.shop.account_id, launched[-1 - self.last_but % len(launched)], self.on)


class HoldPipelineOrder(msgspec.Struct, frozen=True):
    pipeline: int
    on: bool

    def command(self, world: World) -> Command:
        return HoldPipeline(world.shop.account_id, world.pipelines[self.pipeline % len(world.pipelines)].id, self.on)


class SkipOrder(msgspec.Struct, frozen=True):
    last_but: int
    output: int

    def command(self, world: World) -> Command | None:
        known = list(world.reference.by_id)
        if not known:
            return None
        output = OUTPUTS[self.output]
        given = None if output is None else encode(output)
        return Skip(world.shop.account_id, known[-1 - self.last_but % len(known)], given)


class ResizeOrder(msgspec.Struct, frozen=True):
    pipeline: int
    slots: int

    def number(self, world: World) -> int:
        return self.pipeline % len(world.pipelines)

    def command(self, world: World) -> Command:
        return Resize(replace(world.pipelines[self.number(world)], slots=self.slots))


class FireOrder(msgspec.Struct, frozen=True):
    def command(self, world: World) -> Command:
        return FireTimers()


class StrangersOrder(msgspec.Struct, frozen=True):
    """Another account wants something of ours: it is told that there is no such thing."""

    order: (
        LaunchOrder | ClaimOrder | ReportOrder | AnswerOrder | CancelOrder | HoldOrder | HoldPipelineOrder | SkipOrder
    )

    def command(self, world: World) -> Command | None:
        command = self.order.command(world)
        if command is None or isinstance(command, FireTimers | Resize):
            return None
        return replace(command, account_id=STRANGER)


class Many(msgspec.Struct, frozen=True):
    """A verb for all job executions of a status, of a job, or of both, some at a time; `twice` says it again."""

    verb: BulkVerb
    status: str | None
    job: int | None
    size: int
    dry_run: bool
    twice: bool

    def number(self, world: World) -> int | None:
        return None if self.job is None else self.job % len(world.jobs)

    def request(self, world: World, cursor: str | None) -> BulkRequest:
        number = self.number(world)
        asked = {"status": self.status, "jobId": None if number is None else world.jobs[number].id}
        each = [Criterion(type="eq", field=field, value=value) for field, value in asked.items() if value is not None]
        filter = Criterion(type="and", queries=tuple(each)) if each else Criterion()
        return BulkRequest(self.verb, filter, self.dry_run, cursor=cursor, size=self.size)


Order = (
    LaunchOrder
    | RerunOrder
    | RetryOrder
    | ClaimOrder
    | ReportOrder
    | AnswerOrder
    | CancelOrder
    | HoldOrder
    | HoldPipelineOrder
    | SkipOrder
    | ResizeOrder
    | FireOrder
    | StrangersOrder
)

REPORTS: list[Any] = ["COMPLETED", "COMPLETED", "FAILED", "FAILED", "FAILED_WITH_TERMINAL_ERROR"]
REPORTS += ["IN_PROGRESS", "SCHEDULED", "SCHEDULED"]

launches = st.builds(
    LaunchOrder,
    st.integers(0, 2),
    st.integers(0, len(INPUTS) - 1),
    st.sampled_from([None, None, None, "k1", "k2"]),
    st.sampled_from([0, 0, 0, -1, 1, 5]),
    st.sampled_from([0, 0, 0, 0, 1_000, 30_000]),
)
reruns = st.builds(RerunOrder, st.integers(0, 7))
retries = st.builds(RetryOrder, st.sampled_from([0, 0, 0, 1, 2, 5]), st.sampled_from(["what failed"] * 4 + ["all"]))
claims = st.builds(
    ClaimOrder,
    st.just((0, 1, 2)) | st.lists(st.integers(0, 2), min_size=1, max_size=3).map(tuple),
    st.sampled_from([1, 1, 2, 10]),
    st.sampled_from([10, 60]),
    st.sampled_from([None, None, None, "c1", "c2"]),
)
reports = st.builds(
    ReportOrder,
    st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5, 8]),
    st.sampled_from(["what is held", "what is held", "what is held", "what was ever handed out"]),
    st.sampled_from(REPORTS),
    st.integers(0, len(OUTPUTS) - 1),
    st.sampled_from(["own", "own", "own", "none", "another's"]),
)
answers = st.builds(
    AnswerOrder,
    st.sampled_from([0, 0, 0, 1, 2, 5]),
    st.sampled_from(["what waits", "what waits", "what waits", "what was ever asked"]),
    st.sampled_from(REPORTS),
    st.integers(0, len(OUTPUTS) - 1),
    st.sampled_from(["none", "none", "another's"]),
)
many = st.builds(
    Many,
    st.sampled_from(["cancel", "pause", "resume", "rerun", "retry", "delete"]),
    st.sampled_from([None, None, "PENDING", "RUNNING", "COMPLETED", "FAILED", "TERMINATED"]),
    st.sampled_from([None, None, 0, 1]),
    st.sampled_from([1, 2, 100]),
    st.sampled_from([False, False, False, True]),
    st.booleans(),
)
cancels = st.builds(CancelOrder, st.integers(0, 7))
holds = st.builds(HoldOrder, st.integers(0, 7), st.booleans())
pipeline_holds = st.builds(HoldPipelineOrder, st.integers(0, 2), st.sampled_from([True, False, False]))
skips = st.builds(SkipOrder, st.integers(0, 5), st.integers(0, len(OUTPUTS) - 1))
resizes = st.builds(ResizeOrder, st.integers(0, 2), st.integers(1, 5))
fires = st.just(FireOrder())
strangers = st.builds(StrangersOrder, launches | claims | reports | answers | cancels | holds | pipeline_holds | skips)


def orders() -> st.SearchStrategy[list[Order]]:
    """The commands of one batch."""
    kinds: list[st.SearchStrategy[Any]] = [launches] * 4 + [claims] * 5 + [reports] * 7 + [answers] * 3
    kinds += [holds] * 2 + [pipeline_holds, skips, cancels, reruns, retries, resizes, fires, strangers]
    each = st.sampled_from(kinds).flatmap(lambda kind: kind)
    return st.sampled_from([1, 2, 4, 8]).flatmap(lambda size: st.lists(each, min_size=size, max_size=size))
