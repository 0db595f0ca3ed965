"""What an operation answers, on its way to the bridge."""

import pytest

from echo.handling.reply import raw_headers


def test_headers_have_small_letters_and_a_line_for_each_value() -> None:
    assert raw_headers({"Set-Cookie": ["a=1", "b=2"], "Content-Language": "de"}) == [
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"content-language", b"de"),
    ]


@pytest.mark.parametrize("value", ["a\nX-Other: 1", "a\rb", "a\r\nSet-Cookie: b=1"])
@pytest.mark.parametrize("several", [False, True])
def test_a_value_cannot_end_its_line(value: str, several: bool) -> None:
    with pytest.raises(ValueError, match="line break"):
        raw_headers({"Location": [value] if several else value})
