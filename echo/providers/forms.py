"""Multipart forms for providers: the client's files are sent from where they lie, and lie there still afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class FormFile:
    """A file part: `filename` and `media_type` are ours, made from the content; `size` is in bytes."""

    name: str
    filename: str
    media_type: str
    stream: BinaryIO = field(repr=False)
    size: int


@dataclass(frozen=True)
class Form:
    """A body for `Call`: text parts, then files. It can be sent more than once."""

    fields: Sequence[tuple[str, str]] = field(default=(), repr=False)
    files: Sequence[FormFile] = ()

    def payload(self) -> aiohttp.FormData:
        """The body of one request."""
        form = aiohttp.FormData(default_to_multipart=True)
        for name, text in self.fields:
            form.add_field(name, text)
        for each in self.files:
            form.add_field(each.name, _Lent(each), filename=each.filename)
        return form


class _Lent(Payload):
    """A file of somebody else's: aiohttp would close it after the first request, and not know its length."""

    _autoclose = True

    def __init__(self, file: FormFile) -> None:
        super().__init__(file.stream, content_type=file.media_type)
        self._size = file.size
        self._stream = file.stream

    def decode(self, *_: Any, **__: Any) -> str:
        """Nobody asks for it as text."""
        raise TypeError("a file is no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send all of it, from its beginning. Read here: it is small, or was written a moment ago."""
        self._stream.seek(0)
        while chunk := self._stream.read(CHUNK_BYTES):
            await writer.write(chunk)
