"""Files brought to the disk for good, and never seen half-written."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 128 * 1024
PARTIAL_SUFFIX = ".part"


def make_directory(root: Path, *parts: str) -> Path:
    """A directory below `root`, made where it is not there; it survives a loss of power."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory = root
    for part in parts:
        parent, directory = directory, directory / part
        if not directory.is_dir():
            directory.mkdir(mode=0o700, exist_ok=True)
            _sync(parent)
    return directory


def write_file(stream: BinaryIO, directory: Path, name: str) -> None:
    """Write all of a stream to a new file: it has its name once it is on the disk as a whole. Raises `OSError`."""
    temporary, final = directory / f".{name}{PARTIAL_SUFFIX}", directory / name
    try:
        _copy(stream, temporary)
        temporary.rename(final)
        _sync(directory)
    except BaseException:
        temporary.unlink(missing_ok=True)
        final.unlink(missing_ok=True)
        raise


def _copy(stream: BinaryIO, path: Path) -> None:
    stream.seek(0)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(stream, file, CHUNK_BYTES)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make names that were added to a directory survive a loss of power."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
