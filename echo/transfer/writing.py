"""An export as one file: a JSON array of all conversations, or a zip with a file for each; written as they come."""

import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

from echo.files.zips import Sink
from echo.transfer.export import Export, Exported

JSON, ZIP = "json", "zip"
MEDIA_TYPES = {JSON: "application/json", ZIP: "application/zip"}
PIECE_BYTES = 64 * 1024
PRIVATE = 0o600 << 16
SLUG_LENGTH = 60


def written(export: Export, form: str) -> Iterator[tuple[bytes, int]]:
    """The bytes in pieces, each with the number of conversations that end in or before it; never an empty piece."""
    pieces = _array(export) if form == JSON else _archive(export)
    gathered, size, done = [], 0, 0
    for piece, done in pieces:
        gathered.append(piece)
        size += len(piece)
        if size >= PIECE_BYTES:
            yield b"".join(gathered), done
            gathered, size = [], 0
    if size:
        yield b"".join(gathered), done


def only_bytes(pieces: Iterable[tuple[bytes, int]]) -> Iterator[bytes]:
    """The pieces without the count."""
    for piece, _ in pieces:
        yield piece


def _array(export: Export) -> Iterator[tuple[bytes, int]]:
    yield b"[", 0
    done = 0
    for done, exported in enumerate(export.conversations(), 1):
        if done > 1:
            yield b",\n", done - 1
        for piece in exported.pieces:
            yield piece, done - 1
    yield b"]\n", done


def _archive(export: Export) -> Iterator[tuple[bytes, int]]:
    sink = Sink()
    done = 0
    # A sink that cannot be sought: sizes and sums follow each file, and nothing written is needed again.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for done, exported in enumerate(export.conversations(), 1):
            with archive.open(_entry(done, exported), "w") as file:
                for piece in exported.pieces:
                    file.write(piece)
                    yield sink.taken(), done - 1
    yield sink.taken(), done


def _entry(number: int, exported: Exported) -> zipfile.ZipInfo:
    """The number keeps the names apart; of the title only what every file system takes."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", exported.title).strip("-")[:SLUG_LENGTH] or "conversation"
    # The format counts from 1980 to 2107.
    changed = exported.changed.timetuple()[:6]
    moment: Any = min(max(changed, (1980, 1, 1, 0, 0, 0)), (2107, 12, 31, 23, 59, 58))
    entry = zipfile.ZipInfo(f"{number:06d}-{slug}.json", date_time=moment)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = PRIVATE
    return entry
