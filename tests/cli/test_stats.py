from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from tests.cli.conftest import CommandLine

Stored = MongoDatabase[dict[str, Any]]
NOW = datetime.now(UTC)


@pytest.fixture
def users(stored: Stored) -> list[str]:
    made = stored.users.insert_many(
        [
            {"email": f"u{n}@example.com", "role": role}
            for n, role in enumerate(("ADMIN", "USER", None, "EDITOR"))
        ]
    )
    return [str(each) for each in made.inserted_ids]


def message(owner: str, days_ago: int) -> dict[str, Any]:
    return {"user": owner, "createdAt": NOW - timedelta(days=days_ago), "messageId": str(ObjectId())}


class TestStats:
    def test_of_nothing_are_zeros(self, echo_api: CommandLine) -> None:
        figures = echo_api.json("stats", "--users", "--months", "3")
        assert figures["users"] == figures["messages"] == figures["fileBytes"] == 0
        assert figures["busiest"] == figures["tokens"] == []

    def test_count_users_by_role_and_activity(
        self, echo_api: CommandLine, stored: Stored, users: list[str]
    ) -> None:
        stored.messages.insert_many([message(users[0], 1), message(users[1], 20), message(users[2], 40)])
        began = ObjectId.from_datetime(NOW - timedelta(days=2))
        stored.sessions.insert_one({"_id": began, "user": ObjectId(users[3]), "expiration": NOW})
        echo_api.run("user", "ban", users[1], "--yes")
        figures = echo_api.json("stats")
        assert figures["users"] == 4
        assert figures["roles"] == {"ADMIN": 1, "EDITOR": 1, "USER": 2}
        assert figures["active"] == {"7d": 2, "30d": 3}
        assert figures["banned"] == 1
        assert "busiest" not in figures

    def test_the_busiest_come_first_with_what_they_have(
        self, echo_api: CommandLine, stored: Stored, users: list[str]
    ) -> None:
        stored.messages.insert_many([message(users[n], n) for n in (0, 1, 1, 1, 2, 2)])
        stored.conversations.insert_one({"user": users[1], "conversationId": "c"})
        stored.files.insert_many([{"user": ObjectId(users[1]), "bytes": size} for size in (5, 7)])
        figures = echo_api.json("stats", "--users", "--top", "2")
        assert [row["messages"] for row in figures["busiest"]] == [3, 2]
        assert figures["busiest"][0] == {
            "id": users[1],
            "email": "u1@example.com",
            "messages": 3,
            "conversations": 1,
            "files": 2,
            "fileBytes": 12,
        }
        assert figures["fileBytes"] == 12

    def test_messages_of_somebody_who_is_gone_do_no_harm(self, echo_api: CommandLine, stored: Stored) -> None:
        stored.messages.insert_many([{"user": None, "messageId": "1"}, {"user": "odd", "messageId": "2"}])
        rows = echo_api.json("stats", "--users")["busiest"]
        assert [row["email"] for row in rows] == [None, None]

    def test_tokens_come_by_month(self, echo_api: CommandLine, stored: Stored, users: list[str]) -> None:
        stored.transactions.insert_many(
            [
                {"tokenType": kind, "rawAmount": amount, "createdAt": NOW, "user": ObjectId(users[0])}
                for kind, amount in (("prompt", -5), ("prompt", -6), ("completion", -7), ("credits", 100))
            ]
        )
        month = f"{NOW:%Y-%m}"
        assert echo_api.json("stats", "--months", "1")["tokens"] == [
            {"month": month, "prompt": 11, "completion": 7}
        ]

    def test_is_a_table_for_people(self, echo_api: CommandLine, users: list[str]) -> None:
        shown = echo_api.run("stats", "--users", "--months", "1").stdout
        assert "roles ADMIN" in shown
        assert "databaseBytes data" in shown
        assert "conversations" in shown

    def test_the_busiest_are_counted_over_the_index_alone(
        self, echo_api: CommandLine, stored: Stored, users: list[str]
    ) -> None:
        echo_api.run("user", "unban", users[0], code=1)  # makes the indexes
        stored.messages.insert_many([message(users[n % 4], n) for n in range(40)])
        pipeline = [{"$sort": {"user": 1}}, {"$group": {"_id": "$user", "count": {"$sum": 1}}}]
        plan = stored.command(
            "explain",
            {"aggregate": "messages", "pipeline": pipeline, "cursor": {}},
            verbosity="executionStats",
        )
        assert '"IXSCAN"' in str(plan).replace("'", '"')
        assert '"COLLSCAN"' not in str(plan).replace("'", '"')
