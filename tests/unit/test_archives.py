"""Archives of jobs: what is in a good one, and every way in which a bad one is refused."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from data_factory.model.assets import assets_in, missing_assets, with_assets
from data_factory.model.errors import Invalid
from data_factory.service import archives
from data_factory.service.archives import Archive, Asset

JOB = b'{"key": "j"}'


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], job: bytes | None = JOB) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (*((("job.json", job),) if job is not None else ()), *entries):
            archive.writestr(name, content)
    file.seek(0)
    return file


def entry(name: str, **about: Any) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for field, value in about.items():
        setattr(info, field, value)
    return info


def refused(file: io.BytesIO, most: int = 1_000) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as refusal:
        Archive(file, most)
    return [(error.path, error.message) for error in refusal.value.errors] or [("", refusal.value.message)]


def test_what_is_in_it() -> None:
    file = zipped(("assets/", b""), ("assets/a.xml", b"<a/>"), ("assets/deep/b.txt", b""), ("README.md", b"# job"))
    archive = Archive(file, 1_000)
    assert (archive.job, archive.assets) == (JOB, {"a.xml", "deep/b.txt"})
    checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert archive.examine("deep/b.txt") == Asset("deep/b.txt", 0, checksum)
    assert b"".join(archive.read("a.xml")) == b"<a/>"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert Archive(zipped(job=b"\xef\xbb\xbf" + JOB), 1_000).job == JOB


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "assets/../../evil",
        "/etc/passwd",
        "assets//x",
        "./job.json",
        "assets/.",
        "C:/x",
        "assets\\..\\x",
        "a\nb",
        "assets/" + "x" * 500,
    ],
)
def test_a_name_must_stay_inside(name: str) -> None:
    [(path, message)] = refused(zipped((name, b"")))
    assert path == (name if len(name) <= 500 else f"{name[:500]}…")
    assert "leads out" in message or "cannot be printed" in message


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_only_files_are_taken(kind: int) -> None:
    [(path, message)] = refused(zipped((entry("assets/link", external_attr=(kind | 0o777) << 16), b"/etc/passwd")))
    assert (path, "is a link" in message) == ("assets/link", True)


@pytest.mark.parametrize(
    ("one", "other"), [("assets/a", "assets/a"), ("assets/\u00e9", "assets/e\u0301"), ("assets/a", "assets/a/")]
)
def test_a_name_is_there_once(one: str, other: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate name") if one == other else nullcontext():
        file = zipped((one, b"1"), (other, b"2" if not other.endswith("/") else b""))
    assert (other, "is there twice") in refused(file)


def test_job_json_must_be_there() -> None:
    assert refused(zipped(job=None)) == [("job.json", "is not in the archive")]
    [(_, message)] = refused(zipped(("run-task/job.json", JOB), job=None))
    assert "there is run-task/job.json: pack the content of the folder" in message


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_archive(content: bytes) -> None:
    [(_, message)] = refused(io.BytesIO(content))
    assert "is not a ZIP archive" in message


def test_what_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(zipped(("assets/a", b"x" * 1_001))) == [("assets/a", "has more than 1,000 bytes")]
    monkeypatch.setattr(archives, "MAX_BYTES", 1_500)
    many = zipped(("assets/a", b"x" * 800), ("assets/b", b"x" * 800))
    assert refused(many) == [("", "The archive has more than 1,500 bytes, unpacked.")]
    monkeypatch.setattr(archives, "MAX_ENTRIES", 2)
    assert refused(many) == [("", "The archive has more than 2 entries.")]


def patched(file: io.BytesIO, change: Callable[[bytearray, int, int], None]) -> io.BytesIO:
    """The archive with its last entry changed: `change` is given the places of its two heads."""
    raw = bytearray(file.getvalue())
    change(raw, raw.rindex(b"PK\x03\x04"), raw.rindex(b"PK\x01\x02"))
    return io.BytesIO(bytes(raw))


def test_an_archive_that_lies_about_its_size() -> None:
    """A bomb: it says that it has ten bytes, and has a million."""

    def lie(raw: bytearray, local: int, central: int) -> None:
        struct.pack_into("<I", raw, local + 22, 10)
        struct.pack_into("<I", raw, central + 24, 10)

    archive = Archive(patched(zipped(("assets/bomb", b"\0" * 1_000_000)), lie), 1_000)
    with pytest.raises(Invalid) as refusal:
        archive.examine("bomb")
    assert refusal.value.errors[0].path == "assets/bomb"


def test_content_that_is_broken() -> None:
    def spoil(raw: bytearray, local: int, central: int) -> None:
        raw[local + 30 + len("assets/a") + 3] ^= 0xFF

    archive = Archive(patched(zipped(("assets/a", bytes(range(200)))), spoil), 1_000)
    with pytest.raises(Invalid, match="assets/a: cannot be read"):
        archive.examine("a")


def test_what_is_encrypted_or_packed_otherwise() -> None:
    def encrypt(raw: bytearray, local: int, central: int) -> None:
        raw[local + 6] |= 1
        raw[central + 8] |= 1

    assert refused(patched(zipped(("assets/a", b"a")), encrypt)) == [("assets/a", "is encrypted")]
    [(path, message)] = refused(zipped((entry("assets/a", compress_type=zipfile.ZIP_BZIP2), b"a")))
    assert (path, "only stored and deflated" in message) == ("assets/a", True)


def test_all_that_is_wrong_is_told_at_once() -> None:
    file = zipped(("../a", b""), (entry("l", external_attr=stat.S_IFLNK << 16), b""), job=None)
    assert [path for path, _ in refused(file)] == ["../a", "l", "job.json"]


# -- assets in the values of a job


def test_assets_are_named_in_values_only() -> None:
    job = {
        "title": "@a.xml",
        "tasks": [
            {
                "name": "@a.xml",
                "inputParameters": {"x": ["file://assets/a.xml", "@deep/b.xml", "@nobody", "see @a.xml"]},
                "decisionCases": {"A": [{"input": {"y": {"z": "@a.xml"}}}]},
            }
        ],
        "outputParameters": {"o": "file://assets/gone"},
        "userInputs": [{"key": "f", "defaultValue": "@c.xml"}],
    }
    known = {"a.xml", "deep/b.xml", "c.xml"}
    assert assets_in(job, known) == known
    done = with_assets(job, {name: {"url": name} for name in known})
    assert done["title"] == done["tasks"][0]["name"] == "@a.xml"
    assert done["tasks"][0]["inputParameters"]["x"] == [
        {"url": "a.xml"},
        {"url": "deep/b.xml"},
        "@nobody",
        "see @a.xml",
    ]
    assert done["tasks"][0]["decisionCases"]["A"][0]["input"]["y"]["z"] == {"url": "a.xml"}
    assert done["userInputs"][0]["defaultValue"] == {"url": "c.xml"}
    assert list(missing_assets(done["outputParameters"], "output")) == [("output.o", "gone")]
