"""The wheel, installed without extras: few dependencies, no server, and everything that who writes tasks needs."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from data_factory.cli.bare import COMMANDS, OF_THE_SERVER, run
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.parameters import Option, parameters_of
from data_factory.client import Client
from tests.cli.test_commands import commands
from tests.standin.ours import KEY
from tests.worker.conftest import Desk
from tests.worker.test_process import PROGRAM, end, read_line

ROOT = Path(__file__).parents[2]

SCRIPT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from data_factory.cli.main import main; main()"
"""What the script of the wheel does, with these packages and no others."""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and what it depends on, and nothing else."""
    folder = tmp_path_factory.mktemp("base")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    for name in sorted(needed([str(one) for one in direct(folder / "site")])):
        link(name, folder / "site")
    return folder / "site"


def direct(site: Path) -> list[Requirement]:
    (metadata,) = site.glob("data_factory-*.dist-info/METADATA")
    lines = re.findall(r"^Requires-Dist: (.*)$", metadata.read_text(), re.MULTILINE)
    return [one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate({"extra": ""})]


def needed(requirements: Iterable[str]) -> set[str]:
    """The distributions that pip would install for these."""
    found: set[str] = set()
    waiting = [Requirement(one) for one in requirements]
    while waiting:
        one = waiting.pop()
        if one.name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found.add(one.name)
            waiting += map(Requirement, distribution(one.name).requires or ())
    return found


def link(name: str, site: Path) -> None:
    for file in distribution(name).files or ():
        if file.parts[0] != ".." and not (site / file.parts[0]).exists():
            (site / file.parts[0]).symlink_to(Path(str(distribution(name).locate_file(file.parts[0]))))


def command(site: Path, *words: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", SCRIPT, str(site), *words]


def done(site: Path, folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    own = {"HOME": str(folder), "PATH": os.environ["PATH"], **settings}
    return subprocess.run(
        command(site, *words), check=False, cwd=folder, env=own, capture_output=True, text=True, timeout=60
    )


def test_it_has_three_dependencies_and_no_server(site: Path, tmp_path: Path) -> None:
    assert {one.name for one in direct(site)} == {"httpx", "msgspec", "python-dotenv", "sniffio"}
    look = "import sys; sys.path.insert(0, sys.argv[1]); from data_factory import *; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-I", "-S", "-c", look, str(site)], check=True, cwd=tmp_path, capture_output=True, text=True
    ).stdout.split()
    assert "data_factory.worker.worker" in loaded
    assert not [name for name in loaded if name.startswith(("data_factory.api", "data_factory.ser", "typer", "rich"))]


def test_a_task_is_run_and_replayed(site: Path, tmp_path: Path, server: str, api: Client, desk: Desk) -> None:
    settings = {"API_BASE_PATH": server, "API_ACCESS_TOKEN": KEY, "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    (tmp_path / "tasks.py").write_text(PROGRAM.format(key=desk.key))
    started = command(site, "worker", "tasks", "--concurrency", "2", "--log-format", "json", "--register")
    worker = subprocess.Popen(started, cwd=tmp_path, env=settings, stderr=subprocess.PIPE, text=True)
    with worker:
        try:
            assert json.loads(read_line(worker.stderr, "worker.started"))["concurrency"] == 2
            execution_id = desk.launch()
            assert api.job_executions.get(execution_id, wait=20).output == {"done": True}
            worker.send_signal(signal.SIGTERM)
            assert end(worker)[0] == 0
        finally:
            worker.kill()
    task_execution = desk.task_execution(execution_id).id
    again = done(site, tmp_path, "task", "replay", task_execution, "tasks", **settings)
    assert again.returncode == 0, again.stderr
    assert '"done": true' in again.stdout


def test_a_project_is_made(site: Path, tmp_path: Path) -> None:
    made = done(site, tmp_path, "init", "my-task")
    assert (made.returncode, "Made my-task" in made.stderr) == (0, True), made
    assert (tmp_path / "my-task" / "Dockerfile").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run some-job", "data-factory run is not part of the SDK alone: pip install 'data-factory[cli]'"),
        ("task list", "data-factory task is not part of the SDK alone: pip install 'data-factory[cli]'"),
        ("server", "data-factory server is not part of the SDK alone: pip install 'data-factory[server]'"),
        ("worker x --grace -1", "-1 is less than 0"),
        ("worker x --health-port many", "'many' is not a number"),
        ("worker x --log-format xml", "'xml' is not one of text, json"),
        ("worker missing", "there is no module 'missing'"),
        ("worker x --nonsense", "unrecognized arguments: --nonsense"),
    ],
)
def test_what_is_not_there_says_what_to_install(site: Path, tmp_path: Path, words: str, said: str) -> None:
    ended = done(site, tmp_path, *words.split())
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_environment_is_read_and_checked_like_what_is_typed(site: Path, tmp_path: Path) -> None:
    ended = done(site, tmp_path, "worker", "x", DATA_FACTORY_CONCURRENCY="0")
    assert (ended.returncode, "0 is less than 1" in ended.stderr) == (2, True), ended.stderr


def test_help_has_the_words_of_the_whole_command_line(site: Path, tmp_path: Path) -> None:
    assert "task" in done(site, tmp_path, "--help").stdout
    for name, one in COMMANDS.items():
        said = done(site, tmp_path, *name.split(), "--help")
        assert said.returncode == 0
        assert f"data-factory {name} " in said.stdout, "there is an example"
        options = [parameter.flag for parameter in parameters_of(one) if isinstance(parameter.mark, Option)]
        assert all(flag in said.stdout for flag in options)


WHOLE = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_both_command_lines_take_the_same(name: str) -> None:
    typed = {one.name: one for one in WHOLE[name].params if one.name != "help"}
    for one in parameters_of(COMMANDS[name]):
        known = typed.pop(one.name)
        if known.param_type_name == "option":
            assert (known.opts, known.default) == ([one.flag], one.default)
            assert known.envvar == getattr(one.mark, "variable", None)
    assert not typed


@pytest.mark.parametrize("name", sorted({name.split()[0] for name in WHOLE} - {"worker", "init"}))
def test_every_other_command_says_what_brings_it(name: str) -> None:
    with pytest.raises(Stop) as stopped:
        run([name])
    assert stopped.value.code is ExitCode.USAGE
    assert f"data-factory[{'server' if name in OF_THE_SERVER else 'cli'}]" in stopped.value.message


def test_those_of_the_server_are_commands() -> None:
    assert {name.split()[0] for name in WHOLE} >= OF_THE_SERVER


WITHOUT_THE_SERVER = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"jsonpath", "jsonschema", "starlette", "uvicorn"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
import pytest
sys.exit(pytest.main(["-q", "-p", "no:schemathesis", "-p", "no:cacheprovider"]))
"""


def test_a_factory_in_a_test_says_that_it_needs_the_server(tmp_path: Path) -> None:
    (tmp_path / "test_job.py").write_text("def test_the_job(factory): ...\n")
    tested = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_SERVER], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert tested.returncode == 1
    assert "pip install 'data-factory[server]'" in tested.stdout
    assert "Traceback" not in tested.stdout + tested.stderr
