"""Files on this server's disk: in `uploads/<owner>/` and `images/<owner>/`, and where LibreChat put its own."""

import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from echo.errors import NotFound
from echo.files.disk import probe_all
from echo.files.owner_directories import Removed, remove_directories
from echo.files.writing import PARTIAL_SUFFIX, make_directory, write_file

log = structlog.get_logger(__name__)

# Longer than any upload takes, so that the leftovers of a killed process are told from the work of a living one.
LEFTOVER_SECONDS = 24 * 3600
UPLOADS, IMAGES = "uploads", "images"
# Where LibreChat has them, below its own directory; its compose file keeps both beside itself.
LIBRECHAT_PLACES: Mapping[str, tuple[str, ...]] = {
    UPLOADS: ("uploads",),
    IMAGES: ("client/public/images", "images"),
}
MAX_PATH_PART_BYTES = 255

_OWNER = re.compile(r"[0-9a-f]{24}")
_FILEPATH = re.compile(rf"/(?P<place>{UPLOADS}|{IMAGES})/(?P<owner>{_OWNER.pattern})/(?P<name>[^/\x00]+)")


class LocalFiles:
    """Keeps, finds and removes files below `root`. `librechat` is the directory of a LibreChat, if there is one:
    its files are found where it put them; new ones never go there.
    """

    def __init__(self, root: Path, librechat: Path | None) -> None:
        self._root = root
        self._places: Mapping[str, tuple[Path, ...]] = {
            place: (root / place, *(librechat / path for path in LIBRECHAT_PLACES[place] if librechat))
            for place in (UPLOADS, IMAGES)
        }
        self._swept = False
        self._sweeping = threading.Lock()

    def write(self, stream: BinaryIO, place: str, owner: str, name: str) -> None:
        """Keep all of a stream for good. Raises `OSError`."""
        check_owner(owner)
        write_file(stream, make_directory(self._root, place, owner), name)

    def path(self, record: Mapping[str, Any]) -> Path:
        """Where the file of a record lies; raises `NotFound` for one that is not here.

        The record may be LibreChat's. Whatever it holds, the answer is a plain file in its owner's own directory.
        """
        place, owner, name = _split(record)
        for base in self._places[place]:
            if path := _file_in(base / owner, name):
                return path
        raise NotFound

    def delete(self, record: Mapping[str, Any]) -> None:
        """Remove the file of a record; one that is not here is no error.

        Nor is one that the disk keeps, such as LibreChat's in a directory that is read only here: its record is gone,
        and nobody reaches it any more. The log says so.
        """
        try:
            self.path(record).unlink(missing_ok=True)
        except NotFound:
            return
        except OSError as error:
            log.warning(
                "a deleted file is still on the disk", filepath=record.get("filepath"), why=error.strerror
            )

    def delete_all(self, owner: str) -> Removed:
        """Remove all that lies in the owner's directories, recorded or not, and the directories. Raises `OSError`."""
        check_owner(owner)
        # LibreChat puts files on their way through into `temp`.
        uploads = [base / inner for base in self._places[UPLOADS] for inner in ("", "temp")]
        return remove_directories(base / owner for base in (*uploads, *self._places[IMAGES]))

    def remove_pictures(self, owner: str, pattern: str, *, but: str) -> None:
        """Remove the owner's pictures of Echo's whose names fit a pattern of the shell's, all `but` one."""
        check_owner(owner)
        for path in (self._root / IMAGES / owner).glob(pattern):
            if path.name != but:
                path.unlink(missing_ok=True)

    def probe(self) -> None:
        """Write where uploads are written, and leave nothing; raises `OSError` where a file cannot be kept."""
        probe_all(self._root / place for place in (UPLOADS, IMAGES))

    def remove_leftovers(self, older_than_seconds: float = LEFTOVER_SECONDS) -> int:
        """Remove what uploads of killed processes left half-written so long ago; the number of files."""
        horizon = time.time() - older_than_seconds
        old = [path for path in self._root.glob(f"*/*/.*{PARTIAL_SUFFIX}") if _modified_before(path, horizon)]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def sweep_once(self) -> None:
        """Remove leftovers, the first time that this is asked for."""
        with self._sweeping:
            if not self._swept:
                self._swept = True
                self.remove_leftovers()


def check_owner(owner: str) -> None:
    """Raise `ValueError` for what is no id of a user."""
    if not _OWNER.fullmatch(owner):
        raise ValueError("an owner is named by 24 hexadecimal digits")


def _split(record: Mapping[str, Any]) -> tuple[str, str, str]:
    """The parts of a local `filepath`, `/<place>/<owner>/<name>`, whose owner is the record's."""
    found = _FILEPATH.fullmatch(str(record.get("filepath")))
    if found is None or found["owner"] != str(record.get("user")):
        raise NotFound
    return found["place"], found["owner"], found["name"]


def _file_in(directory: Path, name: str) -> Path | None:
    if name in (".", "..") or len(name.encode(errors="replace")) > MAX_PATH_PART_BYTES:
        return None
    path = directory / name
    return path if path.is_file() and not path.is_symlink() else None


def _modified_before(path: Path, moment: float) -> bool:
    try:
        return path.stat().st_mtime < moment
    except FileNotFoundError:
        return False
