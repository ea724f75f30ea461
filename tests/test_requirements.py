"""The pinned requirements follow pyproject.toml; what is installed is known by its hash, wherever it comes from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
RUNTIME = [*PROJECT["project"]["dependencies"], *EXTRAS["cli"], *EXTRAS["server"][1:]]
PEERS = ROOT / "benchmarks" / "peers" / "requirements"
GROUPS = PROJECT["dependency-groups"]


def pinned(name: str) -> dict[str, str]:
    return pinned_in(ROOT / "requirements" / name)


def pinned_in(path: Path) -> dict[str, str]:
    lines = re.findall(r"^([\w.-]+)==([\w.!+]+)", path.read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in lines}


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("server.txt", [*RUNTIME, *GROUPS["build"]]),
        ("dev.txt", [*RUNTIME, *GROUPS["build"], *GROUPS["dev"]]),
    ],
)
def test_every_dependency_is_pinned_at_a_version_that_is_allowed(name: str, declared: list[str]) -> None:
    versions = pinned(name)
    for requirement in map(Requirement, declared):
        version = versions.get(canonicalize_name(requirement.name))
        assert version, f"{requirement.name} is not in requirements/{name}: run `make requirements`"
        assert version in requirement.specifier, f"{requirement} is pinned at {version}: run `make requirements`"


@pytest.mark.parametrize("path", sorted(PEERS.glob("*.in")), ids=lambda path: path.stem)
def test_what_a_peer_is_made_of_is_pinned_as_it_is_named(path: Path) -> None:
    versions = pinned_in(path.with_suffix(".txt"))
    for line in re.findall(r"^[^#\n].*$", path.read_text(), re.MULTILINE):
        requirement = Requirement(line)
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_server_comes_with_the_command_line() -> None:
    assert EXTRAS["server"][0] == "data-factory[cli]"


def test_the_sdk_has_few_dependencies() -> None:
    assert len(PROJECT["project"]["dependencies"]) <= 4


def test_development_runs_what_the_server_runs() -> None:
    assert pinned("server.txt").items() <= pinned("dev.txt").items()


PINNED = [ROOT / "requirements" / "server.txt", ROOT / "requirements" / "dev.txt", *sorted(PEERS.glob("*.txt"))]


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.stem)
def test_what_is_pinned_has_hashes_and_names_no_place(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"://|^\s*-", re.sub(r"^    --hash=sha256:[0-9a-f]{64}.*$", "", text, flags=re.MULTILINE))
    unhashed = re.findall(r"^[\w.-]+==[^\\\n]*$", text, re.MULTILINE)
    assert not unhashed
