"""What was used of models: a document for what was read, one for what was written, and their sums."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts import transactions as module
from storage.accounts.transactions import Sums, TransactionRepository
from storage.core.database import Database
from storage.core.repository import now

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = "a" * 24
ZEROS = dict.fromkeys(
    ("requests", "inputTokens", "cacheReadTokens", "cacheWriteTokens", "outputTokens", "credits"), 0
)
SUMS = {
    "requests": 1,
    "inputTokens": 100,
    "cacheReadTokens": 40,
    "cacheWriteTokens": 20,
    "outputTokens": 10,
    "credits": 300,
}


@pytest.fixture
def transactions(database: Database) -> TransactionRepository:
    return TransactionRepository(database)


def write(database: Database, owner: str, at: datetime = DAY, **fields: Any) -> None:
    """One request, made at that second."""
    read = {"rawAmount": -100, "readTokens": -40, "writeTokens": -20, "tokenValue": -200}
    rows = [
        {"tokenType": "prompt", **read},
        {"tokenType": "completion", "rawAmount": -10, "tokenValue": -100},
    ]
    about = {"user": ObjectId(owner), "createdAt": at, "model": "m", "context": "message", **fields}
    second = ObjectId.from_datetime(at).binary[:4]
    database.collection("transactions").insert_many(
        {"_id": ObjectId(second + ObjectId().binary[4:]), **about, **row} for row in rows
    )


def wanted(*by: str, **changes: Any) -> Sums:
    since, until = DAY.replace(hour=0), DAY.replace(hour=0) + timedelta(days=1)
    return Sums(**{"since": since, "until": until, "by": by, **changes})


class TestInsert:
    def test_writes_rows_down_with_whose_and_when(
        self,
        transactions: TransactionRepository,
        database: Database,
        ada: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        moment = now()
        monkeypatch.setattr(module, "now", lambda: moment)
        transactions.insert(ada, [{"tokenType": "prompt", "echoKey": KEY}, {"tokenType": "completion"}])
        dated = {"user": ObjectId(ada), "createdAt": moment, "updatedAt": moment, "__v": 0}
        assert list(database.collection("transactions").find({}, {"_id": 0})) == [
            {"tokenType": "prompt", "echoKey": ObjectId(KEY), **dated},
            {"tokenType": "completion", **dated},
        ]


class TestSums:
    def test_of_nothing_are_zeros(self, transactions: TransactionRepository, ada: str) -> None:
        assert transactions.sums(ada, wanted("day")) == {"rows": [], "totals": ZEROS}

    def test_are_of_one_owner_or_of_everybody(
        self, transactions: TransactionRepository, database: Database, ada: str, bob: str
    ) -> None:
        write(database, ada)
        write(database, bob)
        found = transactions.sums(ada, wanted())
        assert found["rows"] == [{"_id": {}, **SUMS}]
        assert {name: found["totals"][name] for name in SUMS} == SUMS
        everybody = transactions.sums_of_all(wanted())["totals"]
        assert {name: everybody[name] for name in SUMS} == {name: 2 * value for name, value in SUMS.items()}

    def test_are_of_a_time_from_its_first_second_to_before_its_end(
        self, transactions: TransactionRepository, database: Database, ada: str
    ) -> None:
        first = DAY.replace(hour=0)
        for at in (first - timedelta(seconds=1), first, first + timedelta(days=1)):
            write(database, ada, at)
        assert transactions.sums(ada, wanted())["totals"]["requests"] == 1

    def test_leave_out_credits_that_were_given(
        self, transactions: TransactionRepository, database: Database, ada: str
    ) -> None:
        given = {"_id": ObjectId.from_datetime(DAY), "user": ObjectId(ada), "tokenType": "credits"}
        database.collection("transactions").insert_one({**given, "rawAmount": 5, "tokenValue": 5})
        assert transactions.sums(ada, wanted())["totals"] == ZEROS

    def test_are_made_by_each_of_the_groups(
        self, transactions: TransactionRepository, database: Database, ada: str
    ) -> None:
        database.collection("users").insert_one({"_id": ObjectId(ada), "email": "ada@example.com"})
        write(database, ada, echoEndpoint="openAI", echoKey=ObjectId(KEY))
        groups = ("day", "user", "model", "endpoint", "key", "context")
        [row] = transactions.sums(ada, wanted(*groups))["rows"]
        assert {name: row[name] for name in (*groups, "email")} == {
            "day": "2026-11-20",
            "user": ada,
            "model": "m",
            "endpoint": "openAI",
            "key": KEY,
            "context": "message",
            "email": "ada@example.com",
        }
        assert "named" not in row

    def test_by_what_is_not_there_have_no_name(
        self, transactions: TransactionRepository, database: Database, ada: str
    ) -> None:
        write(database, ada)
        [row] = transactions.sums(ada, wanted("endpoint", "key"))["rows"]
        assert not {"endpoint", "key", "email"} & row.keys()

    def test_know_the_day_of_what_has_no_date_by_its_id(
        self, transactions: TransactionRepository, database: Database, ada: str
    ) -> None:
        write(database, ada, createdAt=None)
        assert [row["day"] for row in transactions.sums(ada, wanted("day"))["rows"]] == ["2026-11-20"]

    def test_come_with_the_last_day_first_and_of_a_day_what_cost_most(
        self, transactions: TransactionRepository, database: Database, ada: str
    ) -> None:
        write(database, ada, DAY - timedelta(days=1), model="before")
        for model, times in (("a", 1), ("c", 1), ("b", 2)):
            for _ in range(times):
                write(database, ada, model=model)
        since = DAY - timedelta(days=2)
        found = transactions.sums(ada, wanted("day", "model", since=since))
        assert [row["model"] for row in found["rows"]] == ["b", "a", "c", "before"]
        # One more than the limit tells that there are more; the totals are of all.
        bounded = transactions.sums(ada, wanted("day", "model", since=since, limit=2))
        assert [row["model"] for row in bounded["rows"]] == ["b", "a", "c"]
        assert bounded["totals"]["requests"] == 5

    @pytest.mark.parametrize(
        ("only", "requests"),
        [
            ({"model": "m"}, 3),
            ({"model": "other"}, 1),
            ({"endpoint": "openAI"}, 1),
            ({"key": KEY}, 1),
            ({"key": "b" * 24}, 0),
            ({"key": "no id"}, 0),
            ({"context": "title"}, 1),
            ({"context": "title", "model": "other"}, 0),
        ],
    )
    def test_are_of_what_has_these_values(
        self,
        transactions: TransactionRepository,
        database: Database,
        ada: str,
        *,
        only: dict[str, str],
        requests: int,
    ) -> None:
        write(database, ada, model="other")
        write(database, ada, echoEndpoint="openAI")
        write(database, ada, echoKey=ObjectId(KEY))
        write(database, ada, context="title")
        assert transactions.sums(ada, wanted(only=only))["totals"]["requests"] == requests

    def test_count_what_has_no_number_as_nothing(
        self, transactions: TransactionRepository, database: Database, ada: str
    ) -> None:
        row = {"_id": ObjectId.from_datetime(DAY), "user": ObjectId(ada), "tokenType": "prompt"}
        database.collection("transactions").insert_one(row)
        found = transactions.sums(ada, wanted())["totals"]
        assert {name: found[name] for name in ZEROS} == {**ZEROS, "requests": 1}
