"""What the rounds come to, as the tables of the report: the peers side by side, and how far ahead of them ours is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from benchmarks.figures import Figure, Goal
from benchmarks.peers.measures import PER_SECOND, ROLES, STEPS
from benchmarks.peers.peer import Measure, System
from benchmarks.peers.rounds import Round
from benchmarks.report import Measured

ORDER: Final = ("ahead of the peers", "throughput", "CPU a job", "create to worker", f"a chain of {STEPS} steps")

GOALS: Final = {"sqlite": 5, "postgresql": 2}
"""How many times as many jobs ours is to do as the fastest durable peer that hands its work to an outside worker."""

AHEAD: Final = """\
Ours against the best of the peers, measure by measure, in the same round; above 1, ours is better. For jobs a second
that is the fastest durable peer that hands its work to a worker in another process; for the other two the best of all
that were measured, those that run in one process and those that are not durable among them."""

THROUGHPUT: Final = """\
Jobs of one task, which does next to nothing, from the first create to the moment when the last is known to have ended:
a fixed number of creates at a time, the one of a small sweep that gives the most. There is one server, one worker and
one client process, where there is such. *Ours does* says how many times as many jobs ours does with `data-factory
worker` on the same store (on SQLite for those with a store of their own)."""

CPU: Final = """\
The CPU time that a job costs while that runs, in all processes that take part: the server, the worker, the database,
and the client that brings the load. What works and brings the load in one process counts as the worker, but for our
bare HTTP worker, which counts as the client; Redis counts as the server."""

LATENCY: Final = f"""\
From the moment before the create is sent to the moment when the task's function runs, at {PER_SECOND:.0f} creates a
second, whether or not those before have ended. Who cannot do that with ease is measured at half of the jobs a second
that it does: less than ours is asked."""

CHAIN: Final = f"One job of {STEPS} steps one after the other, nothing else going on; the time of the job by its steps."

SEE: Final = "what is said of each system under throughput."


def tables(
    rounds: Sequence[Round],
    systems: Sequence[System],
    failures: Mapping[str, str],
    *,
    command: str,
    at: str,
    machine: list[tuple[str, str]],
) -> list[Measured]:
    """One table a measure."""

    def measured(name: str, what: str, runs: list[list[Figure]], left_out: str = SEE) -> Measured:
        return Measured(name, what.replace("\n", " "), command, at, machine, runs, left_out)

    said = "\n".join(["of each system:\n", *_said(systems, failures)])
    taken = [
        measured(ORDER[0], AHEAD, [list(_ahead(one, systems)) for one in rounds]),
        measured(ORDER[1], THROUGHPUT, [list(_throughput(one, systems)) for one in rounds], said),
        measured(ORDER[2], CPU, [[figure for figure in _of(one, "throughput") if _is_cpu(figure)] for one in rounds]),
        measured(ORDER[3], LATENCY, [list(_of(one, "latency")) for one in rounds]),
        measured(ORDER[4], CHAIN, [list(_of(one, "chain")) for one in rounds]),
    ]
    return [one for one in taken if any(one.runs)]


def _said(systems: Sequence[System], failures: Mapping[str, str]) -> Iterator[str]:
    """A line a system: what a job is there, and what the comparison does not show."""
    for system in systems:
        line = f"- **{system.name}**: {system.job}."
        if system.left_out:
            line += f" Left out: {system.left_out}."
        if system.name in failures:
            line += f" **Did not run: {failures[system.name]}**"
        yield line


def _of(one: Round, measure: Measure) -> Iterator[Figure]:
    for figures in one.values():
        yield from figures.get(measure, ())


def _is_cpu(figure: Figure) -> bool:
    return figure.name in ROLES


def _throughput(one: Round, systems: Sequence[System]) -> Iterator[Figure]:
    """The jobs a second, and how they compare with what a user of ours gets on the same store."""
    jobs = _values(one, "throughput", "jobs")
    ours = {system.store: jobs[system.name] for system in systems if system.ours and system.name in jobs}
    for system in systems:
        if system.name in jobs:
            yield from (figure for figure in one[system.name]["throughput"] if not _is_cpu(figure))
            store = "sqlite" if system.store == "its own" else system.store
            if not system.ours and store in ours:
                yield Figure("ours does", ours[store] / jobs[system.name], "x", system=system.name)


def _ahead(one: Round, systems: Sequence[System]) -> Iterator[Figure]:
    """How ours compares with the best of the peers; nothing where no peer was measured."""
    jobs, p50, p99 = (
        _values(one, *which) for which in (("throughput", "jobs"), ("latency", "p50"), ("latency", "p99"))
    )
    step = _values(one, "chain", "a step")
    peers = [system for system in systems if not system.ours]
    outside = [jobs[system.name] for system in peers if system.outside and system.name in jobs]
    for system in (system for system in systems if system.ours and system.name in one):
        if outside and system.name in jobs:
            goal = Goal("≥", GOALS[system.store])
            yield Figure("jobs, times the best peer's", jobs[system.name] / max(outside), "x", goal, system.name)
        for title, values in (("p50 of create to worker", p50), ("p99 of create to worker", p99), ("a step", step)):
            theirs = [values[peer.name] for peer in peers if peer.name in values]
            if theirs and system.name in values:
                name = f"{title}, times better than the best peer's"
                yield Figure(name, min(theirs) / values[system.name], "x", Goal(">", 1), system.name)


def _values(one: Round, measure: Measure, name: str) -> dict[str, float]:
    return {figure.system: figure.value for figure in _of(one, measure) if figure.name == name}
