"""Everything that is stored about a user, as one file: made while it is sent."""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import structlog

from echo.errors import ApiError
from echo.files import FileStore
from echo.files.names import shown_name
from echo.files.zips import Sink
from echo.handling.caller import Caller
from echo.handling.stream_body import StreamBody
from storage.operator.account_data import NOT_EXPORTED, SECRET, AccountData

log = structlog.get_logger(__name__)

PIECE_BYTES = 64 * 1024
# A portion of documents, of which a single one may have 16 MB, and a piece of a file.
HELD_BYTES = 4 * 1024 * 1024
PRIVATE = 0o600 << 16
README = """This is everything that is stored about your account.

data/       one file for each kind of thing, with a line of JSON (MongoDB's Extended JSON) for each
files/      what you uploaded, under the ids that data/files.jsonl has

Left out are what opens your account (hashes of passwords, secrets of second factors, keys), and:
"""


class OwnData:
    """Makes exports."""

    def __init__(self, data: AccountData, store: FileStore) -> None:
        self._data = data
        self._store = store

    def export(self, caller: Caller) -> StreamBody:
        """A zip with a file of lines for each collection, and the files themselves."""
        name = f"account-{datetime.now(UTC):%Y-%m-%d}.zip"
        # Programs that are made from the contract know this type, and none of archives.
        return StreamBody(
            _gathered(self._pieces(caller.id)), "application/octet-stream", name, held=HELD_BYTES
        )

    def _pieces(self, owner: str) -> Iterator[bytes]:
        sink = Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_entry("README.txt"), _readme())
            for name in self._data.names():
                with archive.open(_entry(f"data/{name}.jsonl"), "w", force_zip64=True) as file:
                    for line in self._data.lines(owner, name):
                        file.write(line)
                        yield sink.taken()
            for record in self._data.files(owner):
                yield from self._file(archive, sink, record)
        yield sink.taken()

    def _file(self, archive: zipfile.ZipFile, sink: Sink, record: dict[str, Any]) -> Iterator[bytes]:
        try:
            with self._store.opened(record) as stream:
                name = f"files/{shown_name(str(record.get('file_id')))}/{shown_name(str(record.get('filename', '')))}"
                with archive.open(_entry(name), "w", force_zip64=True) as file:
                    while chunk := stream.read(PIECE_BYTES):
                        file.write(chunk)
                        yield sink.taken()
        except ApiError as error:
            # A record whose file is not to be had; the record itself is in the export.
            log.warning("a file is not in an export", file_id=record.get("file_id"), why=error.code)


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    gathered, size = list[bytes](), 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(gathered)
            gathered, size = [], 0
    if size:
        yield b"".join(gathered)


def _readme() -> str:
    lines = [f"- {name}: {', '.join(fields)}" for name, fields in SECRET.items() if fields]
    return README + "\n".join([*lines, *(f"- {name}: {why}" for name, why in NOT_EXPORTED.items())]) + "\n"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=datetime.now(UTC).timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = PRIVATE
    return entry
