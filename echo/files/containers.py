"""Formats that are archives or file systems of their own: what they hold says what they are.

Nothing is ever unpacked: the directory of a ZIP archive is searched for names, so its compression does not matter.
"""

import struct
from collections.abc import Mapping
from typing import BinaryIO

_CHUNK_BYTES = 1024 * 1024
# ZIP (APPNOTE 4.3.16): the end record is 22 bytes and a comment of at most 65535.
_END_MAGIC, _END_BYTES, _MAX_COMMENT = b"PK\x05\x06", 22, 65535
# Of documents the whole directory is far smaller; of other archives it need not be read.
_MAX_DIRECTORY_BYTES = 1024 * 1024

_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
ZIP = "application/zip"
# Office Open XML (ECMA-376) by its main part.
_BY_PART: Mapping[bytes, str] = {
    b"word/document.xml": f"{_OPEN_XML}wordprocessingml.document",
    b"xl/workbook.xml": f"{_OPEN_XML}spreadsheetml.sheet",
    b"ppt/presentation.xml": f"{_OPEN_XML}presentationml.presentation",
}
# OpenDocument and EPUB say it in an uncompressed first member named "mimetype".
_DECLARED = (
    *(f"{_OPEN_DOCUMENT}{kind}" for kind in ("text", "spreadsheet", "presentation", "graphics")),
    "application/epub+zip",
)
ZIP_TYPES = frozenset({ZIP, *_BY_PART.values(), *_DECLARED})

# Compound files (MS-CFB) by the name of their main stream, which is stored in UTF-16.
_BY_STREAM: Mapping[str, str] = {
    "WordDocument": "application/msword",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "Workbook": "application/vnd.ms-excel",
}
OLE_TYPES = frozenset(_BY_STREAM.values())


def zip_type(stream: BinaryIO) -> str | None:
    """What a ZIP archive is; None for one that is cut off, or a document with macros."""
    directory = _zip_directory(stream)
    if directory is None or b"vbaProject.bin" in directory:
        return None
    for part, media_type in _BY_PART.items():
        if part in directory:
            return media_type
    stream.seek(30)
    beginning = stream.read(100)
    declared = (kind for kind in _DECLARED if beginning.startswith(b"mimetype" + kind.encode() + b"PK"))
    return next(declared, ZIP)


def _zip_directory(stream: BinaryIO) -> bytes | None:
    size = stream.seek(0, 2)
    tail_start = stream.seek(max(0, size - _END_BYTES - _MAX_COMMENT))
    tail = stream.read()
    end = tail.rfind(_END_MAGIC, 0, len(tail) - _END_BYTES + len(_END_MAGIC))
    if end < 0:
        return None
    (length,) = struct.unpack_from("<L", tail, end + 12)
    stream.seek(max(0, tail_start + end - length))
    return stream.read(min(length, _MAX_DIRECTORY_BYTES))


def ole_type(stream: BinaryIO) -> str | None:
    """Which of Microsoft's older office documents a compound file is; None for any other (such as an installer)."""
    found = {kind for name, kind in _BY_STREAM.items() if _contains(stream, name.encode("utf-16-le"))}
    return next((kind for kind in _BY_STREAM.values() if kind in found), None)


def _contains(stream: BinaryIO, needle: bytes) -> bool:
    stream.seek(0)
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        if needle in rest + chunk:
            return True
        rest = chunk[-len(needle) :]
    return False
