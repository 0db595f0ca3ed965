"""A client while it is put together: files from one layer after the other, within limits, and nothing but files."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from echo.webclient.failures import Unfit
from echo.webclient.files import MAX_FILES
from echo.webclient.installed import sync

MIB = 1024 * 1024
# LibreChat's client has 30 MB in 500 files, the largest of 4 MB.
MAX_FILE_BYTES = 64 * MIB
MAX_BYTES = 512 * MIB
MAX_DEPTH = 16
MAX_NAME_BYTES = 200
CHUNK = 256 * 1024

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Staged:
    """A file that was put there: by which layer, how large, and the SHA-256 of its content."""

    layer: int
    size: int
    sha256: str


class Staging:
    """A directory that a client is put into. Names are given as their parts; no name leads out of the directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # Of all files together.
        self.bytes = 0
        self._files: dict[Parts, Staged] = {}

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self._files)

    @property
    def fingerprint(self) -> str:
        """The same for the same names with the same content, in hexadecimal."""
        lines = (f"{'/'.join(name)} {each.sha256}\n" for name, each in sorted(self._files.items()))
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def add(self, name: Parts, content: BinaryIO, modified: float, *, layer: int = 0) -> None:
        """Put a file there, instead of what has its name; raises `Unfit` for what no client has."""
        shown = "/".join(name)
        if len(name) > MAX_DEPTH or not all(map(_is_plain, name)):
            raise Unfit(f"It has a file with a name that no web client has: {ascii(shown)[:200]}.")
        self._make_room(name)
        if len(self._files) >= MAX_FILES:
            raise Unfit(f"It has more than {MAX_FILES} files.")
        most = min(MAX_FILE_BYTES, MAX_BYTES - self.bytes)
        path = self.directory.joinpath(*name)
        path.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        with path.open("xb") as file:
            while chunk := content.read(CHUNK):
                size += len(chunk)
                if size > most:
                    raise Unfit(f"It is too large, with {shown}: at most {MAX_BYTES // MIB} MiB are taken.")
                digest.update(chunk)
                file.write(chunk)
        # It becomes a part of the file's ETag.
        within = modified if 0 <= modified <= 2**32 else 0
        os.utime(path, (within, within))
        self.bytes += size
        self._files[name] = Staged(layer, size, digest.hexdigest())

    def remove(self, name: Parts, *, before: int) -> None:
        """Remove a file, or all files below a directory, that layers before this one have put there."""
        for each in [each for each in self._files if each[: len(name)] == name]:
            if self._files[each].layer < before:
                self._drop(each)

    def sync(self) -> None:
        """Bring all of it to the disk."""
        for name in self._files:
            with self.directory.joinpath(*name).open("rb") as file:
                os.fsync(file.fileno())
        for place, _, _ in os.walk(self.directory):
            sync(Path(place))

    def _make_room(self, name: Parts) -> None:
        """Remove what cannot be there together with a file of this name: it, files in its way, all below it."""
        path = self.directory.joinpath(*name)
        if path.is_dir():
            self.remove(name, before=2**31)
            shutil.rmtree(path)
        for length in range(1, len(name) + 1):
            if name[:length] in self._files:
                self._drop(name[:length])

    def _drop(self, name: Parts) -> None:
        self.directory.joinpath(*name).unlink()
        self.bytes -= self._files.pop(name).size


def _is_plain(part: str) -> bool:
    """Whether a part of a name is text that a browser may ask for, and is no way to another place."""
    return part not in ("", ".", "..") and part.isprintable() and not set(part) & {"/", "\\"} and _fits(part)


def _fits(part: str) -> bool:
    # Names that are no UTF-8 have lone surrogates, which are not printable.
    return len(part.encode()) <= MAX_NAME_BYTES
