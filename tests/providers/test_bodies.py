"""Bodies are read whole, up to a bound."""

import asyncio
from typing import Any

import pytest

from echo.providers.bodies import TooLarge, whole_body


class Pieces:
    """What has come of a body each time that somebody asks."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = list(pieces)

    async def readany(self) -> bytes:
        return self.left.pop(0) if self.left else b""


def read(content: Any, most: int) -> bytes:
    return asyncio.run(whole_body(content, most))


def test_pieces_are_one_body_of_so_many_bytes_at_most() -> None:
    assert read(Pieces(b"ab", b"c", b"de"), 5) == b"abcde"
    assert read(Pieces(), 0) == b""
    with pytest.raises(TooLarge):
        read(Pieces(b"ab", b"c", b"de"), 4)


def test_nothing_is_read_after_the_bound() -> None:
    content = Pieces(b"ab", b"c", b"de")
    with pytest.raises(TooLarge):
        read(content, 1)
    assert content.left == [b"c", b"de"]
