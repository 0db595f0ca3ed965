"""Text files: whether bytes are text, and which kind."""

import codecs
import re
from collections.abc import Mapping
from typing import BinaryIO

from echo.files.names import suffix_of

CHUNK_BYTES = 128 * 1024
PLAIN = "text/plain"

# LibreChat's `codeTypeMapping`, of which everything that it calls plain text is left out.
_BY_SUFFIX: Mapping[str, str] = {
    "c": "text/x-c",
    "coffee": "application/vnd.coffeescript",
    "cpp": "text/x-c++",
    "cs": "text/x-csharp",
    "css": "text/css",
    "csv": "text/csv",
    "eml": "message/rfc822",
    "h": "text/x-h",
    "htm": "text/html",
    "html": "text/html",
    "ical": "text/calendar",
    "icalendar": "text/calendar",
    "ics": "text/calendar",
    "ifb": "text/calendar",
    "java": "text/x-java",
    "js": "text/javascript",
    "json": "application/json",
    "md": "text/markdown",
    "php": "text/x-php",
    "py": "text/x-python",
    "rb": "text/x-ruby",
    "sh": "application/x-sh",
    "sql": "application/sql",
    "svg": "image/svg+xml",
    "tex": "text/x-tex",
    "ts": "application/typescript",
    "tsv": "text/tab-separated-values",
    "vtt": "text/vtt",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
TEXT_TYPES = frozenset(_BY_SUFFIX.values()) | {PLAIN}

# Atomic, so that a file of nothing but comments costs no more than its length.
_SPACE = rb"(?:\xef\xbb\xbf)?(?>\s*<!--.*?-->)*+\s*"
# Markup shows itself, whatever the name says; XML may begin with its declaration and still be SVG or XHTML.
_MARKUP: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(_SPACE + pattern, re.DOTALL | re.IGNORECASE), media_type)
    for pattern, media_type in (
        (rb"(?:<!doctype\s+html|<html)\b", "text/html"),
        (rb"(?:<\?xml\b.{0,2000}?)?<(?:!doctype\s+)?svg\b", "image/svg+xml"),
        (rb"<\?xml\b.{0,2000}?<html\b", "text/html"),
        (rb"<\?xml\b", "application/xml"),
    )
)


def is_text(stream: BinaryIO) -> bool:
    """Whether all of the stream, from its start, is UTF-8 without NUL."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    stream.seek(0)
    try:
        while chunk := stream.read(CHUNK_BYTES):
            if b"\x00" in chunk:
                return False
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def text_type(head: bytes, name: str) -> str:
    """The media type of a text that begins like this: markup by its first tag, the rest by the suffix of the name."""
    for pattern, media_type in _MARKUP:
        if pattern.match(head):
            return media_type
    return _BY_SUFFIX.get(suffix_of(name), PLAIN)
