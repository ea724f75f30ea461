"""`data-factory job`: jobs, published from the folders in which they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from data_factory.cli.connection import Answer, Connection, connected, field_errors
from data_factory.cli.documents import read_object
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.names import job_named
from data_factory.cli.options import Url
from data_factory.cli.packing import JOB_FILE, archive_of, job_in
from data_factory.cli.plain import note
from data_factory.cli.project_paths import project_named
from data_factory.cli.rendering import (
    Json,
    card,
    console,
    excerpt,
    moment,
    show,
    show_json,
    show_list,
    status,
    table,
    when,
)
from data_factory.client import calls
from data_factory.client.call import Call
from data_factory.client.errors import BadRequest
from data_factory.model.definitions import JobTask
from data_factory.model.resources import Job, JobVersion

JobName = Annotated[str, typer.Argument(metavar="JOB", help="The key or the id of the job.", show_default=False)]

app: Final = typer.Typer(name="job", help="Publish and show jobs.", no_args_is_help=True)

_CUSTOM_TASK: Final = re.compile(r"\$\{account\}/(.+)")


@app.command("push")
def push_job(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help=f"The folder with {JOB_FILE}, the file, or a ZIP archive.", show_default=False
        ),
    ],
    create_tasks: Annotated[
        bool, typer.Option("--create-tasks", help="Also create the custom tasks that it names and that are missing.")
    ] = False,
    pipeline: Annotated[
        str | None, typer.Option(metavar="ID", help="The pipeline to run it in.  [the default one; else as it was]")
    ] = None,
    project: Annotated[
        str | None,
        typer.Option(metavar="PROJECT", help="The project to put it in, by path or id.  [none; else as it was]"),
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Publish a job: a new one, or the next version of the one that has its key.

    With files below assets/, the folder is sent as `data-factory job pack` packs it. What runs goes on with the version
    that it started with. If the job is not valid, nothing is published and everything that is wrong with it is shown.

    \b
    Examples:
      data-factory job push jobs/run-task
      data-factory job push jobs/run-task --create-tasks
      data-factory job push jobs/run-task --project Sales/Imports
    """
    file = folder / JOB_FILE if folder.is_dir() else folder
    with ExitStack() as stack:
        archive = stack.enter_context(archive_of(folder))
        definition = read_object(file) if archive is None or folder.is_dir() else job_in(folder)
        connection = stack.enter_context(connected(url))
        key = definition.get("key")
        present = connection.client.jobs.find(key) if isinstance(key, str) else None
        places = _places(connection, pipeline, project)
        body = _completed(definition, present, places)

        def publish() -> Answer[Job]:
            if archive is not None:
                return connection.ask(_from_zip(archive, present, places))
            return connection.ask(calls.update_job(present.id, body) if present else calls.create_job(body))

        try:
            job = publish()
        except BadRequest as refused:
            missing = _missing_tasks(connection, definition)
            if not create_tasks or not missing or any(error.path not in missing for error in refused.errors):
                hint = " (--create-tasks creates the tasks that are missing)" if missing and not create_tasks else ""
                raise Stop(
                    ExitCode.USAGE, f"{file} is not valid{hint}:", field_errors(refused) or [refused.message]
                ) from refused
            for task in dict.fromkeys(missing.values()):
                made = connection.ask(calls.create_task({"key": task, "inputKeys": [], "outputKeys": []})).value
                note(f"Created the task {made.key}: {made.id}")
            job = publish()
        _tell(connection, job, "Updated" if present else "Created", as_json)


