"""Balances: what is left is never spent twice, and never below nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.accounts.balances import BalanceRepository, hold_of, left_of
from storage.core.database import Database

PAST, FUTURE = datetime.now(UTC) - timedelta(minutes=1), datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def balances(database: Database) -> BalanceRepository:
    return BalanceRepository(database)


def credits_of(balances: BalanceRepository, owner: str) -> Any:
    balance = balances.get(owner)
    return balance and balance["tokenCredits"]


def held(balances: BalanceRepository, owner: str) -> list[tuple[str, float]]:
    return [(each["id"], each["amount"]) for each in (balances.get(owner) or {}).get("echoHeld", ())]


class TestBeginning:
    def test_makes_one_as_librechat_does(self, balances: BalanceRepository, ada: str) -> None:
        made = balances.begin(ada, 20_000, {})
        made.pop("lastRefill")
        assert made == {
            "_id": ObjectId(ada),
            "user": ObjectId(ada),
            "tokenCredits": 20_000,
            "autoRefillEnabled": False,
            "refillIntervalValue": 30,
            "refillIntervalUnit": "days",
            "refillAmount": 0,
            "__v": 0,
        }

    def test_gives_credits_once_and_what_is_new_of_the_refill(
        self, balances: BalanceRepository, ada: str, bob: str
    ) -> None:
        balances.put(bob, 1)
        first = balances.begin(ada, 100, {"refillAmount": 5})
        second = balances.begin(ada, 999, {"refillAmount": 7})
        assert (first["tokenCredits"], first["refillAmount"]) == (100, 5)
        assert (second["tokenCredits"], second["refillAmount"]) == (100, 7)
        assert second["lastRefill"] == first["lastRefill"]
        assert balances.begin(ada, 999, {"refillAmount": 7}) == second
        assert credits_of(balances, bob) == 1

    def test_fills_in_what_another_program_left_out(
        self, balances: BalanceRepository, database: Database, ada: str
    ) -> None:
        database.collection("balances").insert_one({"user": ObjectId(ada), "tokenCredits": None})
        begun = balances.begin(ada, 100, {"refillAmount": 5})
        assert begun["tokenCredits"] == 100
        assert abs(begun["lastRefill"] - datetime.now(UTC)) < timedelta(minutes=1)

    def test_of_one_with_nothing_left_gives_nothing(self, balances: BalanceRepository, ada: str) -> None:
        balances.put(ada, 0)
        assert balances.begin(ada, 100, {})["tokenCredits"] == 0


class TestReserving:
    # What is left, what is needed at least, whether that is enough.
    @pytest.mark.parametrize(
        ("left", "least", "enough"), [(10, 10, True), (10, 10.5, False), (0, 0, False), (0.5, 0, True)]
    )
    def test_needs_something_and_as_much_as_is_needed(
        self, balances: BalanceRepository, ada: str, left: float, least: float, enough: bool
    ) -> None:
        balances.put(ada, left)
        assert balances.reserve(ada, hold_of("a", least, 100, 60)) is enough
        assert held(balances, ada) == ([("a", left)] if enough else [])

    def test_holds_no_more_than_is_left_and_no_more_than_is_wanted(
        self, balances: BalanceRepository, ada: str, bob: str
    ) -> None:
        balances.put(ada, 100)
        balances.put(bob, 100)
        assert balances.reserve(ada, hold_of("a", 1, 70, 60))
        assert balances.reserve(ada, hold_of("b", 30, 70, 60))
        assert not balances.reserve(ada, hold_of("c", 0, 1, 60))
        assert held(balances, ada) == [("a", 70), ("b", 30)]
        assert left_of(balances.get(ada) or {}) == 0
        assert left_of(balances.get(bob) or {}) == 100
        # The same ticket again holds anew, in place of what it held.
        assert not balances.reserve(ada, hold_of("a", 71, 80, 60))
        balances.settle(ada, "b", 0)
        assert balances.reserve(ada, hold_of("a", 1, 20, 60))
        assert held(balances, ada) == [("a", 20)]

    def test_forgets_holds_whose_time_is_over(self, balances: BalanceRepository, ada: str) -> None:
        balances.put(ada, 100)
        assert balances.reserve(ada, hold_of("dead", 1, 100, -1))
        assert left_of(balances.get(ada) or {}) == 100
        assert balances.reserve(ada, hold_of("b", 1, 60, 60))
        assert held(balances, ada) == [("b", 60)]

    def test_without_a_balance_is_none(self, balances: BalanceRepository, ada: str) -> None:
        assert not balances.reserve(ada, hold_of("a", 0, 1, 60))
        assert balances.get(ada) is None


class TestSettling:
    def test_takes_what_was_spent_and_lets_go(self, balances: BalanceRepository, ada: str, bob: str) -> None:
        balances.put(ada, 100)
        balances.put(bob, 100)
        balances.reserve(ada, hold_of("a", 1, 50, 60))
        balances.reserve(ada, hold_of("b", 1, 20, 60))
        balances.settle(ada, "a", 30)
        assert (credits_of(balances, ada), held(balances, ada)) == (70, [("b", 20)])
        balances.settle(ada, "b", 0)
        # LibreChat shows whole documents.
        assert "echoHeld" not in (balances.get(ada) or {})
        assert credits_of(balances, bob) == 100

    def test_never_goes_below_nothing(self, balances: BalanceRepository, ada: str) -> None:
        balances.put(ada, 10)
        balances.settle(ada, "a", 11)
        assert credits_of(balances, ada) == 0

    def test_of_what_is_no_number_counts_from_nothing(
        self, balances: BalanceRepository, database: Database, ada: str
    ) -> None:
        database.collection("balances").insert_one({"user": ObjectId(ada), "tokenCredits": "many"})
        balances.settle(ada, "a", 1)
        assert credits_of(balances, ada) == 0


class TestRefilling:
    def test_of_several_that_saw_the_same_one_does_it(
        self, balances: BalanceRepository, ada: str, bob: str
    ) -> None:
        seen = balances.begin(ada, 100, {"refillAmount": 5})
        others = balances.begin(bob, 100, {"refillAmount": 5})
        assert [balances.refill(ada, seen) for _ in range(2)] == [True, False]
        balance = balances.get(ada) or {}
        assert balance["tokenCredits"] == 105
        assert balance["lastRefill"] > seen["lastRefill"]
        assert balances.get(bob) == others


class TestAdding:
    @pytest.mark.parametrize(("amount", "left"), [(5, 15), (-4, 6), (-11, 0)])
    def test_gives_or_takes_but_never_below_nothing(
        self, balances: BalanceRepository, ada: str, amount: float, left: float
    ) -> None:
        balances.put(ada, 10)
        assert balances.add(ada, amount)["tokenCredits"] == left == credits_of(balances, ada)

    def test_makes_a_balance_of_nothing_first(self, balances: BalanceRepository, ada: str) -> None:
        added = balances.add(ada, 5)
        assert (added["tokenCredits"], added["_id"], added["refillIntervalUnit"]) == (
            5,
            ObjectId(ada),
            "days",
        )


@pytest.mark.parametrize(
    ("balance", "left"),
    [
        ({}, 0),
        ({"tokenCredits": "many"}, 0),
        ({"tokenCredits": 10.5}, 10.5),
        ({"tokenCredits": 10, "echoHeld": [{"amount": 4, "until": FUTURE}, {"amount": 3, "until": PAST}]}, 6),
        ({"tokenCredits": 1, "echoHeld": [{"amount": 4, "until": FUTURE}]}, -3),
    ],
)
def test_what_no_run_holds_is_left(balance: dict[str, Any], left: float) -> None:
    assert left_of(balance) == left
