"""How SQLite goes about each statement: by an index, and with work that does not grow with what is kept."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from data_factory.store.sqlite.database import FILE_NAME, connect
from data_factory.store.sqlite.statements import statements
from tests.workshop import quick_directory

BIG: Final = frozenset(
    {
        "job_executions",
        "task_executions",
        "idempotency_keys",
        "logs",
        "log_tallies",
        "files",
        "file_readers",
        "events",
        "webhooks",
        "webhook_deliveries",
    }
)
"""What grows with every launch."""

SCANS: Final = {
    ("hold_erasure", "erasures"): "the first is enough",
    ("first_account", "accounts"): "at the start of a server; there is one account",
    ("waiting_pipelines", "job_executions"): "at the start of a server; the index has only those that wait",
    ("abandon_files", "files"): "at the start of a server; the index has only those that arrive",
    ("any_secret", "variables"): "at the start of a server; the index has only secrets, and the first is enough",
    ("claimable_task_executions", "oldest"): "what was found so far, of which each row finds the next",
    ("receivers_waiting", "hosts"): "what was found so far, of which each row finds the next",
    ("pending_job_executions", "oldest"): "what was found so far, of which each row finds the next",
    ("accounts", "accounts"): "for the operator; there are few",
    **{
        ("sealed_otherwise", table): "when the key of the secrets is replaced, by a command of its own"
        for table in ("variables", "former_secrets", "webhooks", "sealed")
    },
    **{
        (f"scan_of_{of}{order}", "part"): "what was looked at, and no more than the window"
        for of in ("account", "job")
        for order in ("", "_ascending")
    },
    **{
        (f"scan_of_{what}_of_{of}{order}", part): "what was looked at, and no more than the window"
        for what in ("task_executions", "logs")
        for of in ("account", "job_execution")
        for order in ("", "_ascending")
        for part in ("part", "place")
    },
    ("projects_above", "line"): "the projects that one is in, at most ten",
    ("depth_below", "below"): "the projects in one, when it is moved",
    ("shift_projects", "below"): "the projects in one, when it is moved",
    ("moments_of_execution", "mine"): "the times of one job execution, of which it keeps one page",
}
"""What is read from its beginning to its end, and why that is no harm."""

SORTS: Final = {
    "links_of": "what one job execution runs again, and what runs it again",
    "traces_of_job": "what a retry takes over, once",
    "take_over": "what a retry takes over, once",
    "moments_of_execution": "the times of one job execution, of which it keeps one page",
    "standing_of_job": "what has not ended of one job execution, when somebody asks why it waits",
    "output_sizes": "what one loop or JOIN gives together, once",
    "first_account": "there is one account",
    "claimable_task_executions": "what is handed out",
    "pending_job_executions": "what is started",
    "in_progress_counts": "the tasks that are asked for",
    "jobs_using_task": "the jobs that use one task",
    "jobs_using_file": "the jobs that use one file",
    "task_execution_ids_of_job": "the numbers of the task executions of one job execution",
    "accounts": "for the operator; there are few",
    "sealed_otherwise": "when the key of the secrets is replaced, by a command of its own",
    **{
        f"scan_of_{of}{order}": "what was looked at, and no more than the window"
        for of in ("account", "job")
        for order in ("", "_ascending")
    },
    **{
        f"scan_of_{what}_of_{of}{order}": "what was looked at; and the numbers of what one job execution has"
        for what in ("task_executions", "logs")
        for of in ("account", "job_execution")
        for order in ("", "_ascending")
    },
    "job_executions_among": "one page of what was found",
    "projects_above": "the projects that one is in, at most ten",
    "job_shares": "the accounts that one job is shared with",
    "jobs_shared_with": "the jobs that are shared with one account",
    "task_executions_of_job": "one page of the task executions of one job execution",
}
"""What is sorted, of each statement that sorts: never more than it has to do with."""

FEW: Final = {
    "sqlite_autoindex_job_executions_1 (id=?)": "one row",
    "sqlite_autoindex_task_executions_1 (id=?)": "one row",
    "INTEGER PRIMARY KEY (rowid=?)": "one row",
    "PRIMARY KEY (account_id=? AND key=?)": "one row",
    "sqlite_autoindex_task_executions_2 (job_execution_id=? AND path=?)": "the attempts at one step",
    "sqlite_autoindex_task_executions_2 (job_execution_id=?)": "the attempts of one job execution",
    "job_executions_of_account (account_id=? AND seq<?)": "in the order of the index, so a page ends at its limit",
    "job_executions_of_job (job_id=? AND seq<?)": "in the order of the index, so a page ends at its limit",
    "job_executions_of_job (job_id=? AND seq>?)": "in the order of the index, so a page ends at its limit",
    "job_executions_waiting (pipeline_id=?)": "in the order of the index, so the oldest is the first",
    "job_executions_waiting (pipeline_id=? AND <expr>>?)": "in the order of the index, so the next is the first",
    "job_executions_waiting (pipeline_id=? AND <expr><?)": "in the order of the index, so it ends at its limit",
    "job_executions_waiting (pipeline_id=? AND <expr>=?)": "one row",
    "job_executions_in_slots (pipeline_id=?)": "what runs in one pipeline; at most its slots",
    "job_executions_deadline (deadline_at<?)": "what is due",
    "job_executions_deadline (deadline_at>?)": "in the order of the index, so the earliest is the first",
    "task_executions_claimable (task_id=?)": "in the order of the index, so the oldest is the first",
    "task_executions_claimable (task_id=? AND seq>?)": "in the order of the index, so the next is the first",
    "task_executions_claimed (task_id=?)": "what workers hold of one task",
    "task_executions_claimed (task_id=? AND claim_id=?)": "what one claim holds",
    "task_executions_timer (timer_at<?)": "what is due",
    "task_executions_timer (timer_at>?)": "in the order of the index, so the earliest is the first",
    "PRIMARY KEY (job_execution_id=?) LEFT-JOIN": "one row",
    "logs_of_job (job_execution_id=? AND seq>?)": "in the order of the index, so a page ends at its limit",
    "sqlite_autoindex_logs_1 (id=?)": "one row",
    "events_of_execution (job_execution_id=? AND seq>?)": "in the order of the index, so a page ends at its limit",
    "events_of_account (account_id=? AND seq<?)": "in the order of the index, so a page ends at its limit",
    "events_age (at<?)": "what is to be forgotten, and no more than the limit",
    "events_of_execution (job_execution_id=?)": "what was done to one job execution",
    "sqlite_autoindex_events_1 (id=?)": "one row",
    "sqlite_autoindex_task_executions_2 (job_execution_id=? AND path=? AND attempt=?) LEFT-JOIN": "one row",
    "sqlite_autoindex_files_1 (id=?)": "one row",
    "PRIMARY KEY (file_id=? AND account_id=?)": "the job executions that let one account read one file, to the first",
    "PRIMARY KEY (file_id=?)": "the job executions that let others read one file, when it is due",
    "file_readers_of_execution (job_execution_id=?)": "the files that one job execution uses",
    "files_of_account (account_id=? AND seq<?)": "in the order of the index, so a page ends at its limit",
    "files_due (due_at<?)": "what is due",
    "files_due (due_at>?)": "in the order of the index, so the earliest is the first",
    "sqlite_autoindex_webhooks_1 (id=?)": "one row",
    "webhooks_of_account (account_id=? AND seq<?)": "the webhooks of one account, at most a hundred",
    "webhooks_of_account (account_id=?)": "the webhooks of one account, at most a hundred",
    "webhooks_of_job (job_execution_id=?)": "the webhook of one job execution",
    "sqlite_autoindex_webhook_deliveries_1 (id=?)": "one row",
    "webhook_deliveries_of_webhook (webhook_id=? AND seq<?)": "in the order of the index, so a page ends at its limit",
    "webhook_deliveries_of_job (job_execution_id=? AND seq<?)": "what webhooks are told of one job execution",
    "webhook_deliveries_due": "in the order of the index, so the first host is the first",
    "webhook_deliveries_due (host>?)": "in the order of the index, so the next host is the first",
    "webhook_deliveries_due (host=? AND due_at>?)": "in the order of the index, so the earliest is the first",
    "webhook_deliveries_due (host=? AND due_at>? AND due_at<?)": "what is due, in the order of the index",
    "webhook_deliveries_ended (ended_at<?)": "what is to be forgotten, and no more than the limit",
    "idempotency_keys_age (created_at=?)": "what was made at one moment",
    "job_executions_of_account (account_id=? AND seq>?)": "in the order of the index, so a page ends at its limit",
    "logs_of_job (job_execution_id=?)": "no more than the limit",
    "INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN": "one row",
    "sqlite_autoindex_job_executions_1 (id=? AND rowid<?)": "one row",
    "sqlite_autoindex_job_executions_1 (id=? AND rowid>?)": "one row",
    "sqlite_autoindex_task_executions_2 (job_execution_id=?) LEFT-JOIN": "the numbers of what one job execution has",
    "logs_of_job (job_execution_id=?) LEFT-JOIN": "in the order of the index, so it ends with the window",
    "PRIMARY KEY (job_execution_id=?)": "one row",
    "sqlite_autoindex_task_executions_2 (job_execution_id=? AND path=? AND attempt>?)": "later attempts at one step",
    "idempotency_keys_age (created_at<?)": "what is to be forgotten, and no more than the limit",
}
"""Every way into a big table, and what one comes upon there."""


class Unsaid(dict[str, Any]):
    """Values for the parameters of a statement, whatever they are called: a plan does not depend on them."""

    def __missing__(self, name: str) -> None:
        return None


def made_plans() -> dict[str, list[str]]:
    """The steps of the plan of each statement."""
    with quick_directory() as directory, closing(connect(Path(directory) / FILE_NAME)) as connection:
        return {
            name: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", Unsaid())]
            for name, sql in statements().items()
        }


PLANS: Final = made_plans()


def tables_of(sql: str) -> dict[str, str]:
    """The tables that a statement reads, by the names that it has for them."""
    named = re.findall(r"\b(?:FROM|JOIN|UPDATE|,)\s+(\w+)(?: AS (\w+))?", sql)
    return {alias or table: table for table, alias in named}


def scans(name: str) -> set[tuple[str, str]]:
    """What a statement reads from beginning to end, save what it is given: arrays, and rows of constants."""
    tables = tables_of(statements()[name])
    read = [step for step in PLANS[name] if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"]
    scanned = [step.split()[1] for step in read if "VIRTUAL TABLE" not in step]
    return {(name, tables.get(alias, alias)) for alias in scanned}


def sorts(name: str) -> bool:
    return any("TEMP B-TREE" in step for step in PLANS[name])


def ways_in(name: str) -> set[str]:
    """How a statement finds its way into the big tables."""
    tables = tables_of(statements()[name])
    found = [re.match(r"SEARCH (\w+) USING (?:COVERING )?(?:INDEX )?(.+)", step) for step in PLANS[name]]
    return {one[2] for one in found if one and tables.get(one[1], one[1]) in BIG}


@pytest.mark.parametrize("name", PLANS)
def test_nothing_is_scanned_but_what_may_be(name: str) -> None:
    assert scans(name) <= SCANS.keys()


@pytest.mark.parametrize("name", PLANS)
def test_nothing_is_sorted_but_what_may_be(name: str) -> None:
    assert name in SORTS or not sorts(name)


@pytest.mark.parametrize("name", PLANS)
def test_a_big_table_is_entered_where_there_is_little_to_find(name: str) -> None:
    assert ways_in(name) <= FEW.keys()


def test_no_exception_is_listed_that_is_not_needed() -> None:
    assert set().union(*map(scans, PLANS)) == SCANS.keys()
    assert {name for name in PLANS if sorts(name)} == SORTS.keys()
    assert set().union(*map(ways_in, PLANS)) == FEW.keys()
