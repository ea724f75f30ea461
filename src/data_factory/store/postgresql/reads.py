"""The verbs of `promises.Reads`, on one PostgreSQL connection."""

from __future__ import annotations

from data_factory.store.postgresql.verbs.accounts import AccountReads
from data_factory.store.postgresql.verbs.events import EventReads
from data_factory.store.postgresql.verbs.files import FileReads
from data_factory.store.postgresql.verbs.job_executions import JobExecutionReads
from data_factory.store.postgresql.verbs.jobs import JobReads
from data_factory.store.postgresql.verbs.logs import LogReads
from data_factory.store.postgresql.verbs.pipelines import PipelineReads
from data_factory.store.postgresql.verbs.projects import ProjectReads
from data_factory.store.postgresql.verbs.task_executions import TaskExecutionReads
from data_factory.store.postgresql.verbs.tasks import TaskReads
from data_factory.store.postgresql.verbs.variables import VariableReads
from data_factory.store.postgresql.verbs.webhooks import WebhookReads


class PostgresqlReads(
    AccountReads,
    PipelineReads,
    ProjectReads,
    TaskReads,
    JobReads,
    JobExecutionReads,
    TaskExecutionReads,
    LogReads,
    EventReads,
    VariableReads,
    FileReads,
    WebhookReads,
):
    """One connection, seen as what can be asked; whoever made it begins and ends the transaction."""
