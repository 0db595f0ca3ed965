"""What strangers write becomes what its place promises, or nothing."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from echo.transfer import values

ANYTHING: list[Any] = [
    *(None, True, 0, -1, 2**63, 10**400, Decimal("1e999999"), Decimal("-1e-999999"), 1e300),
    *("", " ", "\0", "x" * 5000, "\U0001f600", "0000-00-00", "9999-12-31T23:59:59Z", "NaN"),
    *([], {}, [[]], {"$gt": ""}, {"a.b": 1}, {"": None}),
]


class TestMoments:
    @pytest.mark.parametrize(
        "value",
        [
            "2024-05-01T16:35:11.530Z",
            "2024-05-01T18:35:11.530999+02:00",
            "2024-05-01 16:35:11.530",
            1714581311.53,
            Decimal("1714581311.5304"),
            1714581311530,
            Decimal("1714581311530.4"),
        ],
    )
    def test_are_in_utc_to_the_millisecond(self, value: Any) -> None:
        assert values.moment_of(value) == datetime(2024, 5, 1, 16, 35, 11, 530000, tzinfo=UTC)

    @pytest.mark.parametrize(
        "value",
        [
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-01-01", "yesterday", "", "12"),
            *(0, -5, 1e300, 10**400, Decimal("1e999999"), True, None, [], {}, 253402300800),
        ],
    )
    def test_that_nobody_lived_are_none(self, value: Any) -> None:
        assert values.moment_of(value) is None


class TestPlain:
    def test_keeps_json(self) -> None:
        value = {"a": [1, 2.5, None, True, "x", {"b": []}]}
        assert values.plain(value) == value

    def test_leaves_out_names_that_mean_something_to_a_database(self) -> None:
        assert values.plain({"$where": 1, "a.b": 2, "c\0": 3, "d": 4}) == {"d": 4}

    def test_leaves_out_numbers_that_it_cannot_hold(self) -> None:
        assert values.plain([2**63, -(2**63), Decimal("1e999"), Decimal("1.5")]) == [
            None,
            -(2**63),
            None,
            1.5,
        ]

    def test_ends_at_a_depth(self) -> None:
        value: Any = "bottom"
        for _ in range(10_000):
            value = [value]
        assert "bottom" not in repr(values.plain(value))


@pytest.mark.parametrize("value", ANYTHING, ids=lambda value: repr(value)[:20])
class TestAnything:
    def test_is_read_without_an_error(self, value: Any) -> None:
        assert isinstance(values.text_of(value), str)
        assert values.name_of(value) is None or 0 < len(str(values.name_of(value))) <= 256
        assert values.id_of(value) is None or isinstance(values.id_of(value), str)
        assert isinstance(values.number_of(value), int | float | None)
        assert isinstance(values.list_of(value), list)
        assert isinstance(dict(values.mapping_of(value)), dict)
        assert isinstance(values.moment_of(value), datetime | None)
        assert isinstance(values.shown(value), str)
