"""What lies in a user's own directories, for when the user goes."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Removed:
    """How many files went, and how many bytes they had."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(self.files + other.files, self.bytes + other.bytes)


def remove_directories(directories: Iterable[Path]) -> Removed:
    """Remove directories with all that is in them; what a link points to stays. Raises `OSError`.

    One that is not there is none to remove, so what was cut short is done again.
    """
    removed = Removed()
    for directory in directories:
        if directory.is_symlink():
            directory.unlink()
        for inside, names, files in os.walk(directory, topdown=False, onerror=_unless_missing):
            for name in files:
                removed += _remove_file(Path(inside, name))
            for name in names:
                path = Path(inside, name)
                if path.is_symlink():
                    path.unlink()
                else:
                    path.rmdir()
        if directory.is_dir():
            directory.rmdir()
    return removed


def _remove_file(path: Path) -> Removed:
    size = path.lstat().st_size
    path.unlink()
    return Removed(1, size)


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
