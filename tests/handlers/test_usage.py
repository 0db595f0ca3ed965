"""What was used, summed."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from storage.core.database import Database
from tests.conftest import Client, MakeUser, UserClient

Stored = MongoDatabase[dict[str, Any]]
DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZEROS = dict.fromkeys(
    ("requests", "inputTokens", "cacheReadTokens", "cacheWriteTokens", "outputTokens", "dollars"), 0
)


def write(stored: Stored, user: UserClient, at: datetime = DAY, **fields: Any) -> None:
    """One request: 100 tokens read, 40 of them from a cache, and 10 written."""
    about = {"user": ObjectId(user.id), "createdAt": at, "model": "gpt-4o", "context": "message", **fields}
    prompt = {"rawAmount": -100, "readTokens": -40, "inputTokens": -60, "tokenValue": -200.5}
    rows = [
        {"tokenType": "prompt", **prompt},
        {"tokenType": "completion", "rawAmount": -10, "tokenValue": -100},
    ]
    made = ObjectId.from_datetime(at).binary[:4]
    stored.transactions.insert_many(
        [{"_id": ObjectId(made + ObjectId().binary[4:]), **about, **row} for row in rows]
    )


def ask(client: Client, path: str = "/api/usage", **params: Any) -> Any:
    answer = client.get(path, params={"from": "2026-11-01", "to": "2026-11-30", **params})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def root(make_user: MakeUser, stored: Stored) -> UserClient:
    user = make_user("root")
    stored.users.update_one({"email": user.email}, {"$set": {"role": "ADMIN"}})
    return user


class TestGetUsage:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/api/usage").status_code == 401

    def test_of_nothing_are_zeros(self, ada: UserClient) -> None:
        assert ask(ada) == {
            "from": "2026-11-01",
            "to": "2026-11-30",
            "rows": [],
            "totals": ZEROS,
            "complete": True,
        }

    def test_is_summed_by_day_and_model(self, ada: UserClient, stored: Stored) -> None:
        write(stored, ada)
        write(stored, ada)
        write(stored, ada, model="o3")
        write(stored, ada, at=datetime(2026, 11, 19, 23, 59, tzinfo=UTC))
        stored.transactions.insert_one({"user": ObjectId(ada.id), "tokenType": "credits", "rawAmount": 5})
        told = ask(ada)
        assert [(row["day"], row["model"], row["requests"]) for row in told["rows"]] == [
            ("2026-11-20", "gpt-4o", 2),
            ("2026-11-20", "o3", 1),
            ("2026-11-19", "gpt-4o", 1),
        ]
        assert told["rows"][0] == {
            "day": "2026-11-20",
            "model": "gpt-4o",
            "requests": 2,
            "inputTokens": 200,
            "cacheReadTokens": 80,
            "cacheWriteTokens": 0,
            "outputTokens": 20,
            "dollars": 0.000601,
        }
        assert told["totals"]["inputTokens"] == 400
        assert told["totals"]["dollars"] == 0.001202

    @pytest.mark.parametrize(
        ("only", "requests"),
        [
            ({"model": "o3"}, 1),
            ({"endpoint": "openAI"}, 1),
            ({"key": "a" * 24}, 1),
            ({"model": "$ne"}, 0),
            ({"from": "2026-11-21"}, 0),
            ({"to": "2026-11-19"}, 0),
            ({"from": "2026-11-20", "to": "2026-11-20"}, 3),
        ],
    )
    def test_is_of_what_is_asked_for(
        self, ada: UserClient, stored: Stored, only: dict[str, str], requests: int
    ) -> None:
        write(stored, ada, model="o3")
        write(stored, ada, echoEndpoint="openAI")
        write(stored, ada, echoKey=ObjectId("a" * 24))
        assert ask(ada, **only)["totals"]["requests"] == requests

    def test_is_summed_by_what_is_asked_for(self, ada: UserClient, stored: Stored) -> None:
        write(stored, ada, echoEndpoint="openAI", echoKey=ObjectId("a" * 24))
        write(stored, ada)
        rows = ask(ada, by=["endpoint", "key", "context"])["rows"]
        assert [(row.get("endpoint"), row.get("key"), row["context"]) for row in rows] == [
            (None, None, "message"),
            ("openAI", "a" * 24, "message"),
        ]
        assert "day" not in rows[0]

    def test_has_a_bound(self, ada: UserClient, stored: Stored) -> None:
        for name in "abc":
            write(stored, ada, model=name)
        told = ask(ada, limit=2)
        assert (len(told["rows"]), told["complete"], told["totals"]["requests"]) == (2, False, 3)

    def test_is_ones_own(self, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        write(stored, bob)
        assert ask(ada)["rows"] == []

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"from": "2026-02-30"}, "from"),
            ({"to": "0001-01-01"}, "to"),
            ({"from": "2026-12-01"}, "from"),
            ({"from": "2025-11-29"}, "from"),
            ({"by": ["user"]}, "by"),
            ({"limit": 1001}, "limit"),
            ({"key": "x"}, "key"),
        ],
    )
    def test_of_what_is_none_is_refused(self, ada: UserClient, wrong: dict[str, Any], field: str) -> None:
        answer = ada.get("/api/usage", params={"from": "2026-11-01", "to": "2026-11-30", **wrong})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == field

    def test_a_year_can_be_summed(self, ada: UserClient) -> None:
        assert ask(ada, **{"from": "2025-11-30"})["complete"]

    def test_reads_a_range_of_an_index(self, app_database: Database, ada: UserClient, stored: Stored) -> None:
        times = {"$gte": ObjectId.from_datetime(DAY)}
        plan = stored.transactions.find({"user": ObjectId(ada.id), "_id": times}).explain()
        assert plan["queryPlanner"]["winningPlan"]["inputStage"]["indexName"] == "user_1__id_1"


class TestGetUsageOfAll:
    PATH = "/api/usage/all"

    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get(self.PATH).status_code == 401

    def test_is_for_administrators(self, ada: UserClient) -> None:
        assert ada.get(self.PATH).status_code == 403

    def test_can_be_granted_to_others(self, ada: UserClient, stored: Stored) -> None:
        """As an administrator who may do nothing else; `tests/security` asks with less."""
        whose = {"principalType": "user", "principalId": ObjectId(ada.id)}
        stored.systemgrants.insert_many(
            {**whose, "capability": each} for each in ("access:admin", "read:usage")
        )
        assert ask(ada, self.PATH)["complete"] is True

    def test_names_users(self, root: UserClient, ada: UserClient, bob: UserClient, stored: Stored) -> None:
        write(stored, ada, at=datetime(2026, 10, 5, tzinfo=UTC))
        write(stored, bob, at=datetime(2026, 10, 5, tzinfo=UTC))
        days = {"from": "2026-10-05", "to": "2026-10-05"}
        told = ask(root, self.PATH, by=["user", "day"], **days)
        assert {(row["user"], row["email"], row["requests"]) for row in told["rows"]} == {
            (ada.id, ada.email, 1),
            (bob.id, bob.email, 1),
        }
        assert ask(root, self.PATH, user=bob.id, **days)["totals"]["requests"] == 1
