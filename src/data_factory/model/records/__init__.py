"""What is kept: one struct a table, with the names and the order of its columns.

Times are integers, milliseconds since the epoch, UTC. Payloads are JSON text as it is stored.
"""

from __future__ import annotations

from data_factory.model.records.accounts import AccountRecord, ApiKeyRecord, IdempotencyRecord, KeyUseRecord
from data_factory.model.records.catalog import (
    JobPublicationRecord,
    JobRecord,
    JobShareRecord,
    JobVersionRecord,
    PipelineRecord,
    PipelineTallyRecord,
    ProjectRecord,
    TaskPollRecord,
    TaskRecord,
)
from data_factory.model.records.files import FileReaderRecord, FileRecord, FileTallyRecord
from data_factory.model.records.history import EventRecord, LogRecord, LogTallyRecord, MomentRecord, ToldRecord
from data_factory.model.records.job_executions import (
    AgedRecord,
    JobExecutionRecord,
    LinkRecord,
    SeenExecutionRecord,
    SeenRecord,
    SlotRecord,
    WaitingRecord,
)
from data_factory.model.records.task_executions import StandingRecord, TakeoverRecord, TaskExecutionRecord, TraceRecord
from data_factory.model.records.variables import SealedRecord, SecretRecord, VariableRecord
from data_factory.model.records.webhooks import DeliveryRecord, ReceiverRecord, WebhookRecord

__all__ = [
    "AccountRecord",
    "AgedRecord",
    "ApiKeyRecord",
    "DeliveryRecord",
    "EventRecord",
    "FileReaderRecord",
    "FileRecord",
    "FileTallyRecord",
    "IdempotencyRecord",
    "JobExecutionRecord",
    "JobPublicationRecord",
    "JobRecord",
    "JobShareRecord",
    "JobVersionRecord",
    "KeyUseRecord",
    "LinkRecord",
    "LogRecord",
    "LogTallyRecord",
    "MomentRecord",
    "PipelineRecord",
    "PipelineTallyRecord",
    "ProjectRecord",
    "ReceiverRecord",
    "SealedRecord",
    "SecretRecord",
    "SeenExecutionRecord",
    "SeenRecord",
    "SlotRecord",
    "StandingRecord",
    "TakeoverRecord",
    "TaskExecutionRecord",
    "TaskPollRecord",
    "TaskRecord",
    "ToldRecord",
    "TraceRecord",
    "VariableRecord",
    "WaitingRecord",
    "WebhookRecord",
]
