"""Lists in an order of several keys: nothing twice, nothing left out, and no cursor but our own."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from storage.core.errors import BrokenCursor
from storage.library.shared_lists import Place, arranged, backwards, cut

IDS = [ObjectId(f"{number:024x}") for number in range(1, 10)]
ENOUGH = 10**9


def places(*numbers: int, size: int = 1) -> list[Place]:
    rows = [Place(((number,), identifier), size) for number, identifier in zip(numbers, IDS, strict=False)]
    return sorted(rows, key=lambda place: place.position)


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def test_numbers_and_dates_come_with_the_largest_first() -> None:
    moments = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    values = [None, "x", moments[0], moments[1], moments[1].replace(tzinfo=None), 3, 2.0]
    assert [backwards(value) for value in values] == [
        *(0, 0, -1767225600000, -1767312000000, -1767312000000, -3, -2),
    ]


def test_ties_are_told_apart_by_their_ids() -> None:
    rows = [{"_id": IDS[1], "n": 1}, {"_id": IDS[0], "n": 1}, {"_id": IDS[2], "n": 2}]
    ordered = arranged(rows, lambda row: (backwards(row["n"]),))
    assert [place.id for place in ordered] == [IDS[2], IDS[0], IDS[1]]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_have_everything_once(limit: int) -> None:
    every = places(1, 1, 1, 2, 0, 5, 5)
    seen: list[Place] = []
    after = None
    while True:
        page, after = cut(every, after, limit, ENOUGH)
        seen += page
        assert len(page) <= limit
        if after is None:
            break
    assert seen == every


# A cursor is as long as its numbers, and three of four lengths are padded to be read.
@pytest.mark.parametrize("number", [1, 10, 100, 1000, -5])
def test_a_cursor_of_any_length_is_read(number: int) -> None:
    every = places(number, number)
    page, after = cut(every, None, 1, ENOUGH)
    assert after is not None
    assert "=" not in after
    assert page == every[:1]
    assert cut(every, after, 1, ENOUGH) == (every[1:], None)


def test_a_page_goes_on_after_a_place_that_is_gone() -> None:
    every = places(1, 2, 3, 4)
    _, after = cut(every, None, 2, ENOUGH)
    assert cut(every[2:], after, 2, ENOUGH) == (every[2:], None)


def test_a_page_ends_early_where_there_are_too_many_bytes_and_has_one_at_least() -> None:
    every = places(1, 2, 3, 4, size=10)
    assert [len(cut(every, None, 4, most)[0]) for most in (5, 10, 19, 20, 39, 40)] == [1, 1, 1, 2, 3, 4]
    assert cut(every, None, 4, 40)[1] is None
    assert cut(every, None, 4, 39)[1] is not None
    assert cut([], None, 4, 40) == ([], None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "é", "!", "x", "[]", cursor(), cursor(1), cursor(1, "x"), cursor("1", str(IDS[0]))),
        *(cursor(1.5, str(IDS[0])), cursor(True, str(IDS[0])), cursor(1, 5), cursor([1], str(IDS[0]))),
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[" * 2000).decode(),
    ],
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BrokenCursor):
        cut(places(1, 2), text, 1, ENOUGH)


def test_a_cursor_of_another_lists_is_refused() -> None:
    with pytest.raises(BrokenCursor):
        cut(places(1, 2), cursor(1, 2, str(IDS[0])), 1, ENOUGH)
