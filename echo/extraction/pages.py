"""What readers of documents give, and how it goes from their process to ours."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# LibreChat's limit for the text of a file, in bytes of UTF-8.
MOST_BYTES = 15 * 1024 * 1024
# Nobody reads these, and JSON takes six bytes for each.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff]+")
_LINES = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANK_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n){2,}")


@dataclass(frozen=True)
class Page:
    """A part of a document: its text, and which page, slide or sheet it is, from 1; None where there are none."""

    text: str
    number: int | None = None


class Unreadable(Exception):
    """A document whose text cannot be had.

    `reason` is "unsupported", "missing" (the libraries are), "broken", "locked" (by a password), "empty" (there is no
    text, as in a scanned page), "too_large", "too_slow", or "busy" (other documents are being read).
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def tidy(text: str) -> str:
    """Text with line feeds alone, without control characters, and with at most one blank line in a row."""
    lines = _CONTROLS.sub("", _LINES.sub("\n", text))
    return _BLANK_LINES.sub("\n\n", lines).strip()


def bounded(pages: Iterable[Page], most: int = MOST_BYTES) -> Iterator[Page]:
    """The pages that have text, tidied; raises `Unreadable` ("too_large") once they have more bytes than that."""
    room = most
    for page in pages:
        text = tidy(page.text)
        room -= len(text.encode())
        if room < 0:
            raise Unreadable("too_large")
        if text:
            yield Page(text, page.number)


def packed(page: Page) -> bytes:
    """A page as a line."""
    return json.dumps([page.number, page.text], ensure_ascii=False).encode() + b"\n"


def unpacked(lines: bytes) -> list[Page]:
    """The pages of lines. Raises `ValueError` for what no reader wrote."""
    pages = []
    for line in lines.splitlines():
        number, text = json.loads(line)
        if not isinstance(text, str) or not (number is None or type(number) is int):
            raise ValueError("no page")
        pages.append(Page(text, number))
    return pages
