"""Adding to a `.env` file: what it says already stays as it is."""

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from echo.settings.env_file import parse_env

# Nobody but the owner: the file holds secrets.
MODE = 0o600


class CannotAdd(Exception):
    """What would be added would not be read, or would change what is there; the text says why."""


def add_to_env_file(path: Path, values: Mapping[str, str]) -> list[str]:
    """Add the variables that the file does not set, and leave it readable by its owner only; which were added.

    A variable that is there, but empty, counts as not set. The file is replaced as a whole or not at all, also when
    two add at once. Raises `CannotAdd`, `OSError` and `UnicodeError`.
    """
    target = path.resolve()
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        # Bytes, decoded: the file's own line ends stay.
        text = target.read_bytes().decode() if target.exists() else ""
        present = parse_env(text)
        lacking = {name: value for name, value in values.items() if not present.get(name)}
        _replace(target, _with(text, lacking))
        os.fsync(directory)
    finally:
        os.close(directory)
    return list(lacking)


def _with(text: str, lacking: Mapping[str, str]) -> str:
    if not lacking:
        return text
    line_end = "" if not text or text.endswith("\n") else "\n"
    added = text + line_end + "".join(f"{name}={value}\n" for name, value in lacking.items())
    if parse_env(added) != {**parse_env(text), **lacking}:
        raise CannotAdd("its last value has a quotation mark that is not closed")
    return added


def _replace(target: Path, text: str) -> None:
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            if target.exists():
                # An administrator adds to a file that belongs to the user who runs Echo.
                owner = target.stat()
                with suppress(PermissionError):
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fchmod(file.fileno(), MODE)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