@app.command("list")
def list_jobs(
    project: Annotated[
        str | None, typer.Option(metavar="PROJECT", help="Only those in this project, by path or id.")
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """List the jobs, newest first.

    \b
    Examples:
      data-factory job list
      data-factory job list --project Sales/Imports
    """
    with connected(url) as connection:
        hint = f"There are no jobs yet: `{connection.command('job push FOLDER')}` publishes one."
        asked = calls.list_jobs()
        if project is not None:
            id = project_named(connection, project).value.id
            asked, hint = (
                calls.search_jobs({"type": "eq", "field": "projectId", "value": id}),
                f"No job is in {project}.",
            )
        found = list(connection.read(asked))
        show_list(as_json, [job.json for job in found], lambda: _jobs([job.value for job in found]), hint)


@app.command("get")
def get_job(
    job: JobName,
    version: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="As it was in this version.", show_default=False)
    ] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Show a job as it was last published, or one of its versions.

    \b
    Examples:
      data-factory job get run-task
      data-factory job get run-task --version 1
    """
    with connected(url) as connection:
        found = job_named(connection, job)
        if version is None:
            show(as_json, found.json, lambda: _job(found.value))
        else:
            then = connection.ask(calls.get_job_version(found.value.id, version))
            show(as_json, then.json, lambda: _version(then.value))


def _places(connection: Connection, pipeline: str | None, project: str | None) -> dict[str, str]:
    """Where a job is to be, as far as that was said."""
    found = {"pipelineId": pipeline, "projectId": project_named(connection, project).value.id if project else None}
    return {name: id for name, id in found.items() if id}


def _completed(definition: dict[str, Any], present: Job | None, places: Mapping[str, str]) -> dict[str, Any]:
    """What to publish: what is not said of where and whether the job runs stays as it was."""
    kept = {"pipelineId": present.pipeline_id, "status": present.status} if present else {}
    return {name: value for name, value in kept.items() if value} | definition | dict(places)


def _from_zip(archive: Path, present: Job | None, places: Mapping[str, str]) -> Call[Job]:
    pipeline, project = places.get("pipelineId"), places.get("projectId")
    if present is None:
        return calls.create_job_from_zip(archive, pipeline_id=pipeline, project_id=project)
    return calls.update_job_from_zip(present.id, archive, pipeline_id=pipeline, project_id=project)


def _missing_tasks(connection: Connection, definition: dict[str, Any]) -> dict[str, str]:
    """The keys of the custom tasks that a job names and that are not there, by the path of the name."""
    tasks = definition.get("tasks")
    names = {
        f"tasks[{index}].name": match[1]
        for index, task in enumerate(tasks if isinstance(tasks, list) else [])
        if isinstance(task, dict) and (match := _CUSTOM_TASK.fullmatch(str(task.get("name"))))
    }
    known = {task.key for task in connection.client.tasks.list()} if names else set()
    return {path: key for path, key in names.items() if key not in known}


def _tell(connection: Connection, job: Answer[Job], verb: str, as_json: bool) -> None:
    if as_json:
        show_json(job.json)
    else:
        version = f", version {job.value.version}" if job.value.version else ""
        console().print(f"{verb} the job {job.value.key}{version}: {job.value.id}")
        note(f"Run it: {connection.command(f'run {job.value.key} {_inputs_of(job.value)}--wait')}")


def _inputs_of(job: Job) -> str:
    """How it is given what it asks for; of one that does not say, what any input looks like."""
    asked = [one for one in job.user_inputs if one.required]
    if not job.user_inputs:
        return "--input name=value "
    return "".join(f"--input {one.key}={'@file' if one.type in ('FILE', 'FILES') else 'value'} " for one in asked)


def _jobs(jobs: list[Job]) -> Table:
    rows = [
        (job.key, job.id, str(job.version or ""), status(job.status), when(job.updated_at), job.title) for job in jobs
    ]
    return table(["KEY", "ID", "VERSION", "STATUS", "UPDATED", "TITLE"], rows)


def _job(job: Job) -> RenderableType:
    facts = card(
        {
            "key": job.key,
            "id": job.id,
            "title": job.title,
            "description": job.description or None,
            "status": status(job.status),
            "version": str(job.version) if job.version else None,
            "pipeline": job.pipeline_id,
            "project": job.project_id,
            "time to run": _time_to_run(job.timeout_seconds),
            "created": moment(job.created_at),
            "updated": moment(job.updated_at),
            "output": _output(job.output),
        }
    )
    return Group(facts, "", _steps(job.tasks))


def _version(then: JobVersion) -> RenderableType:
    definition = then.definition
    if definition is None:
        return card({"id": then.id, "version": str(then.version)})
    facts = card(
        {
            "key": definition.key,
            "id": then.id,
            "title": definition.title,
            "description": definition.description or None,
            "status": status(definition.status),
            "version": f"{then.version}, the present one" if then.is_current else str(then.version),
            "time to run": _time_to_run(definition.timeout_seconds),
            "published": moment(then.created_at),
            "output": _output(definition.output),
        }
    )
    return Group(facts, "", _steps(definition.tasks))


def _time_to_run(seconds: int) -> str:
    return f"{seconds} s" if seconds else "no limit"


def _output(output: dict[str, Any] | None) -> str | Text:
    return "that of the last task" if output is None else excerpt(output)


def _steps(tasks: Iterable[JobTask]) -> Table:
    rows = [
        (task.task_reference_name, task.name, "yes" if task.is_optional else "no", excerpt(task.input))
        for task in tasks
    ]
    return table(["TASK", "RUNS", "OPTIONAL", "INPUT"], rows)
