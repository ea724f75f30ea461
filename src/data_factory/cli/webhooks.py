"""`data-factory webhook`: who is told of the end of job executions, and how that went."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

import typer
from rich.table import Table

from data_factory.cli.asking import Yes, ask_first
from data_factory.cli.connection import connected
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.names import filled, launchable_named
from data_factory.cli.options import Url
from data_factory.cli.plain import note
from data_factory.cli.rendering import Json, console, moment, printable, show, show_json, show_list, status, table, when
from data_factory.client import calls
from data_factory.model.resources import Webhook, WebhookDelivery
from data_factory.model.status import JobExecutionEnd

app: Final = typer.Typer(name="webhook", help="Who is told of the end of job executions.", no_args_is_help=True)

WebhookId = Annotated[
    str, typer.Argument(metavar="ID", help="The id of the webhook.", show_default=False, callback=filled)
]


class End(StrEnum):
    """How a job execution may have ended."""

    COMPLETED = "COMPLETED"
    USER_ERROR = "USER_ERROR"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"
    TIMEDOUT = "TIMEDOUT"


@app.command("create")
def create_webhook(
    url: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where it is told.", show_default=False)],
    on: Annotated[
        list[End] | None,
        typer.Option("--status", help="Only of ends with this status; as often as needed.", show_default=False),
    ] = None,
    jobs: Annotated[
        list[str] | None,
        typer.Option("--job", metavar="JOB", help="Only of this job, by key or id; as often as needed."),
    ] = None,
    server: Url = None,
    as_json: Json = False,
) -> None:
    """Have an address told of the end of job executions. The secret that it is signed with is printed once.

    \b
    Example:
      data-factory webhook create https://example.com/ended --status FAILED --status TIMEDOUT
    """
    statuses: list[JobExecutionEnd] = [one.value for one in on or ()]
    with connected(server) as connection:
        job_ids = [launchable_named(connection, job).value.id for job in jobs or ()]
        made = connection.ask(calls.create_webhook(url, statuses=statuses, job_ids=job_ids))
        if as_json:
            show_json(made.json)
        else:
            console().print(printable(f"Made the webhook {made.value.id}. Its secret, shown this once:"))
            console().print(printable(f"\n    {made.value.secret}\n"))
            note(f"Try it: {connection.command(f'webhook test {made.value.id}')}")


@app.command("list")
def list_webhooks(url: Url = None, as_json: Json = False) -> None:
    """List the webhooks, newest first.

    \b
    Example:
      data-factory webhook list
    """
    with connected(url) as connection:
        found = list(connection.read(calls.list_webhooks()))
        hint = f"No webhooks. `{connection.command('webhook create ADDRESS')}` makes one."
        show_list(as_json, [one.json for one in found], lambda: _webhooks([one.value for one in found]), hint)


@app.command("update")
def update_webhook(
    webhook: WebhookId,
    address: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where it is told from now on.")] = None,
    on: Annotated[
        list[End] | None,
        typer.Option("--status", help="Only of ends with this status; as often as needed.", show_default=False),
    ] = None,
    jobs: Annotated[
        list[str] | None,
        typer.Option("--job", metavar="JOB", help="Only of this job, by key or id; as often as needed."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Of all ends of all jobs, as far as nothing else is said.")
    ] = False,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether it is told anything.", show_default=False)
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Change where a webhook is told, and of what; what is not said stays. Its secret stays, too.

    \b
    Examples:
      data-factory webhook update 01a2b3c4d5e6f708192a3b4c --active
      data-factory webhook update 01a2b3c4d5e6f708192a3b4c --all --status FAILED
    """
    with connected(url) as connection:
        found = connection.ask(calls.get_webhook(webhook)).value
        statuses: Sequence[JobExecutionEnd] = [one.value for one in on or ()] or (() if every else found.statuses)
        job_ids = [launchable_named(connection, job).value.id for job in jobs or ()] or (() if every else found.job_ids)
        changed = connection.ask(
            calls.update_webhook(
                webhook,
                address or found.url,
                statuses=statuses,
                job_ids=job_ids,
                is_active=found.is_active if active is None else active,
            )
        )
        show(as_json, changed.json, lambda: _webhooks([changed.value]))


