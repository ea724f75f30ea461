"""What users declare: tasks, jobs and pipelines, as they are written.

Both dialects of a job are read: that of `job.json` (`optional`, `inputParameters`, `outputParameters`) and that of the
API (`isOptional`, `input`, `output`). Answers use the API's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from data_factory.model.errors import member
from data_factory.model.status import JobExecutionEnd, JobStatus, ProjectStatus, TaskType, UserInputType, VariableStatus

TimeoutPolicy = Literal["RETRY", "TIME_OUT_WF", "ALERT_ONLY"]
RetryLogic = Literal["FIXED", "LINEAR_BACKOFF", "EXPONENTIAL_BACKOFF"]

# `$` alone would let a line feed follow.
_NAME: Final = r"^[A-Za-z0-9_-]{1,100}$(?!\n)"

_ID: Final = r"^[0-9a-f]{24}$(?!\n)"
_LANGUAGE: Final = r"^[a-z]{3}$(?!\n)"

_NAMED: Final = "Letters, digits, `_` and `-`; up to 100."
_IDENTIFIED: Final = "24 hexadecimal digits."
_SPOKEN: Final = "A language is three letters of ISO 639: `eng`, `fra`, `deu`."

HINTS: Final = {_NAME: _NAMED, _ID: _IDENTIFIED, _LANGUAGE: _SPOKEN}
"""What is meant by a pattern, for people."""

Key = Annotated[str, Meta(pattern=_NAME, description=_NAMED)]
Text = Annotated[str, Meta(max_length=10_000)]
Title = Annotated[str, Meta(max_length=500)]
Seconds = Annotated[int, Meta(ge=0, le=10_000_000, description="Seconds; 0 is no limit.")]
Id = Annotated[str, Meta(pattern=_ID, description=_IDENTIFIED)]
Language = Annotated[str, Meta(pattern=_LANGUAGE, description=_SPOKEN)]
Script = Annotated[str, Meta(min_length=1, max_length=10_000)]
InputKey = Annotated[str, Meta(pattern=_NAME, description=f"{_NAMED} Unique in the job; its name in `workflow.input`.")]
OptionKey = Annotated[str, Meta(min_length=1, max_length=500)]
CronExpression = Annotated[str, Meta(max_length=200)]
EvaluatorType = Literal["javascript", "value-param"]
AtATime = Annotated[int, Meta(ge=1, le=10_000, description="How many at a time.")]


Reference = Annotated[
    str, Meta(pattern=_NAME, description=f"{_NAMED} Unique in the job; the name used in expressions.")
]


class InputOutputKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name that a task reads or writes, for people: nothing is checked against it."""

    key: Annotated[str, Meta(max_length=500)]
    description: Text = ""


