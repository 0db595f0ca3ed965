"""A body within its limit: refused by what it says, or by what it is; and read on, so that the answer is read."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from echo.errors import PayloadTooLarge
from echo.http import reader
from echo.http.reader import LimitedBody


class Sender:
    """A client that sends these pieces, the last as the last, and then is heard of no more."""

    def __init__(self, *sizes: int, ends: bool = True) -> None:
        self._left = list(sizes)
        self._ends = ends

    @property
    def left(self) -> int:
        return len(self._left)

    async def __call__(self) -> Message:
        if not self._left:
            await asyncio.Event().wait()
        size = self._left.pop(0)
        message: dict[str, Any] = {"type": "http.request", "body": b"a" * size}
        # `more_body` is false where it is left out.
        return message if self._ends and not self._left else {**message, "more_body": True}


def read(body: LimitedBody, times: int) -> list[int]:
    async def each() -> list[int]:
        return [len((await body())["body"]) for _ in range(times)]

    return asyncio.run(each())


class TestLimit:
    @pytest.mark.parametrize("sizes", [(10,), (4, 6), (10, 0)])
    def test_of_a_body_may_be_reached(self, sizes: tuple[int, ...]) -> None:
        assert read(LimitedBody(Sender(*sizes), 10), len(sizes)) == list(sizes)

    @pytest.mark.parametrize("sizes", [(11,), (4, 7), (10, 1), (1,) * 11])
    def test_of_a_body_is_one_of_all_its_pieces(self, sizes: tuple[int, ...]) -> None:
        body = LimitedBody(Sender(*sizes), 10)
        assert read(body, len(sizes) - 1) == list(sizes[:-1])
        with pytest.raises(PayloadTooLarge):
            read(body, 1)

    def test_is_not_met_by_a_message_without_a_body(self) -> None:
        async def gone() -> Message:
            return {"type": "http.disconnect"}

        assert asyncio.run(LimitedBody(gone, 0)()) == {"type": "http.disconnect"}

    @pytest.mark.parametrize("declared", ["11", "0011", "9" * 30])
    def test_is_held_against_what_a_body_says_of_itself(self, declared: str) -> None:
        with pytest.raises(PayloadTooLarge):
            LimitedBody(Sender(), 10).check_declared(Headers({"content-length": declared}))

    # What is no number is for the server to refuse. Of the last, digits to `isdigit`, `int` makes an exception.
    @pytest.mark.parametrize("declared", ["10", "0", "", "-11", "+11", "1_1", "\u00b9\u00b9"])
    def test_is_not_met_by_what_declares_no_more(self, declared: str) -> None:
        headers = Headers(raw=[(b"content-length", declared.encode("latin-1"))])
        LimitedBody(Sender(), 10).check_declared(headers)
        LimitedBody(Sender(), 10).check_declared(Headers({}))


class TestDraining:
    def left_of(self, sizes: Iterable[int], read_before: int = 0, *, ends: bool = True) -> int:
        sender = Sender(*sizes, ends=ends)
        body = LimitedBody(sender, 10)
        read(body, read_before)
        asyncio.run(body.drain())
        return sender.left

    def test_goes_on_to_the_end(self) -> None:
        assert self.left_of([5, 5, 100, 0, 7]) == 0

    def test_asks_for_nothing_once_the_body_has_ended(self) -> None:
        # It would wait for five seconds, and for ever without the time limit.
        assert self.left_of([5, 5], read_before=2) == 0

    def test_ends_with_so_many_bytes_over_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "DRAIN_BYTES", 20)
        # Those that were read before count: 30 are reached with the fourth piece.
        assert self.left_of([5, 5, 10, 10, 1, 1], read_before=2) == 2

    def test_ends_when_nothing_comes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reader, "DRAIN_SECONDS", 0.01)
        assert self.left_of([5, 5], ends=False) == 0

    def test_is_that_of_much_and_for_long(self) -> None:
        assert (reader.DRAIN_BYTES, reader.DRAIN_SECONDS) == (67_108_864, 5.0)
