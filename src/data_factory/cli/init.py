"""`data-factory init`: a project for a task, which runs and passes its own tests at once."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.parameters import Argument
from data_factory.cli.plain import note

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")

_FILES: Final = {
    "README.md": "README.md",
    "@MODULE@.py": "task.py",
    "test_@MODULE@.py": "test.py",
    "job/job.json": "job.json",
    ".env.example": "env",
    ".gitignore": "gitignore",
    "requirements.txt": "requirements.txt",
    "requirements-test.txt": "requirements-test.txt",
    "Dockerfile": "Dockerfile",
    ".github/workflows/test.yml": "workflow.yml",
}


def init(
    name: Annotated[str, Argument("NAME", "The key of the task, and the folder to make.")],
) -> None:
    """Make a project for a custom task: the task, a job, tests, a Dockerfile, CI. It runs as it is.

    \b
    Example:
      data-factory init my-task
      cd my-task && pytest
    """
    folder = Path(name)
    key = folder.name
    if not _NAME.fullmatch(key):
        raise Stop(ExitCode.USAGE, f"{key!r} is no key of a task: a letter, then letters, digits, `_` and `-`.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Stop(ExitCode.USAGE, f"{folder} is there already, and is not empty.")
    module = _module_of(key)
    for target, template in _FILES.items():
        text = files("data_factory.cli").joinpath("scaffold", f"{template}.tmpl").read_text(encoding="utf-8")
        path = folder / target.replace("@MODULE@", module)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("@MODULE@", module).replace("@KEY@", key), encoding="utf-8")
    note(f"Made {folder}. Next: cd {folder} && pytest; its README.md says how to run it.")


def _module_of(key: str) -> str:
    """A name for its module, which is none of Python's own."""
    name = key.replace("-", "_").lower()
    return f"{name}_task" if keyword.iskeyword(name) or name in ("test", "job", "data_factory", "task") else name
