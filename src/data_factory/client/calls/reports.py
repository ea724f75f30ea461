"""The report of a job execution, an XML document. It may be long: a block at a time, unless it is wanted in memory."""

from __future__ import annotations

import io
import os
import secrets
from pathlib import Path
from typing import BinaryIO

from data_factory.client.call import Call, Steps
from data_factory.client.calls.parts import path_of
from data_factory.client.transfer import Download


def read_report(job_execution_id: str) -> Steps[bytes]:
    """The report of a job execution in XML: what came in, what was told of it, each attempt at each task, and what came
    out.

    >>> xml.etree.ElementTree.fromstring(client.job_executions.report(execution.id)).get("status")  # doctest: +SKIP
    'COMPLETED'
    """
    content = io.BytesIO()
    yield from copy_report(job_execution_id, content)
    return content.getvalue()


def copy_report(job_execution_id: str, to: BinaryIO) -> Steps[None]:
    """Write the report of a job execution to a file that is open for writing in binary, from where it stands; what
    a lost connection has left there is overwritten, so that it must not be a pipe."""
    call = Call(
        method="GET",
        path=path_of("job_executions", job_execution_id, "report"),
        result=type(None),
        download=Download(to),
    )
    yield from call


def download_report(job_execution_id: str, to: str | os.PathLike[str]) -> Steps[Path]:
    """Write the report of a job execution to a path, or into a folder under a name of its own; gives the path.

    There is nothing at the path before all is there; what was there is replaced.

    >>> client.job_executions.download_report(execution.id, "reports")  # doctest: +SKIP
    PosixPath('reports/report-01a2099672ee1d9aeba6c244.xml')
    """
    path = Path(to)
    if path.is_dir():
        path = path / f"report-{Path(job_execution_id).name}.xml"
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        with draft.open("wb") as out:
            yield from copy_report(job_execution_id, out)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return path
