"""The type of a file, found from its content.

The name and the header that a client sent decide nothing, with one exception that cannot do harm: among kinds of
text, which nothing in the content tells apart, the suffix of the name picks one. What is not found to be one of
the allowed types is refused. The list is LibreChat's default (`fileConfig`, `supportedMimeTypes`) as far as a type
can be recognised; `docs/files.md` names what is missing and why.

The signatures are a table of our own because it must fail closed: a general library answers with its best guess
for anything that begins alike, takes any ZIP archive for a Word document and Matroska for WebM.
"""

import re
from collections.abc import Mapping
from typing import BinaryIO

from echo.errors import UnsupportedMediaType
from echo.files.containers import ole_type, zip_type
from echo.files.text import TEXT_TYPES, is_text, text_type

HEAD_BYTES = 4096
IMAGE_TYPES = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})

# What a file begins with; `.` stands for any byte. The first that fits holds.
_SIGNATURES: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), media_type)
    for pattern, media_type in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBP", "image/webp"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"RIFF....AVI ", "video/x-msvideo"),
        (rb"OggS\x00.{0,200}\x80theora", "video/ogg"),
        (rb"OggS\x00", "audio/ogg"),
        (rb"fLaC", "audio/flac"),
        (rb"ID3[\x02-\x04]", "audio/mpeg"),
        # A frame header of MPEG layer III (ISO 11172-3): any version but the reserved, a bit rate, a sample rate.
        (rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef](?<=[^\x0c-\x0f])", "audio/mpeg"),
        # ADTS (ISO 13818-7): sync word, layer 0.
        (rb"\xff[\xf0\xf1\xf8\xf9]", "audio/aac"),
        (rb"....ftypM4[AB] ", "audio/mp4"),
        (rb"....ftypqt  ", "video/quicktime"),
        (rb"....ftyp(?:isom|iso[2-9]|mp4[12]|avc1|dash|M4V |MSNV|3gp\d)", "video/mp4"),
        (rb"\x1aE\xdf\xa3.{1,60}\x42\x82.webm(?=.*A_)(?!.*V_)", "audio/webm"),
        (rb"\x1aE\xdf\xa3.{1,60}\x42\x82.webm", "video/webm"),
        (rb"\x1aE\xdf\xa3.{1,60}\x42\x82.matroska", "video/x-matroska"),
        (rb".{257}ustar[\x00 ]", "application/x-tar"),
        (rb"PAR1", "application/vnd.apache.parquet"),
    )
)
_PDF = re.compile(rb"%PDF-[12]\.\d")
_CONTAINERS: Mapping[bytes, str] = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "ole",
}
