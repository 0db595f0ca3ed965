"""What was used of models: which days and sums are asked for, and how they are shown."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from echo.credits import usage
from echo.credits.usage import Asked, UsageReports, day_of, in_dollars, report, settled
from echo.errors import FieldError, InvalidRequest
from storage.accounts.transactions import Sums, TransactionRepository

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
MIDNIGHT = datetime(2026, 11, 1, tzinfo=UTC)


class TestDays:
    def test_are_whole_ones_to_the_end_of_the_last(self) -> None:
        days, wanted = settled(Asked(FIRST, LAST, by=("user",), only={"model": "m"}, limit=7))
        assert days == (FIRST, LAST)
        assert wanted == Sums(MIDNIGHT, datetime(2026, 12, 1, tzinfo=UTC), ("user",), {"model": "m"}, 7)

    def test_are_summed_by_day_and_model_and_a_thousand_rows_where_nothing_else_is_said(self) -> None:
        _, wanted = settled(Asked(FIRST, LAST))
        assert (wanted.by, wanted.only, wanted.limit) == (("day", "model"), {}, 1000)

    def test_are_the_thirty_before_the_last_one(self) -> None:
        assert settled(Asked(until=LAST))[0] == (date(2026, 10, 31), LAST)

    def test_end_today_in_utc(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Clock(datetime):
            """In the evening of the day before, somewhere else."""

            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return (
                    datetime(2026, 11, 30, 0, 30, tzinfo=UTC) if tz is UTC else datetime(2026, 11, 29, 19, 30)
                )

        monkeypatch.setattr(usage, "datetime", Clock)
        assert settled(Asked())[0] == (date(2026, 10, 31), LAST)

    def test_may_be_one(self) -> None:
        days, wanted = settled(Asked(FIRST, FIRST))
        assert days == (FIRST, FIRST)
        assert (wanted.since, wanted.until) == (MIDNIGHT, datetime(2026, 11, 2, tzinfo=UTC))

    def test_do_not_end_before_they_begin(self) -> None:
        with pytest.raises(InvalidRequest) as raised:
            settled(Asked(LAST, FIRST))
        assert raised.value.errors == (FieldError("from", "is after the last day"),)

    def test_are_those_of_a_leap_year_at_most(self) -> None:
        last = date(2024, 12, 31)
        assert settled(Asked(date(2024, 1, 1), last))[0] == (date(2024, 1, 1), last)
        with pytest.raises(InvalidRequest) as raised:
            settled(Asked(date(2023, 12, 31), last))
        assert raised.value.errors == (FieldError("from", "is more than 366 days before the last one"),)


class TestDay:
    def test_is_read_of_a_text(self) -> None:
        assert day_of("2026-11-23", "from") == date(2026, 11, 23)
        assert day_of(None, "from") is None

    @pytest.mark.parametrize("text", ["1971-01-01", "2099-12-31"])
    def test_is_one_that_a_database_can_know(self, text: str) -> None:
        assert day_of(text, "from") == date.fromisoformat(text)

    @pytest.mark.parametrize(
        "text", ["1970-12-31", "2100-01-01", "0001-01-01", "2026-02-30", "yesterday", ""]
    )
    def test_is_no_other(self, text: str) -> None:
        with pytest.raises(InvalidRequest) as raised:
            day_of(text, "to")
        assert raised.value.errors == (FieldError("to", "is no day"),)


def sums(model: str | None = None, spent: float = 0, **tokens: int) -> dict[str, Any]:
    return {"_id": {"model": model}, "credits": spent, **({"model": model} if model else {}), **tokens}


class TestReport:
    WANTED = Sums(MIDNIGHT, MIDNIGHT + timedelta(days=30), ("model",), limit=2)

    def shown(self, *rows: Mapping[str, Any]) -> Mapping[str, Any]:
        return report((FIRST, LAST), self.WANTED, {"rows": list(rows), "totals": sums(spent=3, requests=3)})

    def test_has_prices_in_dollars(self) -> None:
        assert self.shown(sums("a", 2_500_000, inputTokens=5), sums("b", 1)) == {
            "from": "2026-11-01",
            "to": "2026-11-30",
            "rows": [
                {"model": "a", "inputTokens": 5, "dollars": 2.5},
                {"model": "b", "dollars": 0.000001},
            ],
            "totals": {"requests": 3, "dollars": 0.000003},
            "complete": True,
        }

    def test_says_that_there_is_more_than_it_has(self) -> None:
        told = self.shown(sums("a"), sums("b"), sums("c"))
        assert [row["model"] for row in told["rows"]] == ["a", "b"]
        assert told["complete"] is False

    def test_is_exact_to_a_thousandth_of_a_credit(self) -> None:
        assert in_dollars(sums(spent=1.0014))["dollars"] == 0.000001001


class Transactions:
    """Sums that say what they are of."""

    def sums(self, owner: str, wanted: Sums) -> Mapping[str, Any]:
        return {"rows": [], "totals": {"of": owner, "since": wanted.since, "credits": 0}}

    def sums_of_all(self, wanted: Sums) -> Mapping[str, Any]:
        return {"rows": [], "totals": {"of": "all", "since": wanted.since, "credits": 0}}


class TestReports:
    ASKED = Asked(FIRST, LAST)

    @pytest.fixture
    def reports(self) -> UsageReports:
        return UsageReports(cast("TransactionRepository", Transactions()))

    def told(self, of: str) -> Mapping[str, Any]:
        totals = {"of": of, "since": MIDNIGHT, "dollars": 0}
        return {"from": "2026-11-01", "to": "2026-11-30", "rows": [], "totals": totals, "complete": True}

    def test_are_of_oneself(self, reports: UsageReports) -> None:
        assert reports.own("ada", self.ASKED) == self.told("ada")

    def test_are_of_everybody_or_of_one_user(self, reports: UsageReports) -> None:
        assert reports.of_all(self.ASKED) == self.told("all")
        assert reports.of_all(self.ASKED, "bob") == self.told("bob")
        # That is nobody, and not everybody.
        assert reports.of_all(self.ASKED, "") == self.told("")
