"""Where users' files lie, under names that Echo makes up: on the disk, or in a service."""

import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from fnmatch import fnmatchcase
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from echo.errors import ApiError, NotFound, PayloadTooLarge, Unprocessable
from echo.files.cloud import Cloud, CloudObject
from echo.files.cloud.keys import key_of
from echo.files.images import Dimensions, measure
from echo.files.kinds import ALLOWED_TYPES, IMAGE_TYPES, find_type, served_type, unsupported
from echo.files.local import IMAGES, LEFTOVER_SECONDS, LIBRECHAT_PLACES, UPLOADS, LocalFiles, check_owner
from echo.files.names import path_name, shown_name
from echo.files.owner_directories import Removed
from echo.files.stored import Kept, Place, StoredFile
from echo.handling.upload import Upload
from echo.settings.cloud import CLOUDFRONT, LOCAL, S3, CloudSettings
from storage.core.errors import Uncertain

__all__ = ["IMAGES", "LEFTOVER_SECONDS", "LIBRECHAT_PLACES", "UPLOADS", "FileStore", "Kept", "StoredFile"]

log = structlog.get_logger(__name__)

# LibreChat's, and Echo's: where there may be something of a user's in a service.
AVATARS = "avatars"
CLOUD_PLACES = (IMAGES, UPLOADS, AVATARS)


