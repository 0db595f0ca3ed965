"""The place on disk where users' files lie, under names that Echo makes up."""

import os
import re
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from echo.errors import NotFound, PayloadTooLarge, Unprocessable
from echo.files.disk import probe_all
from echo.files.images import Dimensions, measure
from echo.files.kinds import ALLOWED_TYPES, IMAGE_TYPES, find_type, unsupported
from echo.files.names import path_name, shown_name
from echo.files.owner_directories import Removed, remove_directories
from echo.files.writing import PARTIAL_SUFFIX, make_directory, write_file
from echo.handling.upload import Upload
from storage.core.errors import Uncertain

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


@dataclass(frozen=True)
class StoredFile:
    """A file that was kept: where it is, and what was found about it."""

    file_id: str
    filename: str
    filepath: str
    bytes: int
    type: str
    dimensions: Dimensions | None

    @property
    def record(self) -> dict[str, Any]:
        """The fields of LibreChat's `files` collection that say it; owner and times are the repository's to add."""
        size = self.dimensions
        return {
            "file_id": self.file_id,
            "filename": self.filename,
            "filepath": self.filepath,
            "object": "file",
            "bytes": self.bytes,
            "type": self.type,
            "source": "local",
            "context": "message_attachment",
            "usage": 0,
            "embedded": False,
            **({"width": size.width, "height": size.height} if size else {}),
        }


class FileStore:
    """Keeps, finds and removes files below `root`, in `uploads/<owner>/` and `images/<owner>/`.

    `max_bytes` limits each file, `max_pixels` each picture; only `media_types` are kept. `librechat` is the directory
    of a LibreChat, whose files are found where it put them; new ones never go there.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_bytes: int,
        max_pixels: int,
        media_types: Set[str] = ALLOWED_TYPES,
        librechat: Path | None = None,
    ) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._media_types = media_types
        self._places: Mapping[str, tuple[Path, ...]] = {
            place: (root / place, *(librechat / path for path in LIBRECHAT_PLACES[place] if librechat))
            for place in (UPLOADS, IMAGES)
        }
        self._swept = False
        self._sweeping = threading.Lock()

    @contextmanager
    def received(self, owner: str, upload: Upload, *, image: bool = False) -> Iterator[StoredFile]:
        """Keep the upload for as long as what is done with it succeeds: if the block raises, the file is gone.

        Unless the block may have succeeded all the same: better a file that nobody sees than a record without one.
        """
        stored = self.save(owner, upload, image=image)
        try:
            yield stored
        except Uncertain:
            log.warning("a file may be without its record", filepath=stored.filepath)
            raise
        except BaseException:
            self.delete({"user": owner, **stored.record})
            raise

    def save(self, owner: str, upload: Upload, *, image: bool = False) -> StoredFile:
        """Keep an upload; `image` asks for a picture. When this returns, the file is on the disk for good.

        Raises, and leaves nothing behind: `Unprocessable` (`empty_file`), `PayloadTooLarge` (also
        `image_too_large`), `UnsupportedMediaType` (`unsupported_file`), `OSError` when the disk fails.
        """
        self._sweep_once()
        size = self.check_size(upload.stream)
        name = shown_name(upload.filename)
        media_type, dimensions = self._examine(upload.stream, name, image=image)
        file_id = str(uuid.uuid4())
        # A picture lies where LibreChat's client looks for it, under the name that LibreChat would give it.
        place, named = (IMAGES, f"{file_id}__{path_name(name, media_type)}") if image else (UPLOADS, file_id)
        self._write(upload.stream, place, owner, named)
        return StoredFile(file_id, name, f"/{place}/{owner}/{named}", size, media_type, dimensions)

    def keep_picture(self, owner: str, name: str, content: bytes) -> str:
        """Keep a picture that Echo made itself, under this name; its `filepath`. Raises `OSError`."""
        self._write(BytesIO(content), IMAGES, owner, name)
        return f"/{IMAGES}/{owner}/{name}"

    def remove_pictures(self, owner: str, pattern: str, *, but: str) -> None:
        """Remove the owner's pictures of Echo's whose names fit a pattern of the shell's, all `but` one."""
        if not _OWNER.fullmatch(owner):
            raise ValueError("an owner is named by 24 hexadecimal digits")
        for path in (self._root / IMAGES / owner).glob(pattern):
            if path.name != but:
                path.unlink(missing_ok=True)

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

    def copy_to(self, record: Mapping[str, Any], owner: str) -> str | None:
        """Copy the file of a record to another owner; the new `filepath`, None for one that is not here.

        Raises `OSError`.
        """
        try:
            path = self.path(record)
        except NotFound:
            return None
        name = str(uuid.uuid4())
        with path.open("rb") as stream:
            self._write(stream, UPLOADS, owner, name)
        return f"/{UPLOADS}/{owner}/{name}"

    def delete_all(self, owner: str) -> Removed:
        """Remove all that lies in the owner's directories, recorded or not, and the directories. Raises `OSError`."""
        if not _OWNER.fullmatch(owner):
            raise ValueError("an owner is named by 24 hexadecimal digits")
        # LibreChat puts files on their way through into `temp`.
        uploads = [base / inner for base in self._places[UPLOADS] for inner in ("", "temp")]
        return remove_directories(base / owner for base in (*uploads, *self._places[IMAGES]))

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

    def check_size(self, stream: BinaryIO) -> int:
        """The size of a file in bytes. Raises `Unprocessable` (`empty_file`), `PayloadTooLarge`."""
        size = stream.seek(0, os.SEEK_END)
        if size == 0:
            raise Unprocessable("The file is empty.", code="empty_file")
        if size > self._max_bytes:
            raise PayloadTooLarge(f"Files may have at most {self._max_bytes} bytes.")
        return size

    def _sweep_once(self) -> None:
        with self._sweeping:
            if not self._swept:
                self._swept = True
                self.remove_leftovers()

    def _examine(self, stream: BinaryIO, name: str, *, image: bool) -> tuple[str, Dimensions | None]:
        media_type = find_type(stream, name)
        if media_type not in self._media_types:
            raise unsupported("Files of this type are not accepted by this server.")
        if media_type in IMAGE_TYPES:
            return media_type, measure(stream, max_pixels=self._max_pixels)
        if image:
            raise unsupported("Images must be GIF, JPEG, PNG or WebP.")
        return media_type, None

    def _write(self, stream: BinaryIO, place: str, owner: str, name: str) -> None:
        if not _OWNER.fullmatch(owner):
            raise ValueError("an owner is named by 24 hexadecimal digits")
        write_file(stream, make_directory(self._root, place, owner), name)


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
