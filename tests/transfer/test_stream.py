"""JSON read as a stream: what comes out, what is given up, and what cannot bring the process down."""

import io
import json
import random
import tracemalloc
from typing import Any

import pytest

from echo.transfer.limits import Limits
from echo.transfer.stream import TOO_LARGE, Malformed, read_values

LIMITS = Limits(text=10_000, values=1000, directory=1000, depth=100)


class Dribble:
    """A stream that gives so many bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._stream = io.BytesIO(content)
        self._size = size

    def read(self, size: int, /) -> bytes:
        return self._stream.read(min(size, self._size))


def values(content: bytes, limits: Limits = LIMITS) -> list[Any]:
    return list(read_values(io.BytesIO(content), limits))


class TestValues:
    def test_are_the_elements_of_an_array(self) -> None:
        value = [{"a": [1, {"b": None}], "c": "x"}, "text", 5, True, None, []]
        assert values(json.dumps(value).encode()) == value

    @pytest.mark.parametrize("value", [{"a": {"b": [1]}}, "text", 7, None])
    def test_anything_else_is_one(self, value: Any) -> None:
        assert values(json.dumps(value).encode()) == [value]

    def test_may_follow_a_byte_order_mark(self) -> None:
        assert values(b"\xef\xbb\xbf[1]") == [1]

    def test_come_before_the_rest_is_read(self) -> None:
        stream = io.BytesIO(b'[{"a": 1},' + b" " * 1_000_000 + b"2]")
        assert next(iter(read_values(stream, LIMITS))) == {"a": 1}
        assert stream.tell() < 200_000

    def test_a_lone_surrogate_is_a_question_mark(self) -> None:
        assert values(rb'["a\ud800", "\ud83d\ude00"]') == ["a?", "\U0001f600"]


class TestElementsOverALimit:
    @pytest.mark.parametrize(
        "large",
        [
            {"text": "x" * 10_001},
            {"x" * 10_001: 1},
            {"many": [0] * 1001},
            {"parts": ["x" * 999] * 11},
        ],
        ids=["text", "name", "values", "sum"],
    )
    def test_are_given_up_and_the_next_is_read(self, large: Any) -> None:
        assert values(json.dumps([1, large, {"a": 2}]).encode()) == [1, TOO_LARGE, {"a": 2}]

    def test_so_are_deep_ones(self) -> None:
        deep = b"[" * 100_000 + b"]" * 100_000
        assert values(b'[1,{"a":' + deep + b'},{"b":2}]') == [1, TOO_LARGE, {"b": 2}]

    def test_are_not_kept(self) -> None:
        content = b"[[" + b"[]," * 200_000 + b"1],5]"
        tracemalloc.start()
        assert values(content) == [TOO_LARGE, 5]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # Kept, they are 13 MB. Threads that other tests left may take a little meanwhile.
        assert peak < 8_000_000

    def test_a_text_without_an_end_is_not_read_to_it(self) -> None:
        stream = io.BytesIO(b'["' + b"x" * 5_000_000)
        with pytest.raises(Malformed):
            list(read_values(stream, LIMITS))
        assert stream.tell() < 500_000


class TestMalformed:
    @pytest.mark.parametrize(
        "content",
        [
            *(
                b"",
                b" ",
                b"[",
                b"[1",
                b"[1,]",
                b'{"a"',
                b'{"a":1',
                b"[1] x",
                b"[1][2]",
                b"nul",
                b"<html>",
                b"[NaN]",
            ),
            *(
                b'["\xff"]',
                b'["\xed\xa0\x80"]',
                b'[{"\xed\xa0\x80":1}]',
                b"\x89PNG\r\n\x1a\n",
                b"[" * 1_000_000,
            ),
            *(
                b"[1e99999999999999999999]",
                b"[" + b"9" * 5000 + b"]",
                b"[" + b"9" * 1_000_000 + b"]",
                b"\x00",
            ),
        ],
        ids=lambda content: repr(content[:12]),
    )
    def test_is_an_error_of_ours(self, content: bytes) -> None:
        with pytest.raises(Malformed):
            values(content)

    def test_comes_after_the_values_before_it(self) -> None:
        found = []
        with pytest.raises(Malformed):
            found.extend(each for each in collect(b'[1, {"a": 2}, {"a": oh'))
        assert SEEN == [1, {"a": 2}]

    def test_numbers_may_be_large(self) -> None:
        assert values(b"[18446744073709551616, " + b"9" * 1999 + b"]") == [2**64, int("9" * 1999)]


SEEN: list[Any] = []


def collect(content: bytes) -> Any:
    SEEN.clear()
    for value in read_values(io.BytesIO(content), LIMITS):
        SEEN.append(value)
        yield value


class TestLongNumbers:
    """ijson's parser in C crashes at one of more than 4300 digits; in a text they are welcome."""

    @pytest.mark.parametrize("size", [1, 7, 1999, 2000, 2001, 65536])
    def test_in_a_text_stay_as_they_are(self, size: int) -> None:
        texts = ["3" * 1999 + "x" + "1234567890" * 1000 + "\u00e9", "5" * 4301, "\u1234" + "1" * 2500]
        content = json.dumps(texts).encode()
        assert list(read_values(Dribble(content, size), Limits(50_000, 100, 1000))) == texts

    @pytest.mark.parametrize("size", [1, 7, 1999, 2000, 2001, 65536])
    @pytest.mark.parametrize("digits", [4301, 5000, 100_000])
    def test_that_stand_alone_are_refused(self, size: int, digits: int) -> None:
        with pytest.raises(Malformed):
            list(read_values(Dribble(b"[1," + b"9" * digits + b"]", size), LIMITS))


def test_damaged_files_give_values_or_an_error_of_ours() -> None:
    rnd = random.Random(4)
    base = json.dumps([{"a": [1, 2.5, "x\u00e9", None, {"b": "c"}]}] * 3, ensure_ascii=False).encode()
    pieces = [b"9" * 30, b"[", b"{", b'"', b"\\u", b"1e5", b"-", b"\xed\xa0\x80", b"\0"]
    for _ in range(3000):
        content = bytearray(base)
        for _ in range(rnd.randint(1, 4)):
            place = rnd.randrange(len(content) + 1)
            content[place : place + rnd.randint(0, 2)] = rnd.choice(pieces)
        try:
            list(read_values(Dribble(bytes(content), rnd.choice([3, 50, 1000])), LIMITS))
        except Malformed:
            continue
