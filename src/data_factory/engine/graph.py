"""A job as the decider walks it: its steps, what follows each, and what each reads.

A place in a running job is a *path*: the reference name of the step and, inside loops, the iteration of each loop
around it (`resize`, `resize[3]`, `resize[3,2]`). The path is kept with the row of the task execution, so going on from
a step looks at that step and at the one that follows, however long the job is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from data_factory.engine.expressions import Template, compile_template
from data_factory.model.definitions import JobDefinition


def reference_of(path: str) -> str:
    """The reference name of the step that a path stands on.

    >>> reference_of("resize[3,2]")
    'resize'
    """
    return path.partition("[")[0]


def beside(path: str, reference: str) -> str:
    """The path of another step in the same iterations.

    >>> beside("resize[3,2]", "crop")
    'crop[3,2]'
    """
    return reference + path[len(reference_of(path)) :]


class Step(msgspec.Struct, frozen=True):
    """One task of a job in its place. `template` is its input; None gives it the whole input of the job."""

    reference: str
    task_id: str
    optional: bool
    template: Template | None
    following: str | None


class Graph(msgspec.Struct, frozen=True):
    """A job definition compiled: made once a version, used by all its executions.

    `output` is what the job gives back; None gives the output of its last task.
    """

    steps: Mapping[str, Step]
    first: str
    output: Template | None
    timeout_ms: int | None

    def step(self, path: str) -> Step:
        """The step that a path stands on."""
        return self.steps[reference_of(path)]

    def after(self, path: str) -> str | None:
        """The path of the step that follows; None at the end of the job."""
        following = self.step(path).following
        return None if following is None else beside(path, following)

    def seen_from(self, path: str, reference: str) -> str:
        """Where a reference leads that stands in the input of the step at `path`, or in the job's output (`""`)."""
        return beside(path, reference)

    def reads_after(self, path: str, *, may_fail: bool) -> frozenset[str]:
        """The paths that may be read when the step at `path` has ended and the job goes on, or ends."""
        after = self.after(path)
        entering = frozenset[str]() if after is None else self.reads_of(self.step(after).template, after)
        ending = self.reads_of(self.output, "") if may_fail or after is None else frozenset[str]()
        return entering | ending

    def reads_of(self, template: Template | None, path: str) -> frozenset[str]:
        """The paths that a template may read that stands at `path`."""
        if template is None:
            return frozenset()
        references = self.steps if template.reads_all else template.reads
        return frozenset(self.seen_from(path, reference) for reference in references)


def compile_graph(definition: JobDefinition, task_ids: Mapping[str, str]) -> Graph:
    """The graph of a checked definition; `task_ids` gives the id of each task that it names."""
    references = [task.task_reference_name for task in definition.tasks]
    following: list[str | None] = [*references[1:], None]
    steps = {
        task.task_reference_name: Step(
            reference=task.task_reference_name,
            task_id=task_ids[task.name],
            optional=task.is_optional,
            template=compile_template(task.input) if task.input else None,
            following=after,
        )
        for task, after in zip(definition.tasks, following, strict=True)
    }
    output: dict[str, Any] | None = definition.output
    return Graph(
        steps=steps,
        first=references[0],
        output=None if output is None else compile_template(output),
        timeout_ms=definition.timeout_seconds * 1000 or None,
    )
