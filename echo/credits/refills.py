"""When a balance may be filled up again: an interval of LibreChat's after the last time."""

import calendar
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

UNITS = {
    "seconds": timedelta(seconds=1),
    "minutes": timedelta(minutes=1),
    "hours": timedelta(hours=1),
    "days": timedelta(days=1),
    "weeks": timedelta(weeks=1),
}
NEVER = datetime.max.replace(tzinfo=UTC)


def next_refill(balance: Mapping[str, Any]) -> datetime | None:
    """When a balance may be filled up the next time, which may have passed; None for one that never is."""
    amount = balance.get("refillAmount")
    if balance.get("autoRefillEnabled") is not True or not isinstance(amount, int | float) or amount <= 0:
        return None
    last = balance.get("lastRefill")
    if not isinstance(last, datetime):
        return datetime.fromtimestamp(0, UTC)
    value = balance.get("refillIntervalValue")
    number = int(value) if isinstance(value, int | float) else 0
    try:
        return _later(last, number, balance.get("refillIntervalUnit"))
    except (OverflowError, ValueError):
        return NEVER


def _later(last: datetime, number: int, unit: Any) -> datetime:
    """Months are the calendar's as JavaScript counts them: a month after 31 January is 2 or 3 March."""
    if unit != "months":
        return last + number * UNITS.get(unit, timedelta(0))
    years, month = divmod(last.year * 12 + last.month - 1 + number, 12)
    beyond = max(0, last.day - calendar.monthrange(years, month + 1)[1])
    return last.replace(year=years, month=month + 1, day=last.day - beyond) + timedelta(days=beyond)
