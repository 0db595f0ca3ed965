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
from echo.settings.cloud import LOCAL
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
            with self._store.opened(record) as stream:
                kept = self._store.keep_copy(stream, record, self._to, key)
                before = _digest(stream)
        except NotFound:
            return MISSING
        copy = {**record, "storageKey": None, **kept.fields}
        with self._store.opened(copy) as stream:
            is_same = _digest(stream) == before
        if not is_same:
            log.warning(
                "a copy differs from its file, which stays where it is", file_id=record.get("file_id")
            )
            return DIFFERENT
        if not self._records.move(file, kept.fields):
            # Another run may have brought it to the very same place.
            if not self._records.is_at(file, kept.fields):
                self._store.delete(copy)
            return CHANGED
        self._store.delete(record)
        return MOVED

    def _key(self, record: Mapping[str, Any]) -> str | None:
        """Where it goes: the same path on the disk as in a service, without what LibreChat puts before it there."""
        key = key_of(record)
        if key is None:
            return None
        owner = str(record["user"])
        name = key.partition(f"{owner}/")[2].replace("/", "_")
        return f"{UPLOADS if key.startswith(UPLOADS) else IMAGES}/{owner}/{name}"


def _digest(stream: BinaryIO) -> str:
    stream.seek(0)
    digest = hashlib.sha256()
    while chunk := stream.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
