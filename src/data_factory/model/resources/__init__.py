"""What the API answers with: the shapes of the platform, and what we add to them.

A field that the platform does not have is additive: a client written for the platform can ignore it.
Times are UTC, in ISO 8601 with milliseconds on the wire.
"""

from __future__ import annotations

from data_factory.model.resources.accounts import Account, ApiKey, Deed
from data_factory.model.resources.files import File
from data_factory.model.resources.history import Event, Happening, Log, Logged, LogVerdict, Reason, Why
from data_factory.model.resources.job_executions import (
    Bulk,
    BulkItem,
    Info,
    JobExecution,
    ParentExecution,
    Purge,
    RetryPlan,
    RetryStep,
)
from data_factory.model.resources.jobs import (
    Difference,
    Job,
    JobDiff,
    JobShare,
    JobVersion,
    Project,
    Schedule,
    SharedJob,
)
from data_factory.model.resources.shapes import Failure, Page, Paused, Problem, Resource, Who
from data_factory.model.resources.task_executions import Claimed, Progress, Reported, TaskExecution, Verdict
from data_factory.model.resources.tasks import Pipeline, Task
from data_factory.model.resources.variables import Variable
from data_factory.model.resources.webhooks import DeliveryAttempt, Webhook, WebhookDelivery

__all__ = [
    "Account",
    "ApiKey",
    "Bulk",
    "BulkItem",
    "Claimed",
    "Deed",
    "DeliveryAttempt",
    "Difference",
    "Event",
    "Failure",
    "File",
    "Happening",
    "Info",
    "Job",
    "JobDiff",
    "JobExecution",
    "JobShare",
    "JobVersion",
    "Log",
    "LogVerdict",
    "Logged",
    "Page",
    "ParentExecution",
    "Paused",
    "Pipeline",
    "Problem",
    "Progress",
    "Project",
    "Purge",
    "Reason",
    "Reported",
    "Resource",
    "RetryPlan",
    "RetryStep",
    "Schedule",
    "SharedJob",
    "Task",
    "TaskExecution",
    "Variable",
    "Verdict",
    "Webhook",
    "WebhookDelivery",
    "Who",
    "Why",
]
