"""Pieces of two or three characters by which texts are found.

Texts and what is sought in them are folded first (`folding.fold`): what contains a text has all of its pieces.
"""

import zlib
from collections.abc import Iterable, Iterator
from itertools import pairwise

from storage.core.folding import fold

# The scripts from here on write a syllable or a word with one character, so one is looked for as well.
DENSE = "\u2e80"
# More pieces narrow a search no further.
MOST_SOUGHT = 3
# The commonest first: a piece of rare letters is in few texts.
COMMON = " etaoinsrhldcumpgfbyvwkxjqz.,\n"
# An accent, which a pattern without regard to case takes for the letter as well.
IOTA_BELOW, IOTA = "\u0345", "\u03b9"
# Pieces are collected from so many characters at a time, and counted.
STRETCH = 20_000


def grams(texts: Iterable[str], most: int) -> set[str] | None:
    """The pieces of all the texts; None where they are more than `most`, by one stretch at most."""
    found: set[str] = set()
    for folded in (each for text in texts for each in _folded(text)):
        for begin in range(0, len(folded), STRETCH):
            # The pieces that begin in a stretch end in the next one.
            some = folded[begin : begin + STRETCH + 2]
            found.update(map("".join, pairwise(some)))
            found.update(map("".join, zip(some, some[1:], some[2:], strict=False)))
            if not some.isascii():
                found.update(each for each in some if each >= DENSE)
            if len(found) > most:
                return None
    return found


def _folded(text: str) -> Iterator[str]:
    """The text as it is folded, and as MongoDB takes it besides."""
    yield fold(text)
    if IOTA_BELOW in text:
        yield fold(text.replace(IOTA_BELOW, IOTA))


def sought(text: str) -> list[str]:
    """The pieces, three at most, by which the texts that contain this one are found; none where none is any good."""
    folded = fold(text)
    if len(folded) < 2:
        return [folded] if folded and folded >= DENSE else []
    size = min(3, len(folded))
    pieces = {folded[place : place + size] for place in range(len(folded) - size + 1)}
    return sorted(pieces, key=lambda piece: (-rarity(piece), piece))[:MOST_SOUGHT]


def rarity(piece: str) -> int:
    """How seldom the letters of a piece are, roughly."""
    return sum(COMMON.index(each) if each in COMMON else len(COMMON) for each in piece)


def hashed(piece: str) -> int:
    """A piece as a number of 32 bits."""
    return zlib.crc32(piece.encode(errors="replace"))
