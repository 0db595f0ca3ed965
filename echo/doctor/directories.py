"""Directories: there, private, writable, with room."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from echo.doctor.findings import Examined, Finding, failed, ok, skipped, warning
from echo.files.disk import nearest, probe
from echo.files.store import IMAGES, LIBRECHAT_PLACES, UPLOADS

MIB = 1024 * 1024
ENOUGH_BYTES = 1024 * MIB
# MongoDB itself stops at half of that.
LEAST_BYTES = 200 * MIB
ABOUT = "data directory"


def check_data_dir(examined: Examined) -> Iterator[Finding]:
    """Whether the data directory takes files, keeps them private and has room for more."""
    if examined.settings is None:
        yield skipped(ABOUT, "see the settings above")
        return
    directory = examined.settings.data_dir
    existing = nearest(directory)
    if not existing.is_dir():
        yield failed(ABOUT, f"{existing} is not a directory", "Set ECHO_DATA_DIR to another one.")
        return
    if problem := write_problem(existing):
        todo = f"Give this user the right to write there (uid {os.getuid()}), or set ECHO_DATA_DIR."
        yield failed(ABOUT, f"{existing} takes no file: {problem}", todo)
        return
    yield _check_privacy(directory)
    yield _check_room(existing)


def _check_privacy(directory: Path) -> Finding:
    if not directory.exists():
        return ok(ABOUT, f"{directory} will be made at the first start")
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & 0o077:
        return warning(ABOUT, f"others may look into {directory} (mode {mode:o})", f"chmod 700 {directory}")
    return ok(ABOUT, f"{directory} is private, and writes reach the disk")


def _check_room(directory: Path) -> Finding:
    free = shutil.disk_usage(directory).free
    what = f"{free // MIB} MiB are free on its disk"
    if free < LEAST_BYTES:
        return failed("disk", what, "Make room: uploads will fail, and the embedded database will stop.")
    if free < ENOUGH_BYTES:
        return warning("disk", what, "Make room before uploads fail.")
    return ok("disk", what)


def write_problem(directory: Path) -> str | None:
    """Why a file cannot be written there and brought to the disk; None if it can."""
    try:
        probe(directory)
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def check_librechat_dir(examined: Examined) -> Iterator[Finding]:
    """Whether LibreChat's uploads are where `ECHO_LIBRECHAT_DIR` says, and can be deleted there."""
    about = "LibreChat's files"
    directory = examined.settings.librechat_dir if examined.settings else None
    if directory is None:
        return
    for place in (UPLOADS, IMAGES):
        candidates = [directory / path for path in LIBRECHAT_PLACES[place]]
        found = next((each for each in candidates if each.is_dir()), None)
        if found is None:
            yield warning(
                about,
                f"there is no {' or '.join(map(str, candidates))}",
                "Set ECHO_LIBRECHAT_DIR to the directory that has `uploads`; see docs/files.md.",
            )
        elif not os.access(found, os.R_OK | os.X_OK):
            yield failed(about, f"{found} cannot be read", f"Let this user read it (uid {os.getuid()}).")
        elif not os.access(found, os.W_OK):
            todo = "Let this user write there: what users delete could not be removed."
            yield warning(about, f"{found} is read-only", todo)
        else:
            yield ok(about, f"{found} is there")
