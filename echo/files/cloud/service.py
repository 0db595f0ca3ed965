"""What Echo asks of a service with files, and how it takes one that fails."""

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import structlog

from echo.errors import ApiError, NotFound, ServiceUnavailable

log = structlog.get_logger(__name__)

# What is held of a file in memory at a time.
PIECE_BYTES = 1024 * 1024
CONNECT_SECONDS = 3
# One request, with its body.
REQUEST_SECONDS = 15
RETRY_AFTER_SECONDS = 10
# A service that let somebody wait so long is not asked again for a while: those who ask would hold threads.
SLOW_SECONDS = 2.0
PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Head:
    """What a service says of an object: its size, and a text that changes with its bytes."""

    size: int
    tag: str


class Cloud(Protocol):
    """A service. Every method raises `ServiceUnavailable` (`file_service_failed`) within seconds where it fails."""

    @property
    def source(self) -> str:
        """LibreChat's name for it, in records."""

    def head(self, key: str) -> Head:
        """What is known of an object. Raises `NotFound`."""

    def read(self, key: str, start: int, size: int) -> bytes:
        """Some of the bytes of an object. Raises `NotFound`."""

    def put(self, key: str, stream: BinaryIO, *, media_type: str, filename: str) -> str:
        """Keep all of a stream; the `filepath` that LibreChat would give it. A whole object is there, or none."""

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is no error."""

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Keys that begin so, with their sizes."""

    def sign(self, key: str) -> str | None:
        """An address at the service under which anybody gets the object for a while; None if it gives none."""


class Calls:
    """Calls of one service, by any thread: failures become one error, and after a slow one it is left alone."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lock = threading.Lock()
        self._until = 0.0

    @contextmanager
    def call(self, *failures: type[Exception]) -> Iterator[None]:
        """For one request. Raises `ServiceUnavailable` for what is in `failures`, and at once during a pause."""
        began = time.monotonic()
        with self._lock:
            if began < self._until:
                raise file_service_failed()
        try:
            yield
        except ApiError:
            raise
        except failures as error:
            now = time.monotonic()
            if now - began >= SLOW_SECONDS:
                with self._lock:
                    self._until = now + PAUSE_SECONDS
            # The first line alone: what follows are details of the request, keys of users among them.
            log.warning(
                "files are not to be had", service=self._source, why=str(error).partition("\n")[0][:300]
            )
            raise file_service_failed() from error


def file_service_failed() -> ServiceUnavailable:
    """The service in which files lie does not answer, or refuses the server."""
    return ServiceUnavailable(
        "The service with the files is not available.",
        code="file_service_failed",
        retry_after=RETRY_AFTER_SECONDS,
    )


@dataclass(frozen=True)
class CloudObject:
    """An object that is there, in the place of a path."""

    cloud: Cloud
    key: str
    size: int
    tag: str

    def open(self) -> BinaryIO:
        """Its bytes, read in pieces as they are asked for; nothing is asked of the service before."""
        return io.BufferedReader(_Bytes(self), PIECE_BYTES)


class _Bytes(io.RawIOBase):
    def __init__(self, found: CloudObject) -> None:
        self._found = found
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._found.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readall(self) -> bytes:
        # Python's own would ask for 8 KiB at a time.
        pieces = []
        while piece := self.read(PIECE_BYTES):
            pieces.append(piece)
        return b"".join(pieces)

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        size = min(len(buffer), PIECE_BYTES, self._found.size - self._at)
        if size <= 0:
            return 0
        content = self._found.cloud.read(self._found.key, self._at, size)[:size]
        if not content:
            raise NotFound
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)
