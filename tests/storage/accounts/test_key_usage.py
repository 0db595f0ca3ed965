"""What API keys have used: counted once, in windows that end, and never beyond a limit by racing."""

import secrets
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.key_usage import KeyUsageRepository, Need
from storage.core.database import Database
from storage.core.errors import NotFound
from tests.support.chats import new_owner
from tests.support.database import PreparedDatabase
from tests.support.threads import together

NOON = datetime(2026, 11, 30, 12, 0, 30, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


class Key:
    """A key with limits, and what is asked with it."""

    def __init__(self, database: Database, **limits: Any) -> None:
        self.owner, self.keys, self.usage = (
            new_owner(),
            ApiKeyRepository(database),
            KeyUsageRepository(database),
        )
        made = self.keys.create(
            self.owner, name="k", key_hash="0" * 64, key_prefix="sk-1", expires_at=None, limits=limits
        )
        self.id = str(made["_id"])

    def reserve(self, least: int, most: int | None = None, *, at: datetime = NOON, ticket: str = "") -> str:
        """The verdict."""
        ticket, need = ticket or secrets.token_hex(8), Need(least, most or least)
        reserved = self.usage.reserve(self.owner, self.id, ticket, need, seconds=600, at=at)
        return str(reserved["echoUsage"]["verdict"])

    def settle(self, ticket: str, used: tuple[int, int], *, at: datetime = NOON) -> Any:
        read, written = used
        settled = self.usage.settle(
            self.owner, self.id, ticket, input_tokens=read, output_tokens=written, at=at
        )
        return settled["echoUsage"]

    @property
    def used(self) -> Any:
        return self.keys.get(self.owner, self.id)["echoUsage"]


class TestReserve:
    @pytest.mark.parametrize("limit", ["tokensPerMinute", "tokensPerDay", "tokensPerMonth"])
    def test_leaves_room_for_what_is_under_way(self, database: Database, limit: str) -> None:
        key = Key(database, **{limit: 100})
        assert [key.reserve(60), key.reserve(41), key.reserve(40)] == ["admitted", limit, "admitted"]
        assert [each["tokens"] for each in key.used["open"]] == [60, 40]

    def test_holds_what_is_left_where_that_is_less(self, database: Database) -> None:
        key = Key(database, tokensPerDay=100)
        assert [key.reserve(10, 1000), key.reserve(1)] == ["admitted", "tokensPerDay"]
        assert [each["tokens"] for each in key.used["open"]] == [100]

    def test_counts_the_requests_of_a_minute(self, database: Database) -> None:
        key = Key(database, requestsPerMinute=2)
        assert [key.reserve(1) for _ in range(3)] == ["admitted", "admitted", "requestsPerMinute"]
        assert key.used["minute"]["requests"] == 2
        assert key.reserve(1, at=NOON + 29 * SECOND) == "requestsPerMinute"
        assert key.reserve(1, at=NOON + 30 * SECOND) == "admitted"

    def test_of_a_process_that_died_ends_by_itself(self, database: Database) -> None:
        key = Key(database, tokensPerMonth=100)
        assert key.reserve(100) == "admitted"
        assert key.reserve(1, at=NOON + 599 * SECOND) == "tokensPerMonth"
        assert key.reserve(1, at=NOON + 601 * SECOND) == "admitted"

    def test_names_what_lasts_longest(self, database: Database) -> None:
        key = Key(database, tokensPerMinute=10, tokensPerDay=10, tokensPerMonth=10, requestsPerMinute=1)
        assert key.reserve(11) == "tokensPerMonth"

    def test_of_another_owner_or_a_key_that_is_gone_is_refused(self, database: Database) -> None:
        key = Key(database, tokensPerDay=5)
        owner, key.owner = key.owner, new_owner()
        with pytest.raises(NotFound):
            key.reserve(1)
        key.keys.delete(owner, key.id)
        key.owner = owner
        with pytest.raises(NotFound):
            key.reserve(1)

    def test_goes_by_the_limits_of_the_moment(self, database: Database) -> None:
        key = Key(database, tokensPerDay=5)
        key.keys.update(key.owner, key.id, {"limits": None})
        assert key.reserve(1000) == "admitted"


class TestSettle:
    def test_counts_what_was_used_and_lets_the_rest_go(self, database: Database) -> None:
        key = Key(database, tokensPerDay=100)
        key.reserve(100, ticket="one")
        used = key.settle("one", (3, 4))
        assert used["open"] == []
        for window in ("day", "month", "total"):
            counts = {name: used[window][name] for name in ("requests", "inputTokens", "outputTokens")}
            assert counts == {"requests": 1, "inputTokens": 3, "outputTokens": 4}, window
        assert [key.reserve(94), key.reserve(93)] == ["tokensPerDay", "admitted"]

    def test_counts_what_nothing_was_held_for(self, database: Database) -> None:
        key = Key(database)
        key.settle("none", (1, 1))
        counts = {"requests": 2, "inputTokens": 2, "outputTokens": 2, "dollars": 0}
        assert key.settle("none", (1, 1))["total"] == counts

    def test_begins_days_and_months_anew(self, database: Database) -> None:
        key = Key(database)
        key.settle("", (1, 0), at=NOON - DAY)
        key.settle("", (1, 0), at=NOON)
        assert [key.used[name]["requests"] for name in ("day", "month", "total")] == [1, 2, 2]
        used = key.settle("", (1, 0), at=NOON + DAY)
        assert [used[name]["requests"] for name in ("day", "month", "total")] == [1, 1, 3]
        assert used["month"]["since"] == datetime(2026, 12, 1, tzinfo=UTC)

    def test_a_clock_that_is_behind_changes_no_window(self, database: Database) -> None:
        key = Key(database)
        key.settle("", (1, 0), at=NOON + DAY)
        assert key.settle("", (1, 0), at=NOON)["day"]["requests"] == 2


class TestMoney:
    """Limits in US dollars, beside those in tokens."""

    def reserve(self, key: Key, least: float, most: float, ticket: str = "t") -> str:
        need = Need(1, 1, least, most)
        reserved = key.usage.reserve(key.owner, key.id, ticket, need, seconds=600, at=NOON)
        return str(reserved["echoUsage"]["verdict"])

    def spend(self, key: Key, dollars: float, at: datetime = NOON) -> Any:
        settled = key.usage.settle(
            key.owner, key.id, "t", input_tokens=1, output_tokens=1, dollars=dollars, at=at
        )
        return settled["echoUsage"]

    @pytest.mark.parametrize("limit", ["dollarsPerDay", "dollarsPerMonth"])
    def test_is_held_and_then_spent(self, database: Database, limit: str) -> None:
        key = Key(database, **{limit: 1.5})
        assert self.reserve(key, 0.5, 2) == "admitted"
        assert key.used["open"][0]["dollars"] == 1.5
        assert self.reserve(key, 0.1, 0.1, "u") == limit
        assert self.spend(key, 0.75)["day"]["dollars"] == 0.75
        assert self.reserve(key, 0.8, 2) == limit
        assert self.reserve(key, 0.75, 2) == "admitted"

    def test_that_is_spent_leaves_what_costs_nothing(self, database: Database) -> None:
        key = Key(database, dollarsPerDay=1)
        self.spend(key, 2)
        assert [self.reserve(key, 0, 0.1), self.reserve(key, 0, 0)] == ["dollarsPerDay", "admitted"]

    def test_of_another_day_is_none_of_today(self, database: Database) -> None:
        key = Key(database, dollarsPerDay=1)
        self.spend(key, 2, NOON - DAY)
        assert self.reserve(key, 0.5, 0.5) == "admitted"

    def test_is_counted_also_where_an_earlier_echo_has_counted(self, database: Database) -> None:
        key = Key(database, dollarsPerMonth=1)
        self.spend(key, 0.25)
        windows = {f"echoUsage.{name}.dollars": "" for name in ("minute", "day", "month", "total")}
        database.collection("agentapikeys").update_one({"_id": ObjectId(key.id)}, {"$unset": windows})
        assert self.spend(key, 0.5)["total"]["dollars"] == 0.5
        assert self.reserve(key, 0.5, 0.5) == "admitted"


class TestTwoProcesses:
    """Each with a connection of its own."""

    @pytest.mark.parametrize(
        ("limits", "admitted"), [({"tokensPerDay": 55}, 5), ({"requestsPerMinute": 3}, 3)]
    )
    def test_admit_no_more_together_than_one(
        self, database: Database, prepared_database: PreparedDatabase, limits: Any, admitted: int
    ) -> None:
        key, other = Key(database, **limits), Database(prepared_database.uri)
        usages = (key.usage, KeyUsageRepository(other))

        def race(number: int) -> list[str]:
            return [
                str(
                    usages[number % 2].reserve(
                        key.owner, key.id, f"{number}-{each}", Need(10, 10), seconds=600, at=NOON
                    )["echoUsage"]["verdict"]
                )
                for each in range(3)
            ]

        verdicts = Counter(verdict for each in together(race) for verdict in each)
        other.close()
        assert verdicts == {"admitted": admitted, next(iter(limits)): 24 - admitted}
        assert len(key.used["open"]) == admitted
