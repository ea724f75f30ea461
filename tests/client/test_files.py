"""Files by both clients, against our real server: in any form in and out, a block at a time."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_factory.client import AsyncClient, Client, NotFound, NotUnderstood
from data_factory.client.transfer import Download
from data_factory.model.resources import File
from tests.standin.ours import KEY, factory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with factory(tmp_path_factory.mktemp("factory")) as address:
        yield address


@pytest.fixture
def api(server: str) -> Iterator[Client]:
    with Client(server, KEY) as client:
        yield client


def test_a_path_goes_in_and_out_under_its_name(api: Client, tmp_path: Path) -> None:
    source, folder = tmp_path / 'say "é".xml', tmp_path / "back"
    folder.mkdir()
    source.write_bytes(b"<prices/>")
    passed: list[int] = []
    file = api.files.upload(source, advance=passed.append)
    assert (file.filename, file.content_type, file.size, sum(passed)) == (source.name, "application/xml", 9, 9)
    assert file.sha256 == hashlib.sha256(b"<prices/>").hexdigest()
    assert api.files.get(file) == file == next(api.files.list())
    assert api.files.download(file, folder) == folder / source.name
    assert (folder / source.name).read_bytes() == b"<prices/>"
    assert api.files.download(file.id, folder / "other") == folder / "other"
    assert api.files.delete(file.id) == file
    with pytest.raises(NotFound):
        api.files.read(file)


def test_bytes_and_what_is_open_for_reading(api: Client, tmp_path: Path) -> None:
    file = api.files.upload(b"bytes", filename="a.csv")
    assert (file.filename, file.content_type, api.files.read(file)) == ("a.csv", "text/csv", b"bytes")
    (tmp_path / "b.bin").write_bytes(b"open")
    with (tmp_path / "b.bin").open("rb") as source:
        opened = api.files.upload(source, content_type="x/y")
    assert (opened.filename, opened.content_type, api.files.read(opened)) == ("b.bin", "x/y", b"open")


def test_a_pipe_that_nobody_knows_the_length_of(api: Client) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"from a pipe")
    os.close(writer)
    with os.fdopen(reader, "rb") as source:
        file = api.files.upload(source, filename="piped")
    assert (file.size, api.files.read(file)) == (11, b"from a pipe")


@pytest.mark.parametrize("form", ["url", "id", "value"])
def test_a_value_of_an_input_is_a_file(api: Client, form: str) -> None:
    file = api.files.upload(b"content")
    elsewhere = f"https://factory.example/v1/data_factory/files/{file.id}/content"
    value = {"url": elsewhere, "id": file.id, "value": {"url": elsewhere, "filename": "x"}}[form]
    assert api.files.read(value) == b"content"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a file"):
        api.files.get({"filename": "x"})


def test_nothing_is_left_where_a_download_did_not_come_to_its_end(api: Client, tmp_path: Path) -> None:
    file = api.files.upload(b"content")

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.files.download(file, tmp_path / "a", advance=stop)
    assert list(tmp_path.iterdir()) == []


def test_content_that_is_not_what_its_checksum_says_is_no_file(
    api: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = api.files.upload(b"content")
    monkeypatch.setattr(Download, "sha256", "0" * 64)
    with pytest.raises(NotUnderstood, match="is not what was uploaded"):
        api.files.download(file, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_download_begins_again_where_there_is_another_content() -> None:
    out = io.BytesIO(b"head ")
    out.seek(0, os.SEEK_END)
    passed: list[int] = []
    download = Download(out, passed.append)
    download.begin(200, '"a"')
    download.take(b"half")
    assert download.headers() == {"Range": "bytes=4-", "If-Range": '"a"'}
    download.begin(200, '"b"')
    download.take(b"whole")
    assert (out.getvalue(), sum(passed)) == (b"head whole", 5)


def test_the_same_awaited(server: str, tmp_path: Path) -> None:
    async def story() -> tuple[File, Path]:
        async with AsyncClient(server, KEY) as client:
            file = await client.files.upload(b"content", filename="a.txt")
            assert await client.files.read(file) == b"content"
            assert file.id in [one.id async for one in client.files.list()]
            return file, await client.files.download(file, tmp_path)

    file, path = asyncio.run(story())
    assert path.read_bytes() == b"content"
    assert path.name == file.filename
