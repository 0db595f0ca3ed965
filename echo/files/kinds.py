"""The type of a file, found from its content.

The name and the header that a client sent decide nothing, with one exception that cannot do harm: among kinds of
text, which nothing in the content tells apart, the suffix of the name picks one. What is not found to be one of
the allowed types is refused. The list is LibreChat's default (`fileConfig`, `supportedMimeTypes`) as far as a type
can be recognised; `docs/files.md` names what is missing and why.

The signatures are a table of our own because it must fail closed: a general library answers with its best guess
for anything that begins alike, takes any ZIP archive for a Word document and Matroska for WebM.
"""

import re
from collections.abc import Callable, Mapping
from typing import BinaryIO

from echo.errors import UnsupportedMediaType
from echo.files.containers import OLE_TYPES, ZIP_TYPES, ole_type, zip_type
from echo.files.text import TEXT_TYPES, is_text, text_type
from echo.settings import FileRules

HEAD_BYTES = 4096
# Where readers look for a PDF's header, and for its end (ISO 32000-1, annex H, notes 13 and 18).
PDF_HEAD_BYTES = PDF_END_BYTES = 1024
PDF = "application/pdf"
IMAGE_TYPES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})

# The third byte of an MPEG frame header (ISO 11172-3) that names neither a forbidden bit rate nor sample rate.
_RATES = re.escape(bytes(byte for byte in range(0x10, 0xF0) if byte & 0x0C != 0x0C))
# EBML header with its DocType (RFC 8794, section 11.2.4).
# The length of a value may take up to eight bytes.
_EBML = rb"\x1aE\xdf\xa3.{1,60}\x42\x82(?:[\x80-\xff]|\x01.{7})"

# A PDF behind a byte order mark and blanks, or behind a banner of text, as printers and mail programs put it there.
# It is none if that is the beginning of something that is run: markup, a script, a program.
_BLANK = rb"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\t-\r ]*+"
_TEXT_BYTE = rb"[\t-\r\x1b\x20-\x7e\x80-\xff]"
_PDF_BEHIND_BLANKS = re.compile(_BLANK + rb"%PDF-[12]\.[0-9]")
_PDF_BEHIND_TEXT = re.compile(rb"(" + _TEXT_BYTE + rb"*?)%PDF-[12]\.[0-9]")
_IS_RUN = re.compile(_BLANK + rb"(?:#!|MZ|PK|<)|<[!?/a-z]", re.IGNORECASE)

# What a file begins with; the first that fits holds.
_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), media_type)
    for pattern, media_type in (
        (rb"%PDF-[12]\.[0-9]", PDF),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBP", "image/webp"),
        # RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088): recorders that may need more than 4 GiB.
        (rb"(?:RIFF|RF64|BW64)....WAVE", "audio/wav"),
        (rb"RIFF....AVI ", "video/x-msvideo"),
        (rb"OggS\x00.{0,300}\x80theora", "video/ogg"),
        (rb"OggS\x00", "audio/ogg"),
        (rb"fLaC", "audio/flac"),
        (rb"ID3[\x02-\x04]", "audio/mpeg"),
        (rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][" + _RATES + rb"]", "audio/mpeg"),
        # ADTS (ISO 13818-7): sync word, layer 0.
        (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
        (rb"....ftypM4[AB] ", "audio/mp4"),
        (rb"....ftypqt  ", "video/quicktime"),
        # QuickTime's before there was `ftyp`: cameras still write them.
        (rb"....(?:moov|mdat|wide)", "video/quicktime"),
        (rb"....ftyp(?:isom|iso[2-9]|mp4[12]|avc1|dash|M4V |MSNV|3gp[0-9]|3g2[a-c]|f4v )", "video/mp4"),
        # Of a WebM file the track list, which names the codecs, comes early: one that names sound only is sound.
        (_EBML + rb"webm(?=.*A_)(?!.*V_(?:VP|AV1))", "audio/webm"),
        (_EBML + rb"webm", "video/webm"),
        (_EBML + rb"matroska", "video/x-matroska"),
        (rb".{257}ustar[\x00 ]", "application/x-tar"),
        (rb"PAR1", "application/vnd.apache.parquet"),
    )
)
_CONTAINERS: Mapping[bytes, Callable[[BinaryIO], str | None]] = {
    b"PK\x03\x04": zip_type,
    b"PK\x05\x06": zip_type,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ole_type,
}
ALLOWED_TYPES = TEXT_TYPES | ZIP_TYPES | OLE_TYPES | {media_type for _, media_type in _SIGNATURES}


def allowed_types(rules: Mapping[str, FileRules]) -> frozenset[str]:
    """The types that may be uploaded: all that are recognised, or those of them that the "default" rules name.

    As in LibreChat, a pattern may fit anywhere in the name of a type.
    """
    patterns = rules.get("default", FileRules()).media_types
    if patterns is None:
        return frozenset(ALLOWED_TYPES)
    return frozenset(kind for kind in ALLOWED_TYPES if any(re.search(pattern, kind) for pattern in patterns))


def find_type(stream: BinaryIO, name: str) -> str:
    """The media type of what the stream holds from its start; the name tells kinds of text apart only.

    Raises `UnsupportedMediaType` (`unsupported_file`) for anything that is not recognised as an allowed type.
    """
    stream.seek(0)
    head = stream.read(HEAD_BYTES)
    if not head.startswith(b"%PDF-") and is_text(stream):
        return PDF if _is_text_of_pdf(head, stream) else text_type(head, name)
    found = next((kind for pattern, kind in _SIGNATURES if pattern.match(head)), None)
    for magic, look_inside in _CONTAINERS.items():
        if head.startswith(magic):
            found = look_inside(stream)
    if found is None and _banner(head) is not None:
        found = PDF
    if found is None:
        raise unsupported()
    return found


def _banner(head: bytes) -> bytes | None:
    """What stands before the header of a PDF; None where there is none, or what stands there could be run."""
    match = _PDF_BEHIND_TEXT.match(head[:PDF_HEAD_BYTES])
    return match[1] if match and not _IS_RUN.search(match[1]) else None


def _is_text_of_pdf(head: bytes, stream: BinaryIO) -> bool:
    """Whether bytes that are all text are a PDF and no text that mentions one: it has a line for its end, too."""
    if _PDF_BEHIND_BLANKS.match(head[:PDF_HEAD_BYTES]):
        return True
    banner = _banner(head)
    if banner is None or not banner.endswith((b"\n", b"\r")):
        return False
    stream.seek(max(0, stream.seek(0, 2) - PDF_END_BYTES))
    return re.search(rb"(?m)^%%EOF\s*\Z", stream.read().replace(b"\r", b"\n")) is not None


def unsupported(message: str | None = None) -> UnsupportedMediaType:
    """The error for a file of a type that is not allowed, or that is broken."""
    return UnsupportedMediaType(
        message or "Files of this type are not accepted; text must be in UTF-8.", code="unsupported_file"
    )


def served_type(recorded: str) -> str:
    """The `Content-Type` to send for a stored file of this recorded type.

    Text of every kind goes out as plain text, so that markup is never run, and what we do not know as plain bytes:
    LibreChat records whatever type the browser named.
    """
    if recorded in TEXT_TYPES or recorded.startswith("text/"):
        return "text/plain; charset=utf-8"
    return recorded if recorded in ALLOWED_TYPES else "application/octet-stream"
