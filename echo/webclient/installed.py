"""The clients that `echo-api web-client install` has put into the data directory, and the one that is served.

Each lies in a directory of its own, whose content never changes; `installed.json` beside them names the one to serve.
A server keeps the one that it began with, and holds a lock on its directory, so that an installation leaves it there.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from echo.settings import Settings, SettingsError
from echo.webclient.failures import Unreachable
from echo.webclient.files import NotAClient, find_files
from echo.webclient.page import read_page

OFF = "off"
DIRECTORY = "web-client"
RECORD = "installed.json"


@dataclass(frozen=True)
class Installed:
    """What is installed: where it lies, what it was taken from, by which digest, and how large it is."""

    directory: str
    source: str
    version: str | None
    digest: str | None
    files: int
    bytes: int
    installed_at: str


def home(data_dir: Path) -> Path:
    """Where clients are installed."""
    return data_dir / DIRECTORY


def read_record(data_dir: Path) -> Installed | None:
    """What is installed; None where nothing is. Raises `NotAClient` for a record that cannot be read."""
    try:
        return Installed(**json.loads((home(data_dir) / RECORD).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise NotAClient(f"cannot be found: {home(data_dir) / RECORD} cannot be read") from error


def find_client(settings: Settings) -> Path | None:
    """The directory of the client that is to be served: as set, else what is installed; None for none.

    Raises `SettingsError` where that holds no built client.
    """
    if settings.web_client == OFF:
        return None
    try:
        directory = Path(settings.web_client) if settings.web_client else _installed(settings.data_dir)
        if directory:
            read_page(find_files(directory)["index.html"], "/")
    except NotAClient as error:
        raise SettingsError(
            f"ECHO_WEB_CLIENT is {settings.web_client}, which {error}."
            if settings.web_client
            else f"ECHO_WEB_CLIENT is not set, and the installed web client {error}. Install it again, or remove it: "
            "echo-api web-client remove."
        ) from error
    return directory


@contextmanager
def client_in_use(settings: Settings) -> Iterator[Settings]:
    """The settings with the client that is served, the same in all workers; nobody removes it meanwhile."""
    directory = find_client(settings)
    if directory is None:
        yield replace(settings, web_client=OFF)
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        # A file system without locks serves as well.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield replace(settings, web_client=str(directory))
    finally:
        os.close(descriptor)


@contextmanager
def changing(data_dir: Path) -> Iterator[Path]:
    """The directory of clients, made if need be, while nobody else changes what is in it.

    Raises `Unreachable` while somebody does.
    """
    place = home(data_dir)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(place / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise Unreachable("Another installation of a web client is under way.") from error
    try:
        yield place
    finally:
        lock.release()


def put_in_place(place: Path, incoming: Path, record: Installed) -> None:
    """Make a complete client the installed one, at once and for good; the others go, unless a server has them."""
    incoming.rename(place / record.directory)
    sync(place)
    _write_record(place, asdict(record))
    remove_others(place, keep=record.directory)


def remove(place: Path) -> None:
    """Remove the record and every client that no server has."""
    (place / RECORD).unlink(missing_ok=True)
    sync(place)
    remove_others(place, keep=None)


def remove_others(place: Path, *, keep: str | None) -> None:
    """Remove every directory but one, and those that servers hold."""
    for each in list(place.iterdir()):
        if each.is_dir() and not each.is_symlink() and each.name != keep and not _is_in_use(each):
            # Under its own name it is complete, always.
            going = each if each.name.startswith(".") else each.rename(place / f".going-{each.name}")
            shutil.rmtree(going)


def sync(directory: Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _installed(data_dir: Path) -> Path | None:
    record = read_record(data_dir)
    return home(data_dir) / record.directory if record else None


def _is_in_use(directory: Path) -> bool:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _write_record(place: Path, values: Mapping[str, object]) -> None:
    partial = place / f"{RECORD}.partial"
    with partial.open("w") as file:
        json.dump(values, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(place / RECORD)
    sync(place)
