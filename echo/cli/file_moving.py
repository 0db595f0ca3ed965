"""Bringing files from one place to another: copied, read back and compared before the old ones go."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import structlog

from echo.errors import NotFound
from echo.files.cloud.keys import key_of
from echo.files.local import IMAGES, UPLOADS
from echo.files.store import FileStore
from echo.files.stored import Kept
from echo.settings.cloud import CLOUDFRONT, LOCAL, S3
from storage.operator.moving_files import MovableFile, MovingFiles

log = structlog.get_logger(__name__)

CHUNK_BYTES = 1024 * 1024
MOVED, MISSING, CHANGED, DIFFERENT = "moved", "missing", "changed", "different"


class FileMover:
    """Moves files to `to`. Each is moved by itself, so a run that was cut short is run again, and goes on.

    A copy that was made before is made again, over itself; a record says the old place until the new one is sure.
    """

    def __init__(self, store: FileStore, records: MovingFiles, to: str) -> None:
        self._store = store
        self._records = records
        self._to = to

    @property
    def sources(self) -> tuple[str, ...]:
        """From where files are moved: every place that is to be had, but the one that they go to."""
        return tuple(each for each in (LOCAL, *self._store.sources) if each != self._to)

    def count(self) -> int:
        """How many files there are to move."""
        return self._records.count(self.sources)

    def run(self, moved: Callable[[int], None] = lambda _: None) -> Counter[str]:
        """Move all; how many were moved, and how many stay where they are, by the reason.

        Raises `ServiceUnavailable` where a service fails, `OSError` where the disk does.
        """
        outcome: Counter[str] = Counter()
        for number, file in enumerate(self._records.each(self.sources), start=1):
            outcome[self._move(file)] += 1
            moved(number)
        return outcome

    def _move(self, file: MovableFile) -> str:
        record = file.record
        key = self._key(record)
        if key is None:
            return MISSING
        try:
            kept = copy_there(self._store, record, self._to, key)
        except NotFound:
            return MISSING
        if kept is None:
            return DIFFERENT
        if not self._records.move(file, kept.fields):
            # Another run may have brought it to the very same place.
            if not self._records.is_at(file, kept.fields):
                remove_old(self._store, {**record, "storageKey": None, **kept.fields}, record)
            return CHANGED
        remove_old(self._store, record, {"user": record["user"], **kept.fields})
        return MOVED

    def _key(self, record: Mapping[str, Any]) -> str | None:
        """Where it goes: the same path on the disk as in a service, without what LibreChat puts before it there."""
        key = key_of(record)
        if key is None:
            return None
        owner = str(record["user"])
        name = key.partition(f"{owner}/")[2].replace("/", "_")
        return f"{UPLOADS if key.startswith(UPLOADS) else IMAGES}/{owner}/{name}"


def copy_there(store: FileStore, record: Mapping[str, Any], to: str, key: str) -> Kept | None:
    """Copy the bytes of a record to another place, and read them there; None where they are not the same.

    Raises `NotFound`, and as the store does.
    """
    with store.opened(record) as stream:
        kept = store.keep_copy(stream, record, to, key)
        before = _digest(stream)
    with store.opened({**record, "storageKey": None, **kept.fields}) as stream:
        is_same = _digest(stream) == before
    if not is_same:
        log.warning("a copy differs from its file, which stays where it is", file_id=record.get("file_id"))
    return kept if is_same else None


def remove_old(store: FileStore, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Remove the bytes of one record, unless another's are the very same: CloudFront's are those of its bucket."""
    if _place(old) != _place(new):
        store.delete(old)


def _place(record: Mapping[str, Any]) -> tuple[str, str | None]:
    source = str(record.get("source") or LOCAL)
    return S3 if source == CLOUDFRONT else source, key_of(record)


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while chunk := stream.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
