"""`.env` files; `tests/librechat/test_env_file.py` holds the reader against LibreChat's own."""

from pathlib import Path

import pytest

from echo.settings.env_file import parse_env, read_env_file
from tests.support.growth import grows_no_faster


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("A=b", "b"),
        ("  export A = b  ", "b"),
        ("A: b", "b"),
        ("A=", ""),
        ("A=b c", "b c"),
        ("A=b#c", "b"),
        ("A=b # c", "b"),
        ("A='b#c' # d", "b#c"),
        ('A="b\\nc"', "b\nc"),
        ("A='b\\nc'", "b\\nc"),
        ("A=`b 'c' \"d\"`", "b 'c' \"d\""),
        ('A="b\nc"', "b\nc"),
        ('A="b\\"c"', 'b\\"c'),
        ('A="b', '"b'),
        ("A=it's", "it's"),
        ("A=${B}", "${B}"),
        ("A=b\r\n", "b"),
        ("\ufeffA=b", "b"),
        ("A=b\nA=c", "c"),
        ("# A=b\nA=c", "c"),
        ("no entry\n=b\nA=c", "c"),
    ],
)
def test_a_value(written: str, value: str) -> None:
    assert parse_env(written) == {"A": value}


def test_entries_after_one_whose_quotation_mark_is_open() -> None:
    assert parse_env('A="b\nC=d\n') == {"A": '"b', "C": "d"}


@pytest.mark.parametrize("text", ["", "\n\n", "# A=b", "A", "Ä=b", "A b=c"])
def test_what_sets_nothing(text: str) -> None:
    assert parse_env(text) == {}


@pytest.mark.parametrize("text", ["\n", "A='", " ", "export ", "A=\n", "A='x\n", "\\'"])
def test_a_long_file_takes_time_in_proportion(text: str) -> None:
    assert grows_no_faster(parse_env, lambda size: text * size, 20_000)


def test_a_file_that_is_not_there_sets_nothing(tmp_path: Path) -> None:
    assert read_env_file(tmp_path / ".env") == {}


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(b"A=\xff")
    with pytest.raises(UnicodeError):
        read_env_file(file)
