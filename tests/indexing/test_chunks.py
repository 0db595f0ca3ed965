"""Pieces of a text: nothing is lost, none is too long, and they end where a sentence ends."""

import time

import pytest

from echo.extraction import Page
from echo.indexing.chunks import LENGTH, OVERLAP, split


def test_a_short_page_is_one_piece_with_its_number() -> None:
    pieces = list(split([Page("  One.\n\nTwo.  ", 3), Page(" \n "), Page("Three")]))
    assert [(each.text, each.start, each.page) for each in pieces] == [
        ("One.\n\nTwo.", 2, 3),
        ("Three", 0, None),
    ]


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("All is well that ends well. " * 200, "."),
        ("A line without an end\n" * 200, "end"),
        ("これは文です。" * 500, "。"),
        ("word " * 900, "word"),
        ("x" * 5000, "x"),
    ],
    ids=["sentences", "lines", "Japanese", "words", "nothing to end at"],
)
def test_a_long_one_is_cut_where_something_ends(text: str, ending: str) -> None:
    pieces = list(split([Page(text)]))
    assert max(len(each.text) for each in pieces) <= LENGTH == 1200
    assert all(each.text.endswith(ending) for each in pieces)
    covered = 0
    for each in pieces:
        assert text[each.start : each.start + len(each.text)] == each.text
        # What stands about a cut is in both.
        assert text[covered : each.start].strip() == ""
        assert covered == 0 or covered - each.start <= OVERLAP == 150
        covered = each.start + len(each.text)
    assert text[covered:].strip() == ""


def test_time_is_in_proportion_to_the_text() -> None:
    def seconds(length: int) -> float:
        text = "." * length
        began = time.process_time()
        assert list(split([Page(text)]))
        return time.process_time() - began

    assert min(seconds(400_000) for _ in range(3)) < 5 * min(seconds(200_000) for _ in range(3))