class TaskDefinition(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A custom task: its key and how it is retried and timed.

    Defaults are Conductor's, but for `retry_count`, which is 0: nothing runs twice unless its author says so.
    """

    key: Key
    description: Text = ""
    retry_count: Annotated[int, Meta(ge=0, le=1_000)] = 0
    retry_logic: RetryLogic = "FIXED"
    retry_delay_seconds: Annotated[int, Meta(ge=0, le=10_000_000)] = 60
    backoff_scale_factor: Annotated[int, Meta(ge=1, le=1_000)] = 1
    timeout_seconds: Seconds = 0
    timeout_policy: TimeoutPolicy = "TIME_OUT_WF"
    response_timeout_seconds: Annotated[int, Meta(ge=1, le=10_000_000)] = 3600
    poll_timeout_seconds: Seconds = 0
    concurrent_exec_limit: Annotated[int, Meta(ge=0, le=1_000_000, description="0 is no limit.")] = 0
    input_keys: tuple[InputOutputKey, ...] = ()
    output_keys: tuple[InputOutputKey, ...] = ()


class SubWorkflow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The job that a task runs, by its key in the account that the job with the task belongs to."""

    name: Key


class JobTask(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One task of a job, in its place: which task it runs, under which reference name, with which input.

    `name` is `${account}/<key>` for a custom task. An empty `input` gives the task the whole input of the job. With
    `sub_workflow_param` it is another job that runs. That and the other fields belong to one `type` or another of
    control flow, whose `name` is only for people.
    """

    name: Annotated[str, Meta(min_length=1, max_length=300)]
    task_reference_name: Reference
    type: TaskType = "SUB_WORKFLOW"
    description: Text = ""
    is_optional: bool = False
    input: dict[str, Any] = {}
    evaluator_type: EvaluatorType | UnsetType = UNSET
    expression: Script | UnsetType = UNSET
    case_value_param: Script | UnsetType = UNSET
    decision_cases: dict[str, tuple[JobTask, ...]] | UnsetType = UNSET
    default_case: tuple[JobTask, ...] | UnsetType = UNSET
    loop_condition: Script | UnsetType = UNSET
    loop_over: tuple[JobTask, ...] | UnsetType = UNSET
    fork_tasks: tuple[tuple[JobTask, ...], ...] | UnsetType = UNSET
    max_parallel: AtATime | UnsetType = UNSET
    join_on: tuple[Reference, ...] | UnsetType = UNSET
    dynamic_fork_tasks_param: Script | UnsetType = UNSET
    dynamic_fork_tasks_input_param_name: Script | UnsetType = UNSET
    sub_workflow_param: SubWorkflow | UnsetType = UNSET


class JobTaskBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A task of a job in either dialect: `isOptional` and `input` (API), or `optional` and `inputParameters`."""

    name: Annotated[str, Meta(min_length=1, max_length=300)]
    task_reference_name: Reference
    type: TaskType = "SUB_WORKFLOW"
    description: Text = ""
    is_optional: bool | UnsetType = UNSET
    optional: bool | UnsetType = UNSET
    input: dict[str, Any] | UnsetType = UNSET
    input_parameters: dict[str, Any] | UnsetType = UNSET
    evaluator_type: EvaluatorType | UnsetType = UNSET
    expression: Script | UnsetType = UNSET
    case_value_param: Script | UnsetType = UNSET
    decision_cases: dict[str, tuple[JobTaskBody, ...]] | UnsetType = UNSET
    default_case: tuple[JobTaskBody, ...] | UnsetType = UNSET
    loop_condition: Script | UnsetType = UNSET
    loop_over: tuple[JobTaskBody, ...] | UnsetType = UNSET
    fork_tasks: tuple[tuple[JobTaskBody, ...], ...] | UnsetType = UNSET
    max_parallel: AtATime | UnsetType = UNSET
    join_on: tuple[Reference, ...] | UnsetType = UNSET
    dynamic_fork_tasks_param: Script | UnsetType = UNSET
    dynamic_fork_tasks_input_param_name: Script | UnsetType = UNSET
    sub_workflow_param: SubWorkflow | UnsetType = UNSET


T = TypeVar("T", JobTask, JobTaskBody)


def sequences_in(task: T) -> Iterator[tuple[str, tuple[T, ...]]]:
    """The lists of tasks in a task of control flow, each with its path in the task."""
    for case, tasks in (task.decision_cases or {}).items():
        yield member(member("", "decisionCases"), case), tasks
    if task.default_case is not UNSET:
        yield "defaultCase", task.default_case
    if task.loop_over is not UNSET:
        yield "loopOver", task.loop_over
    for index, branch in enumerate(task.fork_tasks or ()):
        yield f"forkTasks[{index}]", branch


def all_tasks(tasks: Iterable[T]) -> Iterator[T]:
    """These tasks and all in them, in the order in which they are written."""
    for task in tasks:
        yield task
        for _, inner in sequences_in(task):
            yield from all_tasks(inner)


class UserInputOption(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """One of the things that a SELECT or MULTI_SELECT offers: the value is its `key`."""

    key: OptionKey
    title: Title = ""
    title_local: dict[Language, Title] = {}


class UserInput(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A value that a job asks for before it runs: `input.<key>` of its executions.

    A launch without it is given the `default_value`; if there is none, the value is not there, or, if it is `required`,
    the launch is refused.
    """

    key: InputKey
    type: UserInputType
    title: Title = ""
    title_local: dict[Language, Title] = {}
    description: Text = ""
    description_local: dict[Language, Text] = {}
    required: bool = False
    default_value: Any = None
    options: tuple[UserInputOption, ...] = ()


class UserInputOptionBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An option of a user input, its value spelled `key` or `value`."""

    key: OptionKey | UnsetType = UNSET
    value: OptionKey | UnsetType = UNSET
    title: Title = ""
    title_local: dict[Language, Title] = {}


class UserInputBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A user input, its default spelled `defaultValue` or `default`."""

    key: InputKey
    type: UserInputType
    title: Title = ""
    title_local: dict[Language, Title] = {}
    description: Text = ""
    description_local: dict[Language, Text] = {}
    required: bool = False
    default_value: Any = None
    default: Any = None
    options: Annotated[tuple[UserInputOptionBody, ...], Meta(max_length=1_000)] = ()


class JobDefinition(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A job: tasks wired together, run one after the other as their control flow says.

    `output` names what the job gives back; without it the job gives the output of its last task.
    `timeout_seconds` counts from the start of an execution; 0 is no limit.
    """

    key: Key
    tasks: tuple[JobTask, ...]
    title: Title = ""
    title_local: dict[Language, Title] = {}
    description: Text = ""
    description_local: dict[Language, Text] = {}
    icon: Annotated[str, Meta(max_length=100)] = ""
    status: JobStatus = "DRAFT"
    user_inputs: tuple[UserInput, ...] = ()
    output: dict[str, Any] | None = None
    timeout_seconds: Seconds = 0


class PeriodicityRule(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """When a job is launched by itself: a cron expression of five fields, in UTC."""

    cron_expression: CronExpression
    is_enabled: bool = True


Periodicity = Annotated[tuple[PeriodicityRule, ...], Meta(max_length=3)]


class JobBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A job in either dialect: that of the API (`output`) or that of `job.json` (`outputParameters`, `schema`)."""

    key: Key
    tasks: Annotated[tuple[JobTaskBody, ...], Meta(min_length=1, max_length=10_000)]
    schema: Literal["1.0"] | UnsetType = UNSET
    json_schema: Annotated[str, Meta(max_length=1_000)] | UnsetType = msgspec.field(name="$schema", default=UNSET)
    title: Title = ""
    title_local: dict[Language, Title] = {}
    description: Text = ""
    description_local: dict[Language, Text] = {}
    icon: Annotated[str, Meta(max_length=100)] = ""
    status: JobStatus = "DRAFT"
    user_inputs: Annotated[tuple[UserInputBody, ...], Meta(max_length=1_000)] = ()
    output: dict[str, Any] | None | UnsetType = UNSET
    output_parameters: dict[str, Any] | None | UnsetType = UNSET
    timeout_seconds: Seconds = 0
    pipeline_id: Id | None = None
    project_id: Id | None | UnsetType = UNSET
    periodicity: Periodicity | UnsetType = UNSET


class VariableDefinition(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A variable: a text that jobs read as `${workflow.variable.<key>}`.

    A secret (`isSecret`, or `secret`) is given to workers, and never shown to anybody again.
    """

    key: Key
    name: Title = ""
    value: Annotated[str, Meta(max_length=100_000)] | UnsetType = UNSET
    status: VariableStatus = "ACTIVE"
    is_secret: bool | UnsetType = UNSET
    secret: bool | UnsetType = UNSET


WebhookUrl = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^\s\x00-\x20\x7f@#\\\\]{1,1990}$(?!\n)",
        description="An address that begins with https:// or http://, without a user, a password or a fragment.",
    ),
]
WebhookSecret = Annotated[
    str,
    Meta(
        pattern=r"^whsec_[A-Za-z0-9+/]{32,86}={0,2}$(?!\n)",
        description="`whsec_` and 24 to 64 bytes in Base64, as Standard Webhooks has it.",
    ),
]


class WebhookDefinition(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An address that is told of the end of job executions: with one of these statuses, of one of these jobs.

    Without `statuses`, or without `job_ids`, it is told of all.
    """

    url: WebhookUrl
    statuses: Annotated[tuple[JobExecutionEnd, ...], Meta(max_length=5)] = ()
    job_ids: Annotated[tuple[Id, ...], Meta(max_length=100)] = ()
    is_active: bool = True


class LaunchWebhook(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """An address that is told of the end of one job execution. What it is told is signed with this secret."""

    url: WebhookUrl
    secret: WebhookSecret


class ProjectDefinition(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A folder for jobs, in another one (`parentId`) or at the top."""

    display_name: Annotated[str, Meta(min_length=1, max_length=500)]
    parent_id: Id | None = None
    status: ProjectStatus = "ACTIVE"


class ProjectPatch(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What is to be changed of a project; what is left out stays."""

    display_name: Annotated[str, Meta(min_length=1, max_length=500)] | UnsetType = UNSET
    parent_id: Id | None | UnsetType = UNSET
    status: ProjectStatus | UnsetType = UNSET


class PipelineDefinition(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A pipeline: a FIFO queue of job executions, of which at most `slots` run at a time."""

    title: Annotated[str, Meta(min_length=1, max_length=500)]
    slots: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
