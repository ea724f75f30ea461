"""What the expressions of a job execution read, and what they come to."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from data_factory.engine.expressions import Template, ValueTooLarge
from data_factory.engine.graph import Loop
from data_factory.engine.run import Needs, Run
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.model.variables import mark

MAX_PAYLOAD_BYTES: Final = 10 * 1024 * 1024
"""The largest input or output, as JSON."""

FEW: Final = 10
"""So many outputs are read without a look at how large they are."""

WORKFLOW_MEMBERS: Final = (
    *("input", "output", "variables", "status", "workflowId", "correlationId", "workflowType", "version", "startTime"),
    "variable",
)
"""What is under `workflow`."""

TASK_MEMBERS: Final = (
    *("input", "output", "status", "taskId", "retryCount", "startTime", "endTime", "reasonForIncompletion"),
)
"""What is under the reference name of a task."""

TOO_LARGE: Final = f"is larger than {MAX_PAYLOAD_BYTES} bytes, or nested too deeply"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.decode


class _Marks(dict[str, str]):
    """The variables of the account, each as its mark: what they are is known when a task is handed out."""

    def __missing__(self, key: object) -> str:
        if not isinstance(key, str) or "\0" in key:
            raise KeyError(key)
        return mark(key)


class Scope:
    """The rows of a job execution as expressions see them: as they were read, and over them what was decided since."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._graph = run.graph
        self._decided: dict[str, TaskExecutionRecord] = {}

    def put(self, row: TaskExecutionRecord) -> None:
        """A row that is new or changed."""
        self._decided[row.path] = row

    def row(self, path: str) -> TaskExecutionRecord:
        """The row at a path where there is one.

        Raises:
            Needs: it was not read.
        """
        (found,) = self.rows((path,)).values()
        return found

    def rows(self, paths: Iterable[str]) -> dict[str, TaskExecutionRecord]:
        """The rows at these paths, by path, where there are any.

        Raises:
            Needs: some were not read.
        """
        wanted = list(paths)
        if missing := frozenset(path for path in wanted if path not in self._decided and path not in self._run.rows):
            raise Needs(paths=missing)
        found = {path: self._decided.get(path) or self._run.rows[path] for path in wanted}
        return {path: row for path, row in found.items() if row is not None}

    def outputs(self, paths: Iterable[str]) -> dict[str, TaskExecutionRecord] | None:
        """The rows at these paths, whose outputs make one together; None where those are too large, and not even read.

        Raises:
            Needs: some were not read.
        """
        wanted = list(paths)
        missing = frozenset(path for path in wanted if path not in self._decided and path not in self._run.rows)
        if missing in self._run.too_large:
            return None
        if len(missing) > FEW:
            raise Needs(outputs=missing)
        return self.rows(wanted)

    def seen_from(self, path: str, references: Iterable[str]) -> dict[str, TaskExecutionRecord]:
        """The rows of these steps, by reference, as they are seen from a path (see `Graph.seen_from`).

        Raises:
            Needs: some were not read.
        """
        paths: dict[str, str] = {}
        missing: set[str] = set()
        for reference in references:
            try:
                if (found := self._graph.seen_from(path, reference, self._latest)) is not None:
                    paths[reference] = found
            except Needs as needs:
                missing |= needs.paths
        missing.update(path for path in paths.values() if path not in self._decided and path not in self._run.rows)
        if missing:
            raise Needs(paths=frozenset(missing))
        rows = self.rows(paths.values())
        return {reference: rows[path] for reference, path in paths.items() if path in rows}

    def _latest(self, loop: str) -> int | None:
        row = self.rows((loop,)).get(loop)
        return None if row is None else iteration_of(row)

    def evaluate(self, template: Template, path: str, execution: JobExecutionRecord) -> str | None:
        """The value, as JSON, of a template that stands at this path (the job's output: at `END`).

        None when it is too large or too deep to be kept.

        Raises:
            Needs: something that it reads was not read.
        """
        read = self.seen_from(path, self._graph.references_of(template))
        known = len(execution.input) + len(execution.output) + len(execution.variables)
        known += sum(len(row.input) + len(row.output) for row in read.values())
        size = MAX_PAYLOAD_BYTES if known * template.copies > MAX_PAYLOAD_BYTES else sys.maxsize
        try:
            scope: dict[str, Any] = {reference: _as_scope(row) for reference, row in read.items()}
            if template.reads_workflow or template.reads_all:
                scope["workflow"] = _workflow_scope(execution)
            return as_payload(template.resolve(scope, size))
        except (RecursionError, ValueTooLarge):
            return None


def as_payload(value: Any) -> str | None:
    """A value as JSON; None when it is too large to be kept."""
    payload = _encode(value)
    return payload.decode() if len(payload) <= MAX_PAYLOAD_BYTES else None


def iteration_of(loop: TaskExecutionRecord) -> int:
    """The iteration that a loop is in, or was in last; it counts from 1."""
    iteration: int = _decode(loop.output).get("iteration", 0)
    return iteration


def collected(loop: Loop, row: TaskExecutionRecord, scope: Scope) -> dict[str, dict[str, msgspec.Raw]] | None:
    """What the iterations of a loop have given: by iteration, by reference; None where that is too large.

    Raises:
        Needs: some of it was not read.
    """
    iterations = range(1, iteration_of(row) + 1)
    paths = {
        (str(iteration), reference): loop.inside(row.path, iteration)[len(loop.reference) :]
        for iteration in iterations
        for reference in loop.collected
    }
    rows = scope.outputs(reference + suffix for (_, reference), suffix in paths.items())
    if rows is None:
        return None
    given: dict[str, dict[str, msgspec.Raw]] = {str(iteration): {} for iteration in iterations}
    for (iteration, reference), suffix in paths.items():
        if (found := rows.get(reference + suffix)) is not None:
            given[iteration][reference] = msgspec.Raw(found.output.encode())
    return given


def _workflow_scope(execution: JobExecutionRecord) -> dict[str, Any]:
    return {
        "input": {**_decode(execution.input), "context": execution.context},
        "output": _decode(execution.output),
        "variables": _decode(execution.variables),
        "status": execution.status,
        "workflowId": execution.id,
        "correlationId": execution.id,
        "workflowType": execution.job_id,
        "version": execution.job_version,
        "startTime": execution.started_at,
        "variable": _Marks(),
    }


def _as_scope(record: TaskExecutionRecord) -> dict[str, Any]:
    failure = _decode(record.failure) if record.failure else None
    return {
        "input": _decode(record.input),
        "output": _decode(record.output),
        "status": record.status,
        "taskId": record.id,
        "retryCount": record.attempt - 1,
        "startTime": record.started_at,
        "endTime": record.ended_at,
        "reasonForIncompletion": failure["message"] if failure else None,
    }