@app.command("delete")
def delete_webhook(
    webhook: WebhookId,
    yes: Yes = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Delete a webhook: it is told nothing more, not even what is still to be sent. On a terminal, asks first.

    \b
    Example:
      data-factory webhook delete 01a2b3c4d5e6f708192a3b4c --yes
    """
    with connected(url) as connection:
        found = connection.ask(calls.get_webhook(webhook))
        ask_first(yes, f"Delete the webhook to {found.value.url}?")
        gone = connection.ask(calls.delete_webhook(webhook))
        if as_json:
            show_json(gone.json)
        else:
            console().print(printable(f"Deleted the webhook to {gone.value.url}"))


@app.command("test")
def try_webhook(webhook: WebhookId, url: Url = None, as_json: Json = False) -> None:
    """Send a webhook something of the type webhook.test; `webhook deliveries` says how that went.

    \b
    Example:
      data-factory webhook test 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        made = connection.ask(calls.try_webhook(webhook))
        if as_json:
            show_json(made.json)
        else:
            console().print(printable(f"{made.value.id}  ") + status(made.value.status))
            note(f"How it went: {connection.command(f'webhook deliveries {webhook}')}")


@app.command("rotate")
def rotate_webhook(webhook: WebhookId, url: Url = None, as_json: Json = False) -> None:
    """Give a webhook a new secret, printed once. For a day, what it is told is signed with the former one, too.

    \b
    Example:
      data-factory webhook rotate 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        made = connection.ask(calls.rotate_webhook(webhook))
        if as_json:
            show_json(made.json)
        else:
            console().print(printable(f"Its new secret, shown this once:\n\n    {made.value.secret}"))


@app.command("deliveries")
def list_deliveries(
    webhook: Annotated[
        str | None, typer.Argument(metavar="ID", help="The id of the webhook.", show_default=False)
    ] = None,
    execution: Annotated[
        str | None, typer.Option(metavar="ID", help="What all webhooks were told of this job execution, instead.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 20,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List what a webhook was told and how that went, newest first.

    \b
    Examples:
      data-factory webhook deliveries 01a2b3c4d5e6f708192a3b4c
      data-factory webhook deliveries --execution 01a2b3c4d5e6f708192a3b4c
    """
    if webhook and not execution:
        asked = calls.list_deliveries(webhook)
    elif execution and not webhook:
        asked = calls.list_execution_webhooks(execution)
    else:
        raise Stop(ExitCode.USAGE, "Say of which webhook, or of which --execution.")
    with connected(url) as connection:
        found, more = connection.some(asked, limit)
        deliveries = [one.value for one in found]
        show_list(as_json, [one.json for one in found], lambda: _deliveries(deliveries), "It was told nothing yet.")
        if more:
            note(f"There are more: --limit {limit * 5}")


@app.command("resend")
def resend_delivery(
    delivery: Annotated[
        str, typer.Argument(metavar="ID", help="The id of the delivery.", show_default=False, callback=filled)
    ],
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Send again what was delivered, or was given up.

    \b
    Example:
      data-factory webhook resend 01a2b3c4d5e6f708192a3b4c
    """
    with connected(url) as connection:
        made = connection.ask(calls.resend_delivery(delivery))
        if as_json:
            show_json(made.json)
        else:
            console().print(printable(f"{made.value.id}  ") + status(made.value.status))


def _webhooks(webhooks: list[Webhook]) -> Table:
    rows = [
        (
            one.id,
            "yes" if one.is_active else f"no{f': {one.disabled_reason}' if one.disabled_reason else ''}",
            ", ".join(one.statuses) or "all",
            str(len(one.job_ids) or "all"),
            one.url,
        )
        for one in webhooks
    ]
    return table(["ID", "ACTIVE", "STATUSES", "JOBS", "ADDRESS"], rows)


def _deliveries(deliveries: list[WebhookDelivery]) -> Table:
    rows = [
        (
            one.id,
            one.webhook_id,
            one.job_execution_id or "test",
            status(one.status),
            str(len(one.attempts)),
            moment(one.next_attempt_at),
            when(one.created_at),
            _last(one),
        )
        for one in deliveries
    ]
    return table(["ID", "WEBHOOK", "JOB EXECUTION", "STATUS", "ATTEMPTS", "NEXT", "MADE", "LAST ANSWER"], rows)


def _last(delivery: WebhookDelivery) -> str:
    if not delivery.attempts:
        return ""
    last = delivery.attempts[-1]
    return f"{last.error or last.status} in {last.milliseconds} ms"
