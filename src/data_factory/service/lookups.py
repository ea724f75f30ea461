"""Finding what an account has by its id."""

from __future__ import annotations

from data_factory.model.errors import NotFound
from data_factory.model.records import JobExecutionRecord, JobRecord, PipelineRecord, ProjectRecord, TaskRecord
from data_factory.store.promises import Reads


async def task_of(reads: Reads, account_id: str, id: str) -> TaskRecord:
    """A task; NotFound when the account has none with this id."""
    for task in await reads.tasks_by_id([id]):
        if task.account_id == account_id and task.deleted_at is None:
            return task
    raise NotFound(f"There is no task {id!r} in this account.")


async def job_of(reads: Reads, account_id: str, id: str) -> JobRecord:
    """A job; NotFound when the account has none with this id."""
    for job in await reads.jobs_by_id([id]):
        if job.account_id == account_id:
            return job
    raise NotFound(f"There is no job {id!r} in this account.")


async def job_execution_of(reads: Reads, account_id: str, id: str) -> JobExecutionRecord:
    """A job execution; NotFound when the account has none with this id."""
    if execution := await reads.job_execution(account_id, id):
        return execution
    raise NotFound(f"There is no job execution {id!r} in this account.")


async def pipeline_of(reads: Reads, account_id: str, id: str) -> PipelineRecord:
    """A pipeline; NotFound when the account has none with this id."""
    for pipeline in await reads.pipelines_by_id([id]):
        if pipeline.account_id == account_id:
            return pipeline
    raise NotFound(f"There is no pipeline {id!r} in this account.")


async def project_of(reads: Reads, account_id: str, id: str) -> ProjectRecord:
    """A project; NotFound when the account has none with this id."""
    if project := await reads.project(account_id, id):
        return project
    raise NotFound(f"There is no project {id!r} in this account.")
