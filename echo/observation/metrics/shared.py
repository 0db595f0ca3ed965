"""One set of counts for all workers: each writes files of its own in a directory that the master made for them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.get_logger(__name__)

# The library looks at it when it is first imported: it must stand in the environment before a worker is started.
DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_counts(*, enabled: bool) -> Iterator[None]:
    """A fresh, private directory in the environment of the workers to come; gone at the end.

    Fresh, because what an earlier Echo counted would be counted again. Where metrics are off there is none.
    """
    os.environ.pop(DIRECTORY, None)
    if not enabled:
        yield
        return
    with _directory() as directory:
        if directory is None:
            yield
            return
        os.environ[DIRECTORY] = directory
        try:
            yield
        finally:
            del os.environ[DIRECTORY]


@contextmanager
def _directory() -> Iterator[str | None]:
    try:
        directory = tempfile.TemporaryDirectory(prefix="echo-metrics-")
    except OSError as error:
        # Each worker counts for itself then: better than none that serves.
        log.error("counts of several workers are not put together", cause=error.strerror)
        yield None
        return
    with directory as name:
        yield name


def discard_counts() -> None:
    """Remove the directory for a master that cannot any more. What has been opened in it stays usable."""
    if directory := os.environ.get(DIRECTORY):
        shutil.rmtree(directory, ignore_errors=True)


def forget_worker(pid: int | None) -> None:
    """Take out what only a living worker has: its memory, its requests under way. Its counts stay."""
    if pid is not None and DIRECTORY in os.environ:
        # Imported here: the master needs it only when a worker has ended.
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

        mark_process_dead(pid)
