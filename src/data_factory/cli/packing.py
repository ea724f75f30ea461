"""`data-factory job pack`: the folder of a job as one ZIP archive."""

from __future__ import annotations

import codecs
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from data_factory.cli.documents import read_object
from data_factory.cli.exit_codes import ExitCode, Stop
from data_factory.cli.rendering import console, printable, show_json

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

JOB_FILE: Final = "job.json"
IGNORE_FILE: Final = ".jobignore"
ASSETS: Final = "assets/"

NEVER: Final = (".git/", IGNORE_FILE, "*bundle.zip", "__pycache__/", ".DS_Store")
"""What is left out unless `.jobignore` says otherwise (`!name`)."""

_MAX_JOB_BYTES: Final = 10 * 1024 * 1024
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o100644 << 16


class Packed(msgspec.Struct, frozen=True):
    """An archive that was made."""

    file: str
    size: int
    entries: tuple[str, ...]


def pack_job(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=f"The folder with {JOB_FILE}.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The archive.  [FOLDER's name.bundle.zip]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was packed as JSON.")] = False,
) -> None:
    """Pack the folder of a job as a ZIP archive, without what its .jobignore names (patterns as of .gitignore).

    The same content gives the same archive, byte by byte. No server is asked.

    \b
    Example:
      data-factory job pack jobs/run-task
    """
    target = output or Path(f"{folder.resolve().name}.bundle.zip")
    entries = entries_of(folder, target)
    read_object(folder / JOB_FILE)
    draft = target.with_name(f"{target.name}.part")
    try:
        with draft.open("wb") as file:
            pack(folder, entries, file)
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Stop(ExitCode.USAGE, f"{target} cannot be written: {error.strerror}.") from error
    packed = Packed(str(target), target.stat().st_size, tuple(entries))
    if as_json:
        show_json(msgspec.json.encode(packed))
    else:
        console().print(printable(f"Packed {len(entries)} files, {packed.size:,} bytes: {target}"))


def entries_of(folder: Path, but: Path | None = None) -> list[str]:
    """What is packed of a folder, in order: all but what is left out, and `but`. Ends the command if there is no job,
    or where there is a link."""
    from pathspec import GitIgnoreSpec  # only where it is needed: no other command waits for its import

    if not (folder / JOB_FILE).is_file():
        raise Stop(ExitCode.USAGE, f"There is no {JOB_FILE} in {folder}.")
    ignore = folder / IGNORE_FILE
    try:
        lines = ignore.read_text("utf-8").splitlines() if ignore.is_file() else []
        ignored = GitIgnoreSpec.from_lines([*NEVER, *lines])
        found = sorted(_files(folder, "", ignored))
    except (OSError, ValueError) as error:
        raise Stop(ExitCode.USAGE, f"{folder} cannot be packed: {error}.") from error
    return [name for name in found if but is None or (folder / name).resolve() != but.resolve()]


def pack(folder: Path, entries: list[str], to: IO[bytes]) -> None:
    """Write the archive."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in entries:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, _MODE
            with (folder / name).open("rb") as content, archive.open(info, "w") as out:
                while block := content.read(1024 * 1024):
                    out.write(block)


@contextmanager
def archive_of(folder: Path) -> Iterator[Path | None]:
    """The archive to publish: of a folder that has assets, packed for the length of a command, or the archive itself.
    None where `job.json` is all there is."""
    if not folder.is_dir():
        yield folder if folder.suffix == ".zip" else None
        return
    entries = entries_of(folder)
    if not any(name.startswith(ASSETS) for name in entries):
        yield None
        return
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "job.bundle.zip"
        with path.open("wb") as file:
            pack(folder, entries, file)
        yield path


def job_in(archive: Path) -> dict[str, Any]:
    """The `job.json` of an archive, as far as it can be read: whether it is right is for the server to say."""
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(JOB_FILE) as file:
            value = msgspec.json.decode(file.read(_MAX_JOB_BYTES).removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        raise Stop(ExitCode.USAGE, f"{archive} cannot be read: {error.strerror}.") from error
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError, NotImplementedError):
        return {}
    return value if isinstance(value, dict) else {}


def _files(folder: Path, inside: str, ignored: GitIgnoreSpec) -> Iterator[str]:
    with os.scandir(folder / inside) as found:
        for one in found:
            name = f"{inside}{one.name}"
            if one.is_dir(follow_symlinks=False):
                if not ignored.match_file(f"{name}/"):
                    yield from _files(folder, f"{name}/", ignored)
            elif ignored.match_file(name):
                continue
            elif one.is_symlink():
                raise Stop(ExitCode.USAGE, f"{folder / name} is a link: put the file itself there, or ignore it.")
            elif one.is_file():
                yield name
