"""`data-factory file`: up, down, shown, gone."""

from __future__ import annotations

import json

from tests.cli.conftest import CommandLine


def test_a_file_is_uploaded_shown_downloaded_and_deleted(cli: CommandLine) -> None:
    (cli.folder / "prices.csv").write_text("9.99\n")
    uploaded = cli("file", "upload", "prices.csv")
    id = uploaded.out.strip()
    assert len(id) == 64
    assert "Uploaded prices.csv, 5 bytes. It stays until 20" in uploaded.err
    assert "prices.csv" in cli("file", "list").out
    assert "text/csv" in cli("file", "get", id).out
    assert "here already" in cli("file", "download", id, code=2).err
    assert cli("file", "download", id, "--output", "-").out == "9.99\n"
    assert cli("file", "download", id, "-o", "copy.csv").out == "copy.csv\n"
    assert (cli.folder / "copy.csv").read_text() == "9.99\n"
    (cli.folder / "prices.csv").unlink()
    assert cli("file", "download", id).out == "prices.csv\n"
    assert cli("file", "delete", id).out == f"Deleted the file {id}, 'prices.csv'\n"
    assert f"There is no file '{id}'" in cli("file", "get", id, code=2).err


def test_files_as_json(cli: CommandLine) -> None:
    made = cli("file", "upload", "-", "--name", "a.bin", "--content-type", "x/y", "--json", stdin="piped").json
    assert (made["filename"], made["contentType"], made["size"]) == ("a.bin", "x/y", 5)
    assert made in cli("file", "list", "--json").json
    assert cli("file", "get", made["id"], "--json").json == made
    assert json.loads(cli("file", "download", made["id"], "--json").out) == made
    assert cli("file", "delete", made["id"], "--json").json == made


def test_what_cannot_be_read_or_written(cli: CommandLine) -> None:
    assert "nothing.csv cannot be read" in cli("file", "upload", "nothing.csv", code=2).err
    id = cli("file", "upload", "-", stdin="x").out.strip()
    assert "cannot be written" in cli("file", "download", id, "-o", "no/such/folder/x", code=2).err
