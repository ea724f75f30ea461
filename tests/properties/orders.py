"""Random commands, said without knowing what there is to command: "report on the third last that was handed out"."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from data_factory.model.status import ReportStatus
from data_factory.service.commands import Cancel, Claim, Command, FireTimers, Resize
from tests.properties.plan import INPUTS, OUTPUTS
from tests.properties.world import World

STRANGER = "f" * 24
"""An account that has nothing, and the id of nothing."""


class LaunchOrder(msgspec.Struct, frozen=True):
    job: int
    input: int
    key: str | None

    def command(self, world: World) -> Command:
        job = world.jobs[self.job % len(world.jobs)]
        return world.shop.launch(job, INPUTS[self.input], self.key)


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


class CancelOrder(msgspec.Struct, frozen=True):
    last_but: int

    def command(self, world: World) -> Command | None:
        launched = list(world.reference.runs)
        if not launched:
            return None
        return Cancel(world.shop.account_id, launched[-1 - self.last_but % len(launched)])


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

    order: LaunchOrder | ClaimOrder | ReportOrder | CancelOrder

    def command(self, world: World) -> Command | None:
        command = self.order.command(world)
        if command is None or isinstance(command, FireTimers | Resize):
            return None
        return replace(command, account_id=STRANGER)


Order = LaunchOrder | ClaimOrder | ReportOrder | CancelOrder | ResizeOrder | FireOrder | StrangersOrder

REPORTS: list[Any] = ["COMPLETED", "COMPLETED", "FAILED", "FAILED", "FAILED_WITH_TERMINAL_ERROR"]
REPORTS += ["IN_PROGRESS", "SCHEDULED", "SCHEDULED"]

launches = st.builds(
    LaunchOrder, st.integers(0, 2), st.integers(0, len(INPUTS) - 1), st.sampled_from([None, None, None, "k1", "k2"])
)
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
cancels = st.builds(CancelOrder, st.integers(0, 7))
resizes = st.builds(ResizeOrder, st.integers(0, 2), st.integers(1, 5))
fires = st.just(FireOrder())
strangers = st.builds(StrangersOrder, launches | claims | reports | cancels)


def orders() -> st.SearchStrategy[list[Order]]:
    """The commands of one batch."""
    kinds: list[st.SearchStrategy[Any]] = [launches] * 4 + [claims] * 5 + [reports] * 8
    kinds += [cancels, resizes, fires, strangers]
    each = st.sampled_from(kinds).flatmap(lambda kind: kind)
    return st.sampled_from([1, 2, 4, 8]).flatmap(lambda size: st.lists(each, min_size=size, max_size=size))
