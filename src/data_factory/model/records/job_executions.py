"""What is kept of job executions, and what is read of them."""

from __future__ import annotations

import msgspec

from data_factory.model.status import JobExecutionStatus, LinkKind

Record = msgspec.Struct


class JobExecutionRecord(Record, frozen=True):
    """One run of a job. `input` is the caller's, without the `context` that is shown with it.

    `deadline_at` is when a RUNNING one times out, and until when a PENDING one does not want to start. `failure` is a
    `Failure` as JSON, `variables` what its SET_VARIABLE tasks have set, `pause` a `Pause` as JSON: while it has one,
    nothing of it comes due. Of those that wait for a slot, the highest `priority` comes first. One with a `parent` (a
    `Parent` as JSON) runs in that one's slot: it never waits for one, and takes none. `launched_from` is the
    address of who launched it; None where nobody did.
    """

    id: str
    account_id: str
    job_id: str
    job_version: int
    job_account_id: str
    pipeline_id: str
    status: JobExecutionStatus
    title: str
    input: str
    output: str
    failure: str | None
    origin: str
    launched_by: str
    created_at: int
    started_at: int | None
    ended_at: int | None
    deadline_at: int | None
    variables: str
    pause: str | None = None
    priority: int = 0
    traceparent: str | None = None
    parent: str | None = None
    launched_from: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it waits for a slot, and for nothing else."""
        return self.status == "PENDING" and self.pause is None and self.deadline_at is None

    @property
    def is_guests(self) -> bool:
        """Whether the job is another account's, that shares it with the one that launched it."""
        return self.account_id != self.job_account_id

    @property
    def context(self) -> dict[str, str]:
        """The `context` that is shown in its input: whose job it is, and who launched it."""
        return {
            "jobAccountId": self.job_account_id,
            "jobId": self.job_id,
            "userAccountId": self.account_id,
            "userId": self.launched_by,
        }


class SeenExecutionRecord(Record, frozen=True):
    """A job execution as a find looks at it, without its payloads; `looked_at` is how many there were to look at."""

    seq: int
    id: str
    job_id: str
    job_version: int
    pipeline_id: str
    status: JobExecutionStatus
    origin: str
    created_at: int
    started_at: int | None
    ended_at: int | None
    title: str
    failure: str | None
    looked_at: int


class SeenRecord(Record, frozen=True):
    """What a find looks at of what job executions have: one thing, or, without an `id`, a job execution that has none.

    `cursor` is where to go on after it, `looked_at` how many there were to look at.
    """

    id: str | None
    cursor: str
    looked_at: int


class SlotRecord(Record, frozen=True):
    """A job execution that has a slot of its pipeline."""

    id: str
    title: str
    started_at: int


class WaitingRecord(Record, frozen=True):
    """One that waits in a queue: a job execution in its pipeline, or a task execution for its task.

    `size` is that of its input, in characters of JSON; the row itself is read when it is its turn.
    """

    id: str
    queue_id: str
    size: int


class LinkRecord(Record, frozen=True):
    """That a job execution runs another one again, `of_id`. `resume` says where a RETRY goes on, as JSON."""

    id: str
    account_id: str
    of_id: str
    kind: LinkKind
    resume: str


class AgedRecord(Record, frozen=True):
    """How old a job execution is, and in which status. `seq` is its place in the order of commits."""

    seq: int
    id: str
    status: JobExecutionStatus
    created_at: int
    ended_at: int | None
