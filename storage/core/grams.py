"""Pieces of two or three characters by which texts are found, and lists of which texts have them.

Texts and what is sought in them are folded first (`folding.fold`): what contains a text has all of its pieces.
"""

import itertools
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from struct import pack

from storage.core.folding import fold

# The scripts from here on write a syllable or a word with one character, so one is looked for as well.
DENSE = "\u2e80"
# More pieces narrow a search no further.
MOST_SOUGHT = 3
# The commonest first: a piece of rare letters is in few texts.
COMMON = " etaoinsrhldcumpgfbyvwkxjqz.,\n"
# A gap between two numbers takes a byte; this one says that the gap is not over.
GAP = 254


def grams(texts: Iterable[object]) -> set[str]:
    """The pieces of all those texts that are texts."""
    found: set[str] = set()
    for text in texts:
        if isinstance(text, str):
            folded = fold(text)
            found.update(map("".join, itertools.pairwise(folded)))
            found.update(map("".join, zip(folded, folded[1:], folded[2:], strict=False)))
            if not folded.isascii():
                found.update(each for each in folded if each >= DENSE)
    return found


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


def packed(lists: Mapping[int, Iterable[int]]) -> bytes:
    """Lists of rising numbers by hashes: how many, the hashes in order, where each list ends, the lists."""
    hashes = sorted(lists)
    data, ends = bytearray(), []
    for each in hashes:
        last = -1
        for number in lists[each]:
            gap = number - last - 1
            data += b"\xff" * (gap // GAP)
            data.append(gap % GAP)
            last = number
        ends.append(len(data))
    head = pack(f"<I{len(hashes)}I{len(ends)}I", len(hashes), *hashes, *ends)
    return head + bytes(data)


def unpacked(data: bytes, wanted: int) -> set[int]:
    """The numbers in the list of that hash."""
    count = int.from_bytes(data[:4], "little")
    numbers = memoryview(data)[4 : 4 + 8 * count].cast("I")
    place = bisect_left(numbers, wanted, 0, count)
    if place == count or numbers[place] != wanted:
        return set()
    start = 4 + 8 * count
    begin, end = (numbers[count + place - 1] if place else 0), numbers[count + place]
    found, number = set(), -1
    for gap in data[start + begin : start + end]:
        if gap == 0xFF:
            number += GAP
        else:
            number += gap + 1
            found.add(number)
    return found
