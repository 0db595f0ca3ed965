"""Formats that are archives or file systems of their own: what they hold says what they are.

Of a ZIP archive at most two members are unpacked, those that name the type of a document, each up to a limit.
"""

import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO
from xml.parsers.expat import ExpatError, ParserCreate

from echo.files.zips import BROKEN, METHODS, TooManyMembersError, open_zip

_CHUNK_BYTES = 1024 * 1024
# Of documents the whole directory is far smaller; of other archives it need not be read.
_MAX_DIRECTORY_BYTES = 1024 * 1024
# A presentation of some thousand slides has half of it.
_MAX_CONTENT_TYPES_BYTES = 1024 * 1024
_MAX_MIMETYPE_BYTES = 100

_OPEN_XML = "application/vnd.openxmlformats-officedocument."
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."
ZIP = "application/zip"
_DOCUMENT = f"{_OPEN_XML}wordprocessingml.document"
_SHEET = f"{_OPEN_XML}spreadsheetml.sheet"
_PRESENTATION = f"{_OPEN_XML}presentationml.presentation"
# Office Open XML (ECMA-376, part 2, "Content Types") by the type of its main part, which may have any name. A
# template is a document to everything that opens it.
_BY_MAIN_PART: Mapping[str, str] = {
    f"{_OPEN_XML}{kind}.main+xml": media_type
    for media_type, kinds in {
        _DOCUMENT: ("wordprocessingml.document", "wordprocessingml.template"),
        _SHEET: ("spreadsheetml.sheet", "spreadsheetml.template"),
        _PRESENTATION: (
            *("presentationml.presentation", "presentationml.template"),
            "presentationml.slideshow",
        ),
    }.items()
    for kind in kinds
}
# OpenDocument and EPUB say it in a member of this name.
_MIMETYPE = "mimetype"
_DECLARED = (
    *(f"{_OPEN_DOCUMENT}{kind}" for kind in ("text", "spreadsheet", "presentation", "graphics")),
    "application/epub+zip",
)
ZIP_TYPES = frozenset({ZIP, *_BY_MAIN_PART.values(), *_DECLARED})

# Compound files (MS-CFB) by the name of their main stream, which is stored in UTF-16.
_BY_STREAM: Mapping[str, str] = {
    "WordDocument": "application/msword",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "Workbook": "application/vnd.ms-excel",
}
# Excel 5 and 95. So short a word is only believed as an entry of the directory (MS-CFB 2.6.1): the name in 64
# bytes, its length with the NUL, and 2 for a stream.
_BOOK = "Book".encode("utf-16-le").ljust(64, b"\x00") + b"\x0a\x00\x02"
OLE_TYPES = frozenset(_BY_STREAM.values())


def zip_type(stream: BinaryIO) -> str | None:
    """What a ZIP archive is; None for one that is cut off, or a document with macros.

    One that says that it is a document, but in a way that cannot be read within the limits, is a plain archive.
    """
    try:
        with open_zip(stream, _MAX_DIRECTORY_BYTES) as archive:
            return _document_type(archive)
    except TooManyMembersError:
        return ZIP
    except BROKEN:
        return None


def _document_type(archive: zipfile.ZipFile) -> str | None:
    # As package parts are compared: without regard to case. Some programs write the separators of Windows.
    members = {
        member.filename.replace("\\", "/").lstrip("/").lower(): member for member in archive.infolist()
    }
    if any(name.endswith("vbaproject.bin") for name in members):
        return None
    types = _ContentTypes()
    if "[content_types].xml" in members:
        types.read(_content(archive, members["[content_types].xml"], _MAX_CONTENT_TYPES_BYTES))
    if types.have_macros:
        return None
    if found := types.main_part(members):
        return found
    declared = _content(archive, members[_MIMETYPE], _MAX_MIMETYPE_BYTES) if _MIMETYPE in members else b""
    named = declared.decode("ascii", "replace").removeprefix("\ufeff").strip()
    return named if named in _DECLARED else ZIP


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, longest: int) -> bytes:
    """What a member holds; nothing where that is too much, or cannot be read."""
    if member.compress_type not in METHODS:
        return b""
    try:
        with archive.open(member) as unpacked:
            content = unpacked.read(longest + 1)
    except BROKEN:
        return b""
    return content if len(content) <= longest else b""


class _ContentTypes:
    """What `[Content_Types].xml` says: the types of single parts, and those of all others by their extension."""

    def __init__(self) -> None:
        self._of_parts: dict[str, str] = {}
        self._of_extensions: dict[str, str] = {}

    def read(self, content: bytes) -> None:
        """Take what the file says; nothing of a file that is no XML, or has a document type (and so entities)."""
        parser = ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._element
        parser.StartDoctypeDeclHandler = _refuse
        try:
            parser.Parse(content, True)
        except (ExpatError, ValueError):
            self._of_parts, self._of_extensions = {}, {}

    def _element(self, name: str, attributes: Mapping[str, str]) -> None:
        kind = attributes.get("ContentType", "").strip()
        if name.endswith("Override"):
            self._of_parts[attributes.get("PartName", "").lstrip("/").lower()] = kind
        elif name.endswith("Default"):
            self._of_extensions[attributes.get("Extension", "").lower()] = kind

    @property
    def have_macros(self) -> bool:
        """Whether a part is a program, or the main part that of a document with programs."""
        kinds = (*self._of_parts.values(), *self._of_extensions.values())
        return any(kind.endswith(("vbaProject", "macroEnabled.main+xml")) for kind in kinds)

    def main_part(self, members: Iterable[str]) -> str | None:
        """The type that the first part has which makes a document of the archive."""
        for name in members:
            kind = self._of_parts.get(name) or self._of_extensions.get(name.rpartition(".")[2], "")
            if kind in _BY_MAIN_PART and name != "[content_types].xml":
                return _BY_MAIN_PART[kind]
        return None


def _refuse(*_: Any) -> None:
    raise ValueError


def ole_type(stream: BinaryIO) -> str | None:
    """Which of Microsoft's older office documents a compound file is; None for any other (such as an installer)."""
    for name, kind in _BY_STREAM.items():
        if _contains(stream, name.encode("utf-16-le")):
            return kind
    return _BY_STREAM["Workbook"] if _contains(stream, _BOOK) else None


def _contains(stream: BinaryIO, needle: bytes) -> bool:
    stream.seek(0)
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        if needle in rest + chunk:
            return True
        rest = chunk[-len(needle) :]
    return False
