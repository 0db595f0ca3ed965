"""Layers of an OCI image, of which only the files of the web client are kept.

https://github.com/opencontainers/image-spec/blob/main/layer.md says what whiteouts mean.
"""

import gzip
import hashlib
import importlib
import io
import sys
import tarfile
import zlib
from collections.abc import Callable
from typing import BinaryIO, cast

from echo.webclient.failures import Unfit
from echo.webclient.staging import CHUNK, Parts, Staging

# Where LibreChat's images have the built client.
ROOT: Parts = ("app", "client", "dist")
MAX_UNPACKED_BYTES = 16 * 1024**3
# A longer name than any, and all that may be said of a file.
MAX_HEADER_BYTES = 1024 * 1024
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
PLAIN_FILES = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE})
HEADERS = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)
# What reading an archive may end with, where it is none.
DAMAGED = (
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    EOFError,
    ValueError,
    OverflowError,
    RecursionError,
)


class Measured(io.RawIOBase):
    """A stream of a size and a digest that are known before; what has others is refused, at the latest by `end`."""

    def __init__(
        self, stream: BinaryIO, size: int, sha256: str | None, moved: Callable[[int], None] = lambda _: None
    ) -> None:
        self._stream = stream
        self._size = size
        self._expected = sha256
        self._digest = hashlib.sha256()
        self._moved = moved
        self._done = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """The next bytes. Raises `Unfit` for one more than there should be."""
        chunk = self._stream.read(len(buffer))
        buffer[: len(chunk)] = chunk
        self._digest.update(chunk)
        self._done += len(chunk)
        if self._done > self._size:
            raise Unfit("A layer is larger than the image says.")
        self._moved(len(chunk))
        return len(chunk)

    def end(self) -> None:
        """Read what is left; raises `Unfit` where size or digest are not the expected ones."""
        rest = bytearray(CHUNK)
        while self.readinto(rest):
            pass
        if self._done != self._size:
            raise Unfit("A layer broke off before its end.")
        if self._expected and self._digest.hexdigest() != self._expected:
            raise Unfit(
                f"A layer is not the one that the image names: its digest is not sha256:{self._expected}."
            )


def apply_layer(layer: Measured, staging: Staging, number: int) -> None:
    """Put the client's files of a layer over those of the layers before. Raises `Unfit`."""
    unpacked = cast("BinaryIO", _Bounded(_unpacked(io.BufferedReader(layer, CHUNK))))
    try:
        with tarfile.open(fileobj=unpacked, mode="r|", tarinfo=BoundedMember) as tar:
            for member in tar:
                _apply(tar, member, staging, number)
    except DAMAGED as error:
        raise Unfit(f"A layer is damaged: {error}.") from error
    layer.end()


def _apply(tar: tarfile.TarFile, member: tarfile.TarInfo, staging: Staging, number: int) -> None:
    name = parts_of(member.name)
    if name and name[-1].startswith(WHITEOUT):
        gone = name[:-1] if name[-1] == OPAQUE else (*name[:-1], name[-1].removeprefix(WHITEOUT))
        _remove(gone, staging, number)
        return
    is_inside, is_above = name[: len(ROOT)] == ROOT, ROOT[: len(name)] == name
    if not (is_inside or is_above) or member.isdir():
        return
    if member.type not in PLAIN_FILES:
        raise Unfit(f"Its {'/'.join(name)} is a link or a device, which no web client has.")
    if is_above:
        _remove(name, staging, number)
    elif content := tar.extractfile(member):
        staging.add(name[len(ROOT) :], cast("BinaryIO", content), member.mtime, layer=number)


def _remove(name: Parts, staging: Staging, number: int) -> None:
    if ROOT[: len(name)] == name:
        staging.remove((), before=number)
    elif name[: len(ROOT)] == ROOT:
        staging.remove(name[len(ROOT) :], before=number)


def parts_of(name: str) -> Parts:
    """The parts of a name in an archive; raises `Unfit` for one that leads anywhere else."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts:
        raise Unfit(f"It has a name that leads out of it: {ascii(name)[:200]}.")
    return parts


def _unpacked(packed: io.BufferedReader) -> BinaryIO:
    """The archive of a layer, whichever way it is compressed."""
    begins = packed.peek(4)
    if begins.startswith(GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=packed))
    if not begins.startswith(ZSTD):
        return packed
    try:
        zstd = importlib.import_module("compression.zstd")
    except ImportError as error:
        raise Unfit(
            f"Its layers are packed with zstd, which Python {sys.version_info[0]}.{sys.version_info[1]} cannot "
            "unpack (3.14 can). Copy app/client/dist out of the image, and install it with --from DIRECTORY."
        ) from error
    return cast("BinaryIO", zstd.ZstdFile(packed))


class _Bounded:
    """A stream that ends with an error where a few bytes would become more than any image has."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = MAX_UNPACKED_BYTES

    def read(self, size: int) -> bytes:
        """The next bytes."""
        chunk = self._stream.read(size)
        self._left -= len(chunk)
        if self._left < 0:
            raise Unfit(f"A layer is larger than {MAX_UNPACKED_BYTES // 1024**3} GiB when it is unpacked.")
        return chunk


class BoundedMember(tarfile.TarInfo):
    """What stands in an archive; its headers may not be larger than they need to be, because they are read whole."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "BoundedMember":
        """Read one, as `tarfile` does."""
        member = super().frombuf(buf, encoding, errors)
        if member.type in HEADERS and member.size > MAX_HEADER_BYTES:
            raise Unfit("A layer is damaged: a name in it has no end.")
        return member
