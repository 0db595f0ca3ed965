"""The JSON documents of a file: the file itself, or those in a zip. Names in a zip are names and never paths."""

import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import IO, BinaryIO

from echo.errors import PayloadTooLarge, Unprocessable
from echo.files.zips import BROKEN, METHODS, TooManyMembersError, open_zip
from echo.transfer.limits import Limits
from echo.transfer.stream import Readable

SIGNATURE = b"PK\x03\x04"
# An archive without any file begins with its end.
EMPTY_ARCHIVE = b"PK\x05\x06"
ENCRYPTED = 0x1


class BrokenArchive(Exception):
    """This file of a zip cannot be read, or not from here on; the text says why, for people."""


def documents(stream: BinaryIO, limits: Limits) -> Iterator[tuple[str | None, Readable]]:
    """The name (None for a file that is no zip) and the stream of each, to be read before the next is asked for.

    `stream` is seekable and stands at its start. Raises `Unprocessable` for a zip whose list of files cannot be read,
    and `PayloadTooLarge` for one that has too many files or unpacks to too much. Reading one of its files can raise
    `BrokenArchive`, after which the next can be asked for.
    """
    beginning = stream.read(len(SIGNATURE))
    stream.seek(0)
    if not beginning:
        raise Unprocessable("The file is empty.", code="empty_file")
    if beginning not in (SIGNATURE, EMPTY_ARCHIVE):
        yield None, stream
        return
    with _opened(stream, limits) as archive:
        room = _Room(limits.unpacked)
        for member in _members(archive):
            with closing(_Unpacked(archive, member, room)) as unpacked:
                yield member.filename, unpacked


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The JSON files, in the order of their names: the parts of a split export are numbered."""
    named = [each for each in archive.infolist() if each.filename.lower().endswith(".json")]
    return sorted(
        (each for each in named if not each.filename.startswith("__MACOSX/")), key=lambda each: each.filename
    )


@contextmanager
def _opened(stream: BinaryIO, limits: Limits) -> Iterator[zipfile.ZipFile]:
    try:
        archive = open_zip(stream, limits.directory)
    except TooManyMembersError as error:
        raise PayloadTooLarge("The zip file has too many files in it.") from error
    except BROKEN as error:
        raise Unprocessable("The zip file is broken.", code="unreadable_import") from error
    with archive:
        yield archive


class _Room:
    def __init__(self, left: int | None) -> None:
        self._left = left

    def take(self, size: int) -> None:
        if self._left is not None:
            self._left -= size
            if self._left < 0:
                raise PayloadTooLarge("The zip file unpacks to more than this server accepts.")


class _Unpacked:
    """One file of an archive, as it is unpacked; opened when it is first read."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, room: _Room) -> None:
        self._archive = archive
        self._member = member
        self._room = room
        self._opened: IO[bytes] | None = None

    def read(self, size: int, /) -> bytes:
        """The next bytes. Raises `BrokenArchive` and `PayloadTooLarge`."""
        if self._member.compress_type not in METHODS or self._member.flag_bits & ENCRYPTED:
            raise BrokenArchive("it is packed in a way that is not read")
        try:
            self._opened = self._opened or self._archive.open(self._member)
            chunk = self._opened.read(size)
        except BROKEN as error:
            raise BrokenArchive("it is damaged") from error
        self._room.take(len(chunk))
        return chunk

    def close(self) -> None:
        """Be done with it."""
        if self._opened is not None:
            self._opened.close()
