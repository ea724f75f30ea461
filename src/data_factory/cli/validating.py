"""What `data-factory job validate` does: what a server would do with a job, without one."""

from __future__ import annotations

import json
from collections.abc import Collection
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from data_factory.api.bodies import COMMENT_LINE, Misfit, convert, read_definition
from data_factory.api.job_bodies import what_fits_of_a_job
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.packing import ASSETS, JOB_FILE, entries_of
from data_factory.cli.positions import line_of, lines_of
from data_factory.cli.rendering import console, printable, show_json
from data_factory.engine.publication import custom_task_keys, job_errors
from data_factory.model.assets import with_assets
from data_factory.model.definitions import JobBody
from data_factory.model.errors import FieldError, Invalid, first_errors
from data_factory.model.file_values import CONTENT_PATH

_ASSET: Final = {"url": CONTENT_PATH.format(id="0" * 64)}
"""What stands for an asset before it is kept."""


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong, and in which line."""

    path: str
    message: str
    line: int | None


class Findings(msgspec.Struct, frozen=True):
    """Whether a job is valid, and all that is wrong with it."""

    valid: bool
    errors: tuple[Finding, ...]


def run(folder: Path, as_json: bool) -> None:
    """Check the job in a folder or file, and say what is wrong with it."""
    file = folder / JOB_FILE if folder.is_dir() else folder
    try:
        raw = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise Stop(ExitCode.USAGE, f"{file} cannot be read: {error.strerror}.") from error
    names = entries_of(folder) if folder.is_dir() else []
    found = findings(raw, {name.removeprefix(ASSETS) for name in names if name.startswith(ASSETS)})
    if as_json:
        show_json(msgspec.json.encode(Findings(valid=not found, errors=found)))
    elif not found:
        console().print(printable(f"{file} is valid."))
    else:
        raise Stop(ExitCode.USAGE, f"{file} is not valid:", map(_told, found))
    if found:
        raise SystemExit(ExitCode.USAGE)


def findings(raw: bytes, assets: Collection[str] = ()) -> tuple[Finding, ...]:
    """All that is wrong with a job that has these assets, as the server would tell it, each with its line."""
    try:
        text = COMMENT_LINE.sub(b"", raw).decode()
        json.loads(text)
    except json.JSONDecodeError as error:
        return (Finding("", f"is not JSON: column {error.colno}: {error.msg}", error.lineno),)
    except (UnicodeDecodeError, RecursionError) as error:
        return (Finding("", f"is not JSON in UTF-8: {error}", None),)
    try:
        errors = flaws(raw, assets)
    except Invalid as refusal:
        errors = refusal.errors or (FieldError("", refusal.message),)
        if not refusal.errors:
            return tuple(Finding(error.path, error.message, None) for error in errors)
    lines = lines_of(text)
    return tuple(Finding(error.path, error.message, line_of(lines, error.path)) for error in errors)


def flaws(raw: bytes, assets: Collection[str]) -> tuple[FieldError, ...]:
    """What the server would say of a job, if the account had all tasks that it names.

    Raises:
        Invalid: it is nothing of which anything can be said.
    """
    value = with_assets(read_definition(raw, JOB_FILE), dict.fromkeys(assets, _ASSET))
    others: tuple[FieldError, ...] = ()
    try:
        body = convert(value, JobBody, len(raw))
    except Misfit as misfit:
        others, body = misfit.errors, what_fits_of_a_job(misfit.value)
    known = dict.fromkeys(custom_task_keys(body), "")
    return first_errors(chain(others, job_errors(body, known)))


def _told(found: Finding) -> str:
    where = [f"line {found.line}"] if found.line else []
    where += [found.path] if found.path else []
    return f"{', '.join(where)}: {found.message}" if where else found.message
