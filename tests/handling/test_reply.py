"""What an operation answers, on its way to the bridge."""

import asyncio

import pytest

from echo.handling.pending import Pending
from echo.handling.reply import Reply, Unfinished, raw_headers


def test_headers_have_small_letters_and_a_line_for_each_value() -> None:
    assert raw_headers({"Set-Cookie": ["a=1", "b=2"], "Content-Language": "de"}) == [
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"content-language", b"de"),
    ]


@pytest.mark.parametrize("value", ["a\nX-Other: 1", "a\rb", "a\r\nSet-Cookie: b=1"])
@pytest.mark.parametrize("several", [False, True])
def test_a_value_cannot_end_its_line(value: str, several: bool) -> None:
    with pytest.raises(ValueError, match=r"^A header's value has a line break in it\.$"):
        raw_headers({"Location": [value] if several else value})


def test_an_unfinished_reply_is_made_of_what_making_it_gives() -> None:
    async def make() -> str:
        return "made"

    unfinished = Unfinished(Pending(make), lambda made: Reply(201, [], made.encode()))
    assert asyncio.run(unfinished.finish()) == Reply(201, [], b"made")


def test_a_value_may_have_any_letter_of_latin_1() -> None:
    assert raw_headers({"X-Name": "caf\u00e9"}) == [(b"x-name", b"caf\xe9")]
