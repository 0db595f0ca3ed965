"""The files of shared counts, with room that is really there.

The library makes them larger without asking the disk for the room, and writes through a mapping. On a disk without
room the kernel answers that with SIGBUS, which ends the worker, and the next one: a full temporary directory was the
end of every Echo with metrics.
"""

import os
from contextlib import suppress
from typing import Any

import structlog
from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

log = structlog.get_logger(__name__)

# As much as the library begins with.
INITIAL_BYTES = 1 << 16


def install() -> None:
    """Let the library use these files; to be called before anything is counted."""
    vars(values)["MmapedDict"] = AllocatedDict


class AllocatedDict(MmapedDict):
    """A file of counts. What finds no room in it is written as soon as there is some: its value keeps the count."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        super().__init__(filename if read_mode else with_room(filename), read_mode)  # type: ignore[no-untyped-call]
        self._f: Any = _Allocating(self._f)

    def _init_value(self, key: str) -> None:
        capacity = self._capacity
        try:
            super()._init_value(key)  # type: ignore[no-untyped-call]
        except OSError:
            self._capacity = capacity
            raise

    def read_value(self, key: str) -> tuple[float, float]:
        """The value and the time of a key; zeros for one that has no room yet."""
        try:
            found: tuple[float, float] = super().read_value(key)  # type: ignore[no-untyped-call]
        except OSError:
            return 0.0, 0.0
        return found

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        """Write, if there is room."""
        with suppress(OSError):
            super().write_value(key, value, timestamp)  # type: ignore[no-untyped-call]


class _Allocating:
    """A file that becomes larger only where the disk has room; everything else is the file's own."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def truncate(self, size: int) -> None:
        """Make it so large; raises `OSError` where there is no room."""
        os.posix_fallocate(self._file.fileno(), 0, size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def with_room(filename: str) -> str:
    """The name of a file with its first room; where the disk has none, of one in memory, which nobody else reads."""
    try:
        descriptor = os.open(filename, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, INITIAL_BYTES)
        finally:
            os.close(descriptor)
    except OSError as error:
        log.error("counts of this worker are not shown: there is no room for them", cause=error.strerror)
        # An empty one would be a broken one to whoever reads all of them.
        with suppress(OSError):
            os.unlink(filename)
        return f"/proc/self/fd/{os.memfd_create('echo-metrics')}"
    return filename
