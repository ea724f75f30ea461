"""What a decision is made on, what it comes to, and what it may find that it lacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from data_factory.engine.graph import Graph
from data_factory.engine.scripts import Script, Verdict
from data_factory.model.definitions import TaskDefinition
from data_factory.model.records import JobExecutionRecord, TaskExecutionRecord
from data_factory.model.variables import Value


class Known(Protocol):
    """The latest task execution at each path that is known of; None at a path where there is none."""

    def __contains__(self, path: object, /) -> bool: ...
    def __getitem__(self, path: str, /) -> TaskExecutionRecord | None: ...


class Run(msgspec.Struct):
    """What is known of one job execution when something happens to it.

    `rows` has what was read of it so far, `active` its task executions that have not ended (None: not read), `verdicts`
    what its scripts have given, `variables` those of the account, without what secrets say,
    `task_ids` the tasks that were looked for by key, None where there is none. Where that is too little, a
    decision raises `Needs`. `may_think` says whether another script may be run now; if not, the execution goes on a
    moment later. `resume` are the paths at which a retry goes on where another one failed (see `RetryPlan`; None: not
    read). `lost` are tasks that were looked for and are not there, `too_large` paths whose outputs together are.
    """

    execution: JobExecutionRecord
    graph: Graph
    tasks: Mapping[str, TaskDefinition]
    rows: Known
    active: Sequence[TaskExecutionRecord] | None = None
    verdicts: Mapping[Script, Verdict] = {}
    variables: Mapping[str, Value] = {}
    task_ids: Mapping[str, str | None] = {}
    may_think: bool = True
    resume: Mapping[str, Sequence[str]] | None = None
    lost: Collection[str] = ()
    too_large: Collection[frozenset[str]] = ()


class Outcome(msgspec.Struct):
    """The job execution as it is now, and the task executions that are new or changed."""

    execution: JobExecutionRecord
    task_executions: list[TaskExecutionRecord]


class Needs(Exception):
    """A decision cannot be made without these: the rows at some paths, the definitions of tasks, all that is active,
    what scripts give, variables, tasks by key, where a retry goes on; the rows at all paths of `outputs`, unless
    those are together larger than a payload may be. Nothing has changed; with them, it can be made again."""

    def __init__(
        self,
        paths: frozenset[str] = frozenset(),
        tasks: frozenset[str] = frozenset(),
        scripts: frozenset[Script] = frozenset(),
        variables: frozenset[str] = frozenset(),
        keys: frozenset[str] = frozenset(),
        outputs: frozenset[str] = frozenset(),
        *,
        active: bool = False,
        resume: bool = False,
    ) -> None:
        super().__init__()
        self.paths = paths
        self.tasks = tasks
        self.scripts = scripts
        self.variables = variables
        self.keys = keys
        self.outputs = outputs
        self.active = active
        self.resume = resume