class FileStore:
    """Keeps, finds and removes files: below `root` (see `LocalFiles`), or in `clouds`, by LibreChat's `source`.

    `max_bytes` limits each file, `max_pixels` each picture; only `media_types` are kept. `goes` says where new files
    go. Every method raises `ServiceUnavailable` (`file_service_failed`) where the service that it needs fails.
    """

    def __init__(
        self,
        root: Path,
        *,
        max_bytes: int,
        max_pixels: int,
        media_types: Set[str] = ALLOWED_TYPES,
        librechat: Path | None = None,
        clouds: Mapping[str, Cloud] | None = None,
        goes: CloudSettings | None = None,
    ) -> None:
        self._local = LocalFiles(root, librechat)
        self._clouds = dict(clouds or {})
        self._goes = goes or CloudSettings()
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._media_types = media_types

    @property
    def sources(self) -> tuple[str, ...]:
        """What `source` says of files that are to be had here, beside those on the disk and in the database."""
        return (*self._clouds, CLOUDFRONT) if S3 in self._clouds else tuple(self._clouds)

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
        """Keep an upload; `image` asks for a picture. When this returns, the file is there for good.

        Raises, and leaves nothing behind: `Unprocessable` (`empty_file`), `PayloadTooLarge` (also
        `image_too_large`), `UnsupportedMediaType` (`unsupported_file`), `OSError` when the disk fails.
        """
        self._local.sweep_once()
        size = self.check_size(upload.stream)
        name = shown_name(upload.filename)
        media_type, dimensions = self._examine(upload.stream, name, image=image)
        file_id = str(uuid.uuid4())
        # A picture lies where LibreChat's client looks for it, under the name that LibreChat would give it.
        place, named = (IMAGES, f"{file_id}__{path_name(name, media_type)}") if image else (UPLOADS, file_id)
        to = Place(self._goes.image if image else self._goes.document, place, owner, named, media_type, name)
        return StoredFile(file_id, name, self._keep(upload.stream, to), size, media_type, dimensions)

    def keep_picture(self, owner: str, name: str, content: bytes) -> Kept:
        """Keep a picture of a user or an agent that Echo made itself, under this name. Raises `OSError`."""
        place = Place(self._goes.avatar, IMAGES, owner, name, "image/png", name)
        return self._keep(BytesIO(content), place)

    def keep_copy(self, stream: BinaryIO, record: Mapping[str, Any], source: str, key: str) -> Kept:
        """Keep the bytes of a record at another place: under this key in a service, or at that path on the disk."""
        place, owner, name = key.split("/", 2)
        kind, shown = str(record.get("type")), shown_name(str(record.get("filename", "")))
        return self._keep(stream, Place(source, place, owner, name, kind, shown))

    def remove_pictures(self, owner: str, pattern: str, *, but: str) -> None:
        """Remove the owner's pictures of Echo's whose names fit a pattern of the shell's, all `but` one."""
        self._local.remove_pictures(owner, pattern, but=but)
        if cloud := self._clouds.get(self._goes.avatar):
            prefix = f"{IMAGES}/{owner}/"
            names = [key.removeprefix(prefix) for key, _ in cloud.list(prefix)]
            for name in names:
                if name != but and fnmatchcase(name, pattern):
                    cloud.delete(prefix + name)

    def path(self, record: Mapping[str, Any]) -> Path:
        """Where on the disk the file of a record lies; as `LocalFiles.path`."""
        return self._local.path(record)

    def find(self, record: Mapping[str, Any]) -> Path | CloudObject:
        """The file of a record, wherever it is; raises `NotFound` for one that is not to be had.

        The record may be LibreChat's. Whatever it holds, the file is one of its owner's own.
        """
        cloud = self._cloud_of(record)
        if cloud is None:
            return self.path(record)
        key = key_of(record)
        if key is None:
            raise NotFound
        return _found(cloud, key)

    def find_picture(self, owner: str, name: str) -> Path | CloudObject:
        """A picture that lies with a user's pictures under this name. Raises `NotFound`."""
        record = {"user": owner, "filepath": f"/{IMAGES}/{owner}/{name}"}
        try:
            return self.path(record)
        except NotFound:
            if key_of(record) is None or "/" in name or not self._clouds:
                raise
        for cloud in self._clouds.values():
            # LibreChat names what a login brings by the login, and no other than an avatar by what is in `avatars`.
            for place in (IMAGES, AVATARS):
                try:
                    return _found(cloud, f"{place}/{owner}/{name}")
                except NotFound:
                    continue
        raise NotFound

    @contextmanager
    def opened(self, record: Mapping[str, Any]) -> Iterator[BinaryIO]:
        """The bytes of a record's file, to be read; raises as `find` does, and `OSError`."""
        found = self.find(record)
        with found.open("rb") if isinstance(found, Path) else found.open() as stream:
            yield stream

    def sign(self, record: Mapping[str, Any]) -> str | None:
        """An address at a service, good for a while; None where there is none. Raises `NotFound`."""
        cloud, key = self._cloud_of(record), key_of(record)
        if cloud is None:
            return None
        if key is None:
            raise NotFound
        return cloud.sign(key)

    def delete_elsewhere(self, record: Mapping[str, Any]) -> None:
        """Remove the file of a record from its service, if it is in one: before the record goes.

        While the service fails, the record stays, and the user can do it again.
        """
        cloud, key = self._cloud_of(record), key_of(record)
        if cloud is not None and key is not None:
            cloud.delete(key)

    def delete(self, record: Mapping[str, Any]) -> None:
        """Remove the file of a record that has gone, as `LocalFiles.delete`; the log says what a service keeps."""
        try:
            self.delete_elsewhere(record)
        except ApiError as error:
            log.warning("a deleted file is still in its service", source=record.get("source"), why=error.code)
        # In S3 a record says the same path as on the disk, where another one's file may lie.
        if self._cloud_of(record) is None:
            self._local.delete(record)

    def copy_to(self, record: Mapping[str, Any], owner: str) -> dict[str, str] | None:
        """Copy the file of a record to another owner; where it is then, None for one that is not here.

        Raises `OSError`.
        """
        name = str(uuid.uuid4())
        kind, shown = served_type(str(record.get("type"))), shown_name(str(record.get("filename", "")))
        try:
            with self.opened(record) as stream:
                place = Place(self._goes.document, UPLOADS, owner, name, kind, shown)
                return self._keep(stream, place).fields
        except NotFound:
            return None

    def delete_all(self, owner: str) -> Removed:
        """Remove all that lies in the owner's directories, recorded or not, and the directories. Raises `OSError`."""
        removed = self._local.delete_all(owner)
        for cloud in self._clouds.values():
            for place in CLOUD_PLACES:
                for key, size in list(cloud.list(f"{place}/{owner}/")):
                    cloud.delete(key)
                    removed += Removed(1, size)
        return removed

    def probe(self) -> None:
        """Write where uploads are written, and leave nothing; raises `OSError` where a file cannot be kept."""
        self._local.probe()

    def probe_clouds(self) -> None:
        """Ask the services that new files go to."""
        self._ask(self._goes.used)

    def demand_clouds(self) -> None:
        """Ask every service in which there may be files."""
        self._ask(self._clouds)

    def _ask(self, sources: Iterable[str]) -> None:
        for source in sources:
            next(self._clouds[source].list("echo-probe/"), None)

    def remove_leftovers(self, older_than_seconds: float = LEFTOVER_SECONDS) -> int:
        """As `LocalFiles.remove_leftovers`."""
        return self._local.remove_leftovers(older_than_seconds)

    def check_size(self, stream: BinaryIO) -> int:
        """The size of a file in bytes. Raises `Unprocessable` (`empty_file`), `PayloadTooLarge`."""
        size = stream.seek(0, os.SEEK_END)
        if size == 0:
            raise Unprocessable("The file is empty.", code="empty_file")
        if size > self._max_bytes:
            raise PayloadTooLarge(f"Files may have at most {self._max_bytes} bytes.")
        return size

    def _cloud_of(self, record: Mapping[str, Any]) -> Cloud | None:
        source = str(record.get("source"))
        return self._clouds.get(S3 if source == CLOUDFRONT else source)

    def _examine(self, stream: BinaryIO, name: str, *, image: bool) -> tuple[str, Dimensions | None]:
        media_type = find_type(stream, name)
        if media_type not in self._media_types:
            raise unsupported("Files of this type are not accepted by this server.")
        if media_type in IMAGE_TYPES:
            return media_type, measure(stream, max_pixels=self._max_pixels)
        if image:
            raise unsupported("Images must be GIF, JPEG, PNG or WebP.")
        return media_type, None

    def _keep(self, stream: BinaryIO, to: Place) -> Kept:
        check_owner(to.owner)
        if to.source == LOCAL:
            self._local.write(stream, to.place, to.owner, to.name)
            return Kept(f"/{to.key}")
        cloud = self._clouds[to.source]
        filepath = cloud.put(to.key, stream, media_type=served_type(to.media_type), filename=to.filename)
        return Kept(filepath, to.source, to.key)


def _found(cloud: Cloud, key: str) -> CloudObject:
    head = cloud.head(key)
    return CloudObject(cloud, key, head.size, head.tag)
