"""The statuses of a job, a job execution and a task execution, and the moves between them.

The words are the platform's own (for task executions, Conductor's). The diagrams of
`docs/reference/statuses.md` are held against the two `…_MOVES` tables by a test.
"""

from __future__ import annotations

from typing import Final, Literal

Role = Literal["admin", "operator", "worker", "viewer"]
"""What an API key may do: see `data_factory.api.access`."""

JobStatus = Literal["DRAFT", "ACTIVE", "INACTIVE"]

TaskType = Literal[
    "SUB_WORKFLOW",
    "SWITCH",
    "DECISION",
    "DO_WHILE",
    "FORK_JOIN",
    "JOIN",
    "TERMINATE",
    "WAIT",
    "HUMAN",
    "SET_VARIABLE",
    "FORK_JOIN_DYNAMIC",
    "START_WORKFLOW",
]
"""What a task of a job is: SUB_WORKFLOW is work for a worker, or another job; the others are control flow, done by the
platform."""

UserInputType = Literal["TEXT", "TEXTAREA", "NUMBER", "BOOLEAN", "DATE", "SELECT", "MULTI_SELECT", "FILE", "FILES"]
"""What a value is that a job asks for before it runs."""

DifferenceKind = Literal["added", "removed", "changed", "moved"]
"""How something differs between two versions of a job."""

JobExecutionStatus = Literal["PENDING", "RUNNING", "COMPLETED", "USER_ERROR", "FAILED", "TERMINATED", "TIMEDOUT"]

JobExecutionEnd = Literal["COMPLETED", "USER_ERROR", "FAILED", "TERMINATED", "TIMEDOUT"]
"""How a job execution may have ended."""

LinkKind = Literal["RERUN", "RETRY"]
"""How a job execution runs another one again."""

TaskExecutionStatus = Literal[
    "SCHEDULED",
    "IN_PROGRESS",
    "COMPLETED",
    "COMPLETED_WITH_ERRORS",
    "FAILED",
    "FAILED_WITH_TERMINAL_ERROR",
    "TIMED_OUT",
    "CANCELED",
    "SKIPPED",
]

ReportStatus = Literal["COMPLETED", "FAILED", "FAILED_WITH_TERMINAL_ERROR", "IN_PROGRESS", "SCHEDULED"]
"""What a worker may say of an execution that it holds. `IN_PROGRESS` is the heartbeat; `SCHEDULED` hands it back."""

ReasonCode = Literal[
    "paused",
    "waiting_for_start",
    "waiting_for_slot",
    "waiting_for_worker",
    "no_worker",
    "waiting_for_retry",
    "waiting_for_time",
    "waiting_for_branches",
    "waiting_for_person",
    "waiting_for_job_execution",
    "limit_reached",
    "running",
    "going_on",
    "ended",
    "more",
]
"""Why a job execution stands where it does."""

Severity = Literal["info", "warning", "error"]
"""How bad it is what a log tells, from the least."""

MessageType = Literal["DEFAULT", "MARKDOWN"]

FileStatus = Literal["ARRIVING", "KEPT", "LEAVING"]
"""Of a file, as it is kept; only a KEPT one is shown."""

EventKind = Literal[
    "job_execution.launched",
    "job_execution.started",
    "job_execution.paused",
    "job_execution.resumed",
    "job_execution.ended",
    "task_execution.scheduled",
    "task_execution.begun",
    "task_execution.claimed",
    "task_execution.progress",
    "task_execution.ended",
    "log",
    "resync",
]
"""What a follower is told; `resync` that something may have been missed."""

DeliveryStatus = Literal["PENDING", "DELIVERED", "FAILED"]
"""Whether a webhook was told: not yet, or yes, or it never will be unless somebody asks for it again."""
ProjectStatus = Literal["ACTIVE", "INACTIVE"]
"""An INACTIVE project is one that was put aside; its jobs run as before."""

VariableStatus = Literal["ACTIVE", "INACTIVE"]
"""An INACTIVE variable is as good as one that is not there."""

JOB_EXECUTION_MOVES: Final[dict[JobExecutionStatus, frozenset[JobExecutionStatus]]] = {
    "PENDING": frozenset({"RUNNING", "TERMINATED"}),
    "RUNNING": frozenset({"COMPLETED", "USER_ERROR", "FAILED", "TERMINATED", "TIMEDOUT"}),
    "COMPLETED": frozenset(),
    "USER_ERROR": frozenset(),
    "FAILED": frozenset(),
    "TERMINATED": frozenset(),
    "TIMEDOUT": frozenset(),
}

TASK_EXECUTION_MOVES: Final[dict[TaskExecutionStatus, frozenset[TaskExecutionStatus]]] = {
    "SCHEDULED": frozenset(
        {"IN_PROGRESS", "TIMED_OUT", "COMPLETED_WITH_ERRORS", "CANCELED", "COMPLETED", "FAILED", "SKIPPED"}
    ),
    "IN_PROGRESS": frozenset(
        {
            "SCHEDULED",
            "COMPLETED",
            "COMPLETED_WITH_ERRORS",
            "FAILED",
            "FAILED_WITH_TERMINAL_ERROR",
            "TIMED_OUT",
            "CANCELED",
            "SKIPPED",
        }
    ),
    "COMPLETED": frozenset(),
    "COMPLETED_WITH_ERRORS": frozenset(),
    "FAILED": frozenset(),
    "FAILED_WITH_TERMINAL_ERROR": frozenset(),
    "TIMED_OUT": frozenset(),
    "CANCELED": frozenset(),
    "SKIPPED": frozenset(),
}

JOB_EXECUTION_ENDED: Final = frozenset(status for status, moves in JOB_EXECUTION_MOVES.items() if not moves)
"""The statuses that a job execution never leaves."""

TASK_EXECUTION_ENDED: Final = frozenset(status for status, moves in TASK_EXECUTION_MOVES.items() if not moves)
"""The statuses that a task execution never leaves."""

Moment = Literal["event", "ended", "begun", "claimed"]
"""What a moment of a job execution is told by: an event, or one of the times of a task execution."""
