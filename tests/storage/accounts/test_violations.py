"""Points of violations, summed for each account or address and each kind, for thirty days."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from storage.accounts.violations import ViolationRepository
from storage.core.database import Database
from tests.support.threads import together


@pytest.fixture
def violations(database: Database) -> ViolationRepository:
    return ViolationRepository(database)


def test_points_are_summed_for_each_account_and_kind(
    violations: ViolationRepository, database: Database, ada: str, bob: str
) -> None:
    assert [violations.add(ada, "logins", points) for points in (1, 5)] == [1, 6]
    assert violations.add(ada, "fork_limit", 2) == 2
    assert violations.add(bob, "logins", 3) == 3
    rows = list(database.collection("echo_violations").find({"user": ObjectId(ada)}))
    assert {row["_id"]: row["points"] for row in rows} == {f"logins:{ada}": 6, f"fork_limit:{ada}": 2}
    for row in rows:
        left = row["expiresAt"] - datetime.now(UTC)
        assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


def test_those_of_an_address_are_nobodys(violations: ViolationRepository, database: Database) -> None:
    assert [violations.add_of_address("h1", "logins", 2) for _ in range(2)] == [2, 4]
    assert violations.add_of_address("h2", "logins", 1) == 1
    row = database.collection("echo_violations").find_one({"_id": "logins:h1"})
    assert row is not None
    assert (row["user"], row["points"]) == (None, 4)


def test_each_sum_is_given_once(violations: ViolationRepository, ada: str) -> None:
    sums = together(lambda _: violations.add(ada, "logins", 1), 4)
    assert sorted(sums) == [1, 2, 3, 4]
