"""Import and export for the API: what a stranger may ask for, one import of each account at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from echo.errors import Conflict, PayloadTooLarge
from echo.files import Upload
from echo.handling.stream_body import StreamBody
from echo.observation import metrics
from echo.transfer.export import BYTES_AT_ONCE, Export
from echo.transfer.importer import Importer, Summary
from echo.transfer.limits import over_the_network
from echo.transfer.writing import MEDIA_TYPES, only_bytes, written
from storage.conversations.exports import ExportRepository
from storage.conversations.imports import ImportRepository


class TransferService:
    """The two operations; `max_bytes` bounds an imported file, packed and unpacked."""

    def __init__(self, imports: ImportRepository, exports: ExportRepository, *, max_bytes: int) -> None:
        self._imports = imports
        self._exports = exports
        self._max_bytes = max_bytes
        self._limits = over_the_network(max_bytes)
        self._importing: set[str] = set()
        self._lock = threading.Lock()

    def import_file(self, owner: str, upload: Upload) -> Summary:
        """Import a file; see `Importer.run` for what it raises, besides `Conflict` while another one runs."""
        if upload.size > self._max_bytes:
            raise PayloadTooLarge(f"Files to import may have at most {self._max_bytes} bytes.")
        with self._alone(owner), metrics.jobs.running("import"):
            summary = Importer(self._imports, owner, self._limits).run(upload.stream)
        metrics.jobs.progressed("import", summary.conversations)
        return summary

    def export(self, owner: str, form: str) -> StreamBody:
        """All conversations as a file, "json" or "zip". Raises `Unavailable`."""
        pieces = _counted(only_bytes(written(Export(self._exports, owner), form)))
        name = f"conversations-{datetime.now(UTC):%Y-%m-%d}.{form}"
        return StreamBody(pieces, MEDIA_TYPES[form], name, held=BYTES_AT_ONCE)

    @contextmanager
    def _alone(self, owner: str) -> Iterator[None]:
        """In this process: an account cannot hold all the threads that slow work has."""
        with self._lock:
            if owner in self._importing:
                raise Conflict("An import of yours is still running.", code="import_running")
            self._importing.add(owner)
        try:
            yield
        finally:
            with self._lock:
                self._importing.discard(owner)


def _counted(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of an export, which is a job from the first of them to the last."""
    with metrics.jobs.running("export"):
        yield from pieces
