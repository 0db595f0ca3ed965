"""Bodies of answers, of which no more is read than may be."""

import aiohttp


class TooLarge(Exception):
    """An answer has more bytes than are taken."""


async def whole_body(content: aiohttp.StreamReader, most: int) -> bytes:
    """All of a body of at most so many bytes, which its reader bounds in time.

    Raises `TooLarge`, and what aiohttp raises for one that breaks off.
    """
    pieces: list[bytes] = []
    while piece := await content.readany():
        most -= len(piece)
        if most < 0:
            raise TooLarge
        pieces.append(piece)
    return b"".join(pieces)
