"""What there is in the whole database, in figures."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.operator.statistics import Statistics

NOVEMBER = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def statistics(database: Database) -> Statistics:
    return Statistics(database)


def put(database: Database, name: str, *documents: dict[str, Any]) -> list[Any]:
    return database.collection(name).insert_many(list(documents)).inserted_ids


def at(moment: datetime) -> ObjectId:
    """An id of that second."""
    return ObjectId(ObjectId.from_datetime(moment).binary[:4] + ObjectId().binary[4:])


def user(database: Database, called: str, **fields: Any) -> ObjectId:
    [identifier] = put(database, "users", {"email": f"{called}@example.com", **fields})
    return ObjectId(identifier)


def test_documents_are_counted(statistics: Statistics, database: Database) -> None:
    names = ("users", "conversations", "messages", "files", "presets", "assistants", "agents", "sharedlinks")
    # What must be unique in one of them.
    unique = ("email", "conversationId", "messageId", "id", "shareId", "file_id", "presetId", "user")
    for number, name in enumerate(names):
        put(database, name, *(dict.fromkeys(unique, str(each)) for each in range(number + 1)))
    assert statistics.counts() == {name: number + 1 for number, name in enumerate(names)}


def test_users_without_a_role_are_plain_ones(statistics: Statistics, database: Database) -> None:
    assert statistics.roles() == {}
    for number, role in enumerate(({"role": "USER"}, {}, {"role": None}, {"role": "ADMIN"}, {"role": "A"})):
        user(database, str(number), **role)
    found = statistics.roles()
    assert found == {"A": 1, "ADMIN": 1, "USER": 3}
    assert list(found) == ["A", "ADMIN", "USER"]


def test_who_has_begun_a_session_or_has_a_message_is_active(
    statistics: Statistics, database: Database
) -> None:
    day, week = NOVEMBER - timedelta(days=1), NOVEMBER - timedelta(days=7)
    assert statistics.active_since({"day": day}) == {"day": 0}
    users = [user(database, str(number)) for number in range(6)]
    longer, between = NOVEMBER - timedelta(days=9), NOVEMBER - timedelta(days=3)
    put(
        database,
        "messages",
        *(
            {"user": str(owner), "createdAt": moment, "messageId": str(ObjectId())}
            # The last one counts, and what was at the moment itself.
            for owner, moment in (
                (users[0], day),
                (users[0], longer),
                (users[1], between),
                (users[2], longer),
            )
        ),
    )
    put(
        database,
        "sessions",
        *(
            {"_id": at(moment), "user": owner, "expiration": datetime(2099, 1, 1, tzinfo=UTC)}
            for owner, moment in ((users[1], NOVEMBER), (users[3], between), (users[4], longer))
        ),
    )
    assert statistics.active_since({"day": day, "week": week}) == {"day": 2, "week": 3}


def test_bytes_of_files_are_summed(statistics: Statistics, database: Database) -> None:
    assert statistics.file_bytes() == 0
    put(database, "files", *({"bytes": size, "file_id": str(size)} for size in (100, 20)), {"file_id": "x"})
    assert statistics.file_bytes() == 120


def test_the_database_has_sizes(statistics: Statistics, database: Database) -> None:
    user(database, "ada", name="x" * 100_000)
    stats = database.collection("users").database.command("dbStats")
    expected = {"data": "dataSize", "storage": "storageSize", "indexes": "indexSize"}
    found = statistics.sizes()
    assert found.keys() == expected.keys()
    assert (found["data"], found["indexes"]) == (int(stats["dataSize"]), int(stats["indexSize"]))
    assert found["data"] > 100_000
    assert found["storage"] > 0


def test_tokens_are_summed_by_month_the_last_first(statistics: Statistics, database: Database) -> None:
    october = datetime(2026, 10, 5, tzinfo=UTC)
    rows: list[tuple[datetime, str, Any]] = [
        (NOVEMBER, "prompt", -100),
        (NOVEMBER, "prompt", 20),
        (NOVEMBER, "completion", -7),
        (NOVEMBER, "credits", 1000),
        (october, "prompt", -5),
        (october, "completion", None),
        (datetime(2026, 9, 30, tzinfo=UTC), "prompt", -999),
    ]
    put(
        database,
        "transactions",
        *(
            {"_id": at(moment), "createdAt": moment, "tokenType": kind, "rawAmount": amount}
            for moment, kind, amount in rows
        ),
    )
    assert statistics.tokens_by_month(datetime(2026, 10, 1, tzinfo=UTC)) == [
        {"month": "2026-11", "prompt": 120, "completion": 7},
        {"month": "2026-10", "prompt": 5, "completion": 0},
    ]


def test_the_smallest_balances_are_told(statistics: Statistics, database: Database) -> None:
    ada, bob = user(database, "ada"), user(database, "bob")
    gone = ObjectId()
    put(
        database,
        "balances",
        {"user": ada, "tokenCredits": 30, "autoRefillEnabled": True},
        {"user": bob, "tokenCredits": 10, "autoRefillEnabled": "yes"},
        {"user": gone, "tokenCredits": 20},
        {"user": gone, "tokenCredits": 40},
    )
    assert statistics.balances(3) == [
        {"id": str(bob), "email": "bob@example.com", "tokenCredits": 10, "autoRefillEnabled": False},
        {"id": str(gone), "email": None, "tokenCredits": 20, "autoRefillEnabled": False},
        {"id": str(ada), "email": "ada@example.com", "tokenCredits": 30, "autoRefillEnabled": True},
    ]


def test_the_busiest_have_the_most_messages(statistics: Statistics, database: Database) -> None:
    ada, bob = user(database, "ada"), user(database, "bob")
    for owner, number in ((str(ada), 3), (str(bob), 2), ("x", 2), ("y", 1)):
        put(database, "messages", *({"user": owner, "messageId": str(ObjectId())} for _ in range(number)))
    put(database, "conversations", *({"user": str(ada), "conversationId": str(ObjectId())} for _ in range(2)))
    put(
        database,
        "files",
        *({"user": owner, "file_id": str(ObjectId()), "bytes": 50} for owner in (ada, ada, bob)),
    )
    assert statistics.busiest(3) == [
        {
            "id": str(ada),
            "email": "ada@example.com",
            "messages": 3,
            "conversations": 2,
            "files": 2,
            "fileBytes": 100,
        },
        {
            "id": str(bob),
            "email": "bob@example.com",
            "messages": 2,
            "conversations": 0,
            "files": 1,
            "fileBytes": 50,
        },
        {"id": "x", "email": None, "messages": 2, "conversations": 0, "files": 0, "fileBytes": 0},
    ]
