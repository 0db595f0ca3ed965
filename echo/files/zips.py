"""ZIP archives, opened with the standard library and without its one unbounded step."""

import io
import zipfile
import zlib
from typing import Any, BinaryIO

# What the standard library raises for archives that are broken, encrypted or packed in ways that it does not know.
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
# What common programs pack with; the others need much memory to unpack.
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class TooManyMembersError(Exception):
    """The archive's list of members is longer than the limit."""


def open_zip(stream: BinaryIO, longest_list: int) -> zipfile.ZipFile:
    """The archive in a seekable stream, which stays open when the archive is closed.

    Raises `TooManyMembersError` for one whose list of members has more bytes than `longest_list`, and what is in
    `BROKEN`.
    """
    listing: Any = _Listing(stream, longest_list)
    archive = zipfile.ZipFile(listing)
    listing.limit = None
    return archive


class _Listing:
    """The file under an archive. The list of members is read in one piece, whose size the archive itself states."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self.limit: int | None = limit
        self.seek = stream.seek
        self.tell = stream.tell
        self.seekable = stream.seekable

    def read(self, size: int = -1) -> bytes:
        if self.limit is not None and size > self.limit:
            raise TooManyMembersError
        return self._stream.read(size)


class Sink(io.RawIOBase):
    """Keeps what is written until it is taken: a file for archives that are made while they are sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Keep some more."""
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
