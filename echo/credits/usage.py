"""What was used of models, summed: for oneself, and for administrators of everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from echo.credits.prices import CREDITS_PER_DOLLAR
from echo.errors import FieldError, InvalidRequest
from storage.accounts.transactions import Sums, TransactionRepository

Json = dict[str, Any]
MOST_DAYS = 366
USUAL_DAYS = 30
MOST_ROWS = 1000


@dataclass(frozen=True)
class Asked:
    """The days from one to another, both of them included, and what the sums are by; `only` are values by name."""

    since: date | None = None
    until: date | None = None
    by: Sequence[str] = ("day", "model")
    only: Mapping[str, str] = field(default_factory=dict)
    limit: int = MOST_ROWS


class UsageReports:
    """Sums over the transactions that Echo and LibreChat have written."""

    def __init__(self, transactions: TransactionRepository) -> None:
        self._transactions = transactions

    def own(self, owner: str, asked: Asked) -> Json:
        """What the owner has used. Raises `InvalidRequest` for days that are none, or too many."""
        days, wanted = settled(asked)
        return report(days, wanted, self._transactions.sums(owner, wanted))

    def of_all(self, asked: Asked, owner: str | None = None) -> Json:
        """What everybody has used, or one user. Raises as `own`."""
        if owner is not None:
            return self.own(owner, asked)
        days, wanted = settled(asked)
        return report(days, wanted, self._transactions.sums_of_all(wanted))


def settled(asked: Asked) -> tuple[tuple[date, date], Sums]:
    """The days, and the sums that are wanted of them; raises `InvalidRequest`."""
    until = asked.until or datetime.now(UTC).date()
    since = asked.since or until - timedelta(days=USUAL_DAYS)
    if since > until:
        raise InvalidRequest(errors=(FieldError("from", "is after the last day"),))
    if (until - since).days >= MOST_DAYS:
        raise InvalidRequest(
            errors=(FieldError("from", f"is more than {MOST_DAYS} days before the last one"),)
        )
    end = _midnight(until) + timedelta(days=1)
    return (since, until), Sums(_midnight(since), end, asked.by, asked.only, asked.limit)


def report(days: tuple[date, date], wanted: Sums, found: Mapping[str, Any]) -> Json:
    """The sums as they are shown: prices in US dollars."""
    rows = found["rows"]
    return {
        "from": days[0].isoformat(),
        "to": days[1].isoformat(),
        "rows": [in_dollars(row) for row in rows[: wanted.limit]],
        "totals": in_dollars(found["totals"]),
        "complete": len(rows) <= wanted.limit,
    }


def in_dollars(sums: Mapping[str, Any]) -> Json:
    """A row or totals; a price is exact to a thousandth of a credit."""
    shown = {name: value for name, value in sums.items() if name not in ("_id", "credits")}
    return {**shown, "dollars": round(sums["credits"] / CREDITS_PER_DOLLAR, 9)}


def day_of(text: str | None, name: str) -> date | None:
    """A day such as 2026-11-23; raises `InvalidRequest`, which names the field, for one that no calendar has."""
    try:
        found = None if text is None else date.fromisoformat(text)
    except ValueError:
        found = date.min
    # A database's ids know the seconds from 1970 to 2106.
    if found is not None and not 1970 < found.year < 2100:
        raise InvalidRequest(errors=(FieldError(name, "is no day"),))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
