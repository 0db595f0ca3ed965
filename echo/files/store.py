"""The place on disk where users' files lie, under names that Echo makes up."""

import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from echo.errors import NotFound, PayloadTooLarge, Unprocessable
from echo.files.disk import probe_all
from echo.files.images import Dimensions, measure
from echo.files.kinds import ALLOWED_TYPES, IMAGE_TYPES, find_type, unsupported
from echo.files.names import shown_name
from echo.files.owner_directories import Removed, remove_directories
from echo.handling.upload import Upload
from storage.core.errors import Uncertain

log = structlog.get_logger(__name__)

CHUNK_BYTES = 128 * 1024
PARTIAL_SUFFIX = ".part"
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
        size = self._check_size(upload.stream)
        name = shown_name(upload.filename)
        media_type, dimensions = self._examine(upload.stream, name, image=image)
        file_id = str(uuid.uuid4())
        place, suffix = (IMAGES, f".{media_type.removeprefix('image/')}") if image else (UPLOADS, "")
        self._write(upload.stream, self._directory(place, owner), file_id + suffix)
        return StoredFile(file_id, name, f"/{place}/{owner}/{file_id}{suffix}", size, media_type, dimensions)

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

    def _sweep_once(self) -> None:
        with self._sweeping:
            if not self._swept:
                self._swept = True
                self.remove_leftovers()

    def _check_size(self, stream: BinaryIO) -> int:
        size = stream.seek(0, os.SEEK_END)
        if size == 0:
            raise Unprocessable("The file is empty.", code="empty_file")
        if size > self._max_bytes:
            raise PayloadTooLarge(f"Files may have at most {self._max_bytes} bytes.")
        return size

    def _examine(self, stream: BinaryIO, name: str, *, image: bool) -> tuple[str, Dimensions | None]:
        media_type = find_type(stream, name)
        if media_type not in self._media_types:
            raise unsupported("Files of this type are not accepted by this server.")
        if media_type in IMAGE_TYPES:
            return media_type, measure(stream, max_pixels=self._max_pixels)
        if image:
            raise unsupported("Images must be GIF, JPEG, PNG or WebP.")
        return media_type, None

    def _directory(self, place: str, owner: str) -> Path:
        if not _OWNER.fullmatch(owner):
            raise ValueError("an owner is named by 24 hexadecimal digits")
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = self._root
        for part in (place, owner):
            parent, directory = directory, directory / part
            if not directory.is_dir():
                directory.mkdir(mode=0o700, exist_ok=True)
                _sync(parent)
        return directory

    def _write(self, stream: BinaryIO, directory: Path, name: str) -> None:
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
