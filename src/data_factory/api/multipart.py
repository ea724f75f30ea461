"""The part `file` of a form (`multipart/form-data`, RFC 7578), as it comes; other parts are passed over."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from data_factory.model.errors import FieldError, Invalid, TooSlow
from data_factory.service.files import UPLOAD_S

PART: Final = "file"
OCTETS: Final = "application/octet-stream"
NAMELESS: Final = "file"

MAX_NAME: Final = 255
MAX_TYPE: Final = 255
MAX_BESIDE_BYTES: Final = 1024 * 1024
"""How much a form may have beside its file: the heads of parts, and other parts."""

SILENCE_S: Final = 60
"""How long nothing may come of an upload that has not come to its end."""

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE: Final = re.compile(rf'{_WORD}/{_WORD}(?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|"[ !#-\[\]-~]*"))*')


class FilePart:
    """Takes the file out of a form.

    part = FilePart(content_type_of_the_request)
    for chunk in body:
        content = part.feed(chunk)
    part.end()

    Raises:
        Invalid: the body is not such a form, or does not have exactly one part `file`.
    """

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind.lower() != b"multipart/form-data" or not 0 < len(boundary) <= 70:
            raise Invalid('Send the file as multipart/form-data, in a part that is called "file".')
        self.filename = NAMELESS
        self.content_type = OCTETS
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._part_end,
                "on_end": self._end,
            },
        )
        self._pieces: list[bytes] = []
        self._fed = self._taken = 0
        self._name = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._is_file = self._found = self._ended = False

    def feed(self, data: bytes) -> bytes:
        """What of the file is in this part of the body."""
        self._pieces.clear()
        try:
            self._parser.write(data)
        except MultipartParseError as error:
            raise Invalid(f"The body is not a form: {error}.") from None
        content = b"".join(self._pieces)
        self._fed += len(data)
        self._taken += len(content)
        if self._fed - self._taken > MAX_BESIDE_BYTES:
            raise Invalid(f"The form has more than {MAX_BESIDE_BYTES:,} bytes beside the file.")
        return content

    def end(self) -> None:
        """That was all of the body."""
        if not self._ended:
            raise Invalid("The form does not come to its end.")
        if not self._found:
            raise Invalid(errors=(FieldError(PART, "is required"),))

    def _begin(self) -> None:
        self._headers = {}

    def _header_name(self, data: bytes, begin: int, end: int) -> None:
        self._name += data[begin:end]

    def _header_value(self, data: bytes, begin: int, end: int) -> None:
        self._value += data[begin:end]

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._is_file = options.get(b"name") == PART.encode()
        if not self._is_file:
            return
        if self._found:
            raise Invalid(errors=(FieldError(PART, "comes twice: send one file a request"),))
        self._found = True
        self.filename = _filename(options)
        self.content_type = _content_type(self._headers.get(b"content-type", b""))

    def _data(self, data: bytes, begin: int, end: int) -> None:
        if self._is_file:
            self._pieces.append(data[begin:end])

    def _part_end(self) -> None:
        self._is_file = False

    def _end(self) -> None:
        self._ended = True


def _filename(options: Mapping[bytes, bytes]) -> str:
    """The name of a file, without the folders that it was in.

    >>> _filename({b"filename": b"C:\\\\reports\\\\may.xlsx"}), _filename({})
    ('may.xlsx', 'file')
    """
    try:
        given = options.get(b"filename", b"").decode()
    except UnicodeDecodeError:
        raise Invalid(errors=(FieldError("file.filename", "is not UTF-8"),)) from None
    name = re.split(r"[/\\]", given)[-1].strip().replace("%22", '"')  # so browsers write it, and curl
    if len(name) > MAX_NAME:
        raise Invalid(errors=(FieldError("file.filename", f"its length must be at most {MAX_NAME}"),))
    if not name.isprintable():
        raise Invalid(errors=(FieldError("file.filename", "has characters that cannot be printed"),))
    return name if name not in ("", ".", "..") else NAMELESS


def _content_type(given: bytes) -> str:
    text = given.decode("latin-1").strip()
    return text if len(text) <= MAX_TYPE and _MEDIA_TYPE.fullmatch(text) else OCTETS


async def receive(part: FilePart, chunks: AsyncIterator[bytes], write: Callable[[bytes], Awaitable[None]]) -> None:
    """Write the file of a form as it comes, to its end.

    Raises:
        Invalid: it is no such form.
        TooSlow: it takes more than an hour, or nothing comes for a minute.
    """
    try:
        async with asyncio.timeout(UPLOAD_S):
            async for chunk in _in_time(chunks):
                if content := part.feed(chunk):
                    await write(content)
    except TimeoutError:
        raise TooSlow from None
    part.end()


async def _in_time(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks, each within the time that there may be silence; TimeoutError if one is not."""
    while True:
        async with asyncio.timeout(SILENCE_S):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk
