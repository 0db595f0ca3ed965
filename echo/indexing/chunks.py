"""A text in pieces that each say something by themselves: they end where a sentence or a line ends, and overlap."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from echo.extraction import Page

# In characters. A model reads ten of them for one answer; an embedding of more says less.
LENGTH = 1200
OVERLAP = 150
# The best place to end at, then the next best. Full stops of other scripts need no blank behind them.
_FULL_STOPS = "\u3002\uff01\uff1f\uff61\u0964\u0589\u061f"
_COMMAS = ",;\u060c\u3001\uff0c\uff1b"
_ENDS = tuple(
    re.compile(pattern) for pattern in (r"\n\n", r"\n", rf"[.!?…](?=\s)|[{_FULL_STOPS}]", rf"\s|[{_COMMAS}]")
)


@dataclass(frozen=True)
class Piece:
    """A part of a page, which begins at its character `start`; `page` is the page's number, or None."""

    text: str
    start: int
    page: int | None


def split(pages: Iterable[Page]) -> Iterator[Piece]:
    """The pieces of a document in their order, none of them empty; no piece is on two pages."""
    for page in pages:
        for start, end in _bounds(page.text):
            text = page.text[start:end]
            if text.strip():
                blank = len(text) - len(text.lstrip())
                yield Piece(text.strip(), start + blank, page.number)


def _bounds(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while len(text) - start > LENGTH:
        end = _end(text, start + LENGTH // 2, start + LENGTH)
        yield start, end
        # What stands about a cut is in both pieces, from the beginning of a line, sentence or word.
        start = _end(text, end - OVERLAP, end - OVERLAP // 3)
    yield start, len(text)


def _end(text: str, first: int, last: int) -> int:
    """The best place between two to end at: the last one of the best kind."""
    window = text[first:last]
    for pattern in _ENDS:
        places = [match.end() for match in pattern.finditer(window)]
        if places:
            return first + places[-1]
    return last
