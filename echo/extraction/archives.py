"""What may be unpacked: documents are archives, and a small one can hold more than any memory."""

import zipfile
import zlib
from typing import BinaryIO

from echo.extraction.pages import Unreadable

MOST_MEMBERS = 20_000
# All members together: a workbook of 20 MiB has some 200 MiB of XML.
MOST_UNPACKED = 256 * 1024 * 1024
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_CHUNK_BYTES = 1024 * 1024


def check_archive(stream: BinaryIO) -> None:
    """Raise `Unreadable` for an archive that is broken, locked, or too large once it is unpacked.

    Whatever the archive says of itself: everything is unpacked once, and counted.
    """
    room = MOST_UNPACKED
    with _opened(stream) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS or sum(each.file_size for each in members) > room:
            raise Unreadable("too_large")
        for member in members:
            room -= _size(archive, member)
            if room < 0:
                raise Unreadable("too_large")


def member(stream: BinaryIO, name: str) -> BinaryIO:
    """A member of an archive that was checked, to be read. Raises `Unreadable` ("broken") where there is none."""
    try:
        return _opened(stream).open(name)  # type: ignore[return-value]
    except KeyError as error:
        raise Unreadable("broken") from error


def _opened(stream: BinaryIO) -> zipfile.ZipFile:
    stream.seek(0)
    try:
        return zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise Unreadable("broken") from error


def _size(archive: zipfile.ZipFile, found: zipfile.ZipInfo) -> int:
    """What a member has in truth; its reader ends where the list of members says."""
    if found.flag_bits & 1:
        raise Unreadable("locked")
    if found.compress_type not in METHODS:
        raise Unreadable("broken")
    size = 0
    try:
        with archive.open(found) as unpacked:
            while chunk := unpacked.read(_CHUNK_BYTES):
                size += len(chunk)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError) as error:
        raise Unreadable("broken") from error
    return size
