"""What is said of the indexes before they are made is what becomes of them."""

import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from storage.core.database import Database
from storage.operator.indexes import REPOSITORIES, ensure_indexes
from storage.operator.migration import PlannedIndex, describe, plan_indexes


def plan_of(database: Database, collection: str, name: str) -> PlannedIndex:
    [planned] = [
        each for each in plan_indexes(database) if (each.collection, each.name) == (collection, name)
    ]
    return planned


def blocked(database: Database) -> set[tuple[str, str]]:
    return {
        (each.collection, each.name)
        for each in plan_indexes(database)
        if each.state in ("conflict", "doubles")
    }


class TestPlan:
    def test_of_an_empty_database_is_to_make_all(self, empty_database: Database) -> None:
        planned = plan_indexes(empty_database)
        assert len(planned) == sum(len(each.indexes) for each in REPOSITORIES)
        assert {each.state for each in planned} == {"missing"}
        assert {each.documents for each in planned} == {0}

    def test_makes_nothing(self, empty_database: Database) -> None:
        plan_indexes(empty_database)
        assert empty_database.client[empty_database.name].list_collection_names() == []

    def test_after_a_start_is_to_make_none(self, database: Database) -> None:
        assert {each.state for each in plan_indexes(database)} == {"present"}

    def test_counts_the_documents(self, empty_database: Database) -> None:
        empty_database.collection("presets").insert_many([{"presetId": str(number)} for number in range(5)])
        assert plan_of(empty_database, "presets", "presetId_1_tenantId_1").documents == 5

    def test_says_what_an_index_is(self, empty_database: Database) -> None:
        assert plan_of(empty_database, "users", "email_1_tenantId_1").options == "unique"
        assert plan_of(empty_database, "sessions", "expiration_1").options == "expiring after 0 s"
        list_index = plan_of(empty_database, "presets", "user_1_updatedAt_-1__id_-1")
        assert (list_index.keys, list_index.options) == ("user, updatedAt descending, _id descending", "")

    def test_an_equal_index_under_another_name_serves(self, empty_database: Database) -> None:
        empty_database.collection("sessions").create_index("expiration", expireAfterSeconds=0, name="mine")
        assert plan_of(empty_database, "sessions", "expiration_1").state == "present"

    def test_a_partial_index_minds_only_what_it_would_hold(self, empty_database: Database) -> None:
        name = "user_1_clientRequestId_1"
        runs = empty_database.collection("echo_runs")
        runs.insert_many([{"user": "ada"}, {"user": "ada"}])
        assert plan_of(empty_database, "echo_runs", name).state == "missing"
        runs.insert_many([{"user": "ada", "clientRequestId": "one"} for _ in range(2)])
        assert plan_of(empty_database, "echo_runs", name).state == "doubles"


IN_THE_WAY: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "same name, not unique": ("users", "email_1_tenantId_1", [("email", 1), ("tenantId", 1)], {}),
    "same name, other keys": ("sessions", "user_1", [("other", 1)], {"name": "user_1"}),
    "expires at another time": (
        "sessions",
        "expiration_1",
        [("expiration", 1)],
        {"expireAfterSeconds": 60, "name": "mine"},
    ),
    "expires": ("files", "user_1", [("user", 1)], {"expireAfterSeconds": 60}),
}


@pytest.mark.parametrize("case", IN_THE_WAY)
class TestConflict:
    def test_is_foreseen_and_left_alone(
        self, empty_database: Database, case: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        collection, name, keys, options = IN_THE_WAY[case]
        empty_database.collection(collection).create_index(keys, **options)
        planned = plan_of(empty_database, collection, name)
        assert planned.state == "conflict"
        assert "is there, and is" in planned.reason
        assert blocked(empty_database) == {(collection, name)}
        before = empty_database.collection(collection).index_information()
        with caplog.at_level(logging.WARNING):
            ensure_indexes(empty_database)
        after = empty_database.collection(collection).index_information()
        assert after.items() >= before.items()
        assert name in caplog.text
        assert blocked(empty_database) == {(collection, name)}


class TestDoubles:
    def test_are_counted_and_never_shown(self, empty_database: Database) -> None:
        users = empty_database.collection("users")
        # A missing field and null are one value to a unique index.
        users.insert_many(
            [{"email": "twice@x"}, {"email": "twice@x", "tenantId": None}, {"email": "once@x"}, {}, {}]
        )
        planned = plan_of(empty_database, "users", "email_1_tenantId_1")
        assert (planned.state, planned.documents) == ("doubles", 5)
        assert planned.reason.startswith("2 values")
        assert "twice@x" not in planned.reason
        ensure_indexes(empty_database)
        assert blocked(empty_database) == {("users", "email_1_tenantId_1")}

    def test_of_different_tenants_are_none(self, empty_database: Database) -> None:
        moment = datetime.now(UTC)
        empty_database.collection("users").insert_many(
            [{"email": "a@x", "tenantId": tenant, "createdAt": moment} for tenant in ("one", "two")]
        )
        assert blocked(empty_database) == set()


class TestTheReason:
    def test_names_what_is_in_the_way(self, empty_database: Database) -> None:
        database = empty_database
        database.collection("users").create_index([("email", 1), ("tenantId", 1)], name="email_1_tenantId_1")
        database.collection("sessions").create_index("expiration", expireAfterSeconds=60, name="mine")
        reasons = [
            plan_of(database, collection, name).reason
            for collection, name in (("users", "email_1_tenantId_1"), ("sessions", "expiration_1"))
        ]
        assert reasons == [
            "email_1_tenantId_1 is there, and is a plain one",
            "mine is there, and is expiring after 60 s",
        ]

    def test_counts_values_that_are_there_more_than_once(self, empty_database: Database) -> None:
        emails = ("a", "a", "a", "b", "b", "c")
        empty_database.collection("users").insert_many([{"email": each} for each in emails])
        planned = plan_of(empty_database, "users", "email_1_tenantId_1")
        assert planned.reason == "2 values that must be unique occur more than once"

    def test_is_none_where_nothing_is_in_the_way(self, empty_database: Database) -> None:
        # Two that differ in this live beside each other.
        empty_database.collection("sessions").create_index("user", sparse=True, name="mine")
        planned = plan_of(empty_database, "sessions", "user_1")
        assert (planned.state, planned.reason) == ("missing", "")


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ({}, ""),
        ({"unique": True, "sparse": True}, "unique, sparse"),
        ({"unique": False, "sparse": None}, ""),
        ({"expireAfterSeconds": 0}, "expiring after 0 s"),
        ({"partialFilterExpression": {"a": 1}}, "partial"),
        ({"collation": {"locale": "en"}}, "with a collation"),
        ({"name": "x", "background": True}, ""),
    ],
)
def test_an_index_is_described_by_what_it_is_besides_its_keys(index: dict[str, Any], words: str) -> None:
    assert describe(index) == words
