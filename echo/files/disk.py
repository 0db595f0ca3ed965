"""Whether a disk takes files: asked by writing one, which is the only way to know."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

# A block: fewer bytes may find room where no file does.
PROBE_BYTES = 4096


def probe(directory: Path) -> None:
    """Write a file without a name, bring it to the disk and let it go; raises `OSError` where that cannot be done."""
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(os.urandom(PROBE_BYTES))
        file.flush()
        os.fsync(file.fileno())


def nearest(path: Path) -> Path:
    """The path itself, or of what it is to be made in the nearest that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


def probe_all(directories: Iterable[Path]) -> None:
    """Probe where each directory is, or is to be made; raises `OSError` for the first that takes no file."""
    for directory in dict.fromkeys(nearest(each) for each in directories):
        probe(directory)
