from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echo.credits.refills import NEVER, next_refill

LAST = datetime(2026, 1, 31, 12, tzinfo=UTC)


def balance(value: Any, unit: Any, **fields: Any) -> dict[str, Any]:
    return {
        "autoRefillEnabled": True,
        "refillAmount": 5,
        "lastRefill": LAST,
        "refillIntervalValue": value,
        "refillIntervalUnit": unit,
        **fields,
    }


@pytest.mark.parametrize(
    ("value", "unit", "due"),
    [
        (90, "seconds", LAST + timedelta(seconds=90)),
        (2, "minutes", LAST + timedelta(minutes=2)),
        (3, "hours", LAST + timedelta(hours=3)),
        (30, "days", LAST + timedelta(days=30)),
        (1.5, "weeks", LAST + timedelta(weeks=1)),
        # As JavaScript has it: 31 February is 3 March.
        (1, "months", datetime(2026, 3, 3, 12, tzinfo=UTC)),
        (2, "months", datetime(2026, 3, 31, 12, tzinfo=UTC)),
        (11, "months", datetime(2026, 12, 31, 12, tzinfo=UTC)),
        (None, "days", LAST),
        (10**12, "days", NEVER),
        (10**12, "months", NEVER),
        (3, "fortnights", LAST),
    ],
)
def test_the_next_one_is_an_interval_after_the_last(value: Any, unit: str, due: datetime) -> None:
    assert next_refill(balance(value, unit)) == due


def test_who_never_had_one_may_have_it() -> None:
    assert next_refill(balance(1, "days", lastRefill=None)) == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "fields",
    [{"autoRefillEnabled": False}, {"autoRefillEnabled": 1}, {"refillAmount": 0}, {"refillAmount": "5"}],
)
def test_there_is_none(fields: dict[str, Any]) -> None:
    assert next_refill(balance(1, "days", **fields)) is None


@pytest.mark.parametrize(
    ("last", "months", "due"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), 1, datetime(2026, 2, 1, tzinfo=UTC)),
        (datetime(2026, 12, 1, tzinfo=UTC), 1, datetime(2027, 1, 1, tzinfo=UTC)),
        (datetime(2024, 1, 30, tzinfo=UTC), 1, datetime(2024, 3, 1, tzinfo=UTC)),
        (datetime(2024, 2, 29, tzinfo=UTC), 12, datetime(2025, 3, 1, tzinfo=UTC)),
        (datetime(2026, 6, 30, tzinfo=UTC), 5, datetime(2026, 11, 30, tzinfo=UTC)),
    ],
)
def test_months_are_those_of_the_calendar(last: datetime, months: int, due: datetime) -> None:
    assert next_refill(balance(months, "months", lastRefill=last)) == due
