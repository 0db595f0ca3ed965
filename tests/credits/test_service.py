"""Balances under the hands of several: LibreChat's rules, and never less than nothing."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from structlog.testing import capture_logs

from echo.credits import Credits, OutOfCredits, Purchase, Spent
from echo.credits.service import Wanted
from echo.providers.chat import Usage
from echo.providers.titles import AskedTitle, Titled
from storage.accounts.transactions import TransactionRepository
from storage.core.database import Database
from storage.core.errors import NotFound, Unavailable
from storage.core.repository import now
from tests.support.chats import new_owner
from tests.support.credits import make_ledger
from tests.support.threads import together

BOUGHT = Purchase("e", "m", conversation_id="c")


class Account:
    """A user, and what is stored of the user's."""

    def __init__(self, database: Database) -> None:
        self.id = new_owner()
        self._user = ObjectId(self.id)
        self._balances = database.collection("balances")
        self._transactions = database.collection("transactions")

    @property
    def balance(self) -> dict[str, Any]:
        return self._balances.find_one({"user": self._user}) or {}

    @property
    def credits(self) -> Any:
        return self.balance.get("tokenCredits")

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self._transactions.find({"user": self._user}).sort("_id"))

    def write(self, **fields: Any) -> None:
        """Write a balance as LibreChat would."""
        document = {"tokenCredits": 100, "autoRefillEnabled": False, "__v": 0, **fields}
        self._balances.insert_one({"user": self._user, **document})


@pytest.fixture
def ada(app_database: Database) -> Account:
    return Account(app_database)


@pytest.fixture
def ledger(app_database: Database) -> Credits:
    return make_ledger(app_database, enabled=True, start=100)


def wanted(tokens: int, limit: int | None = 10) -> list[Wanted]:
    return [Wanted(BOUGHT, tokens, limit)]


def spent(read: int, written: int) -> list[Spent]:
    return [Spent(BOUGHT, Usage(read, written))]


class TestSpending:
    def test_takes_what_was_used_and_leaves_nothing_of_ours(self, ledger: Credits, ada: Account) -> None:
        ledger.reserve(ada.id, "t", wanted(20))
        assert ada.balance["echoHeld"][0]["amount"] == 30
        ledger.settle(ada.id, "t", spent(20, 5))
        assert ada.credits == 75
        assert "echoHeld" not in ada.balance

    def test_a_new_balance_is_as_librechats_model_makes_it(self, ledger: Credits, ada: Account) -> None:
        ledger.reserve(ada.id, "t", wanted(1))
        ledger.settle(ada.id, "t", [])
        assert {name: value for name, value in ada.balance.items() if name not in ("_id", "lastRefill")} == {
            "user": ObjectId(ada.id),
            "tokenCredits": 100,
            "autoRefillEnabled": False,
            "refillIntervalValue": 30,
            "refillIntervalUnit": "days",
            "refillAmount": 0,
            "__v": 0,
        }

    def test_a_balance_of_librechats_is_used(self, ledger: Credits, ada: Account) -> None:
        ada.write(tokenCredits=40)
        ledger.reserve(ada.id, "t", wanted(40))
        ledger.settle(ada.id, "t", spent(30, 0))
        assert ada.credits == 10

    def test_is_refused_where_there_is_too_little_to_read(self, ledger: Credits, ada: Account) -> None:
        ada.write(tokenCredits=40)
        with pytest.raises(OutOfCredits) as refused:
            ledger.reserve(ada.id, "t", wanted(41))
        error = refused.value
        assert (error.balance, error.cost, error.tokens) == (40, 41, 41)
        assert (error.status, error.code, error.headers["Retry-After"]) == (429, "insufficient_quota", "3600")
        assert error.message == "Your credits are used up: 40 are left, and this needs 41."
        assert "echoHeld" not in ada.balance

    def test_where_nothing_is_left_nothing_is_asked_that_reads_no_text(
        self, ledger: Credits, ada: Account
    ) -> None:
        ada.write(tokenCredits=0)
        with pytest.raises(OutOfCredits):
            ledger.reserve(ada.id, "t", wanted(0))
        assert "echoHeld" not in ada.balance

    def test_an_answer_that_costs_more_leaves_nothing(self, ledger: Credits, ada: Account) -> None:
        ledger.reserve(ada.id, "t", wanted(100, 10**6))
        ledger.settle(ada.id, "t", spent(100, 50))
        assert ada.credits == 0

    def test_what_costs_nothing_needs_no_balance(self, app_database: Database, ada: Account) -> None:
        free = Wanted(Purchase("e", "tts-1", unknown=0.0), 10)
        make_ledger(app_database, enabled=True).reserve(ada.id, "t", [free])
        assert ada.balance == {}

    def test_who_was_given_nothing_is_refused(self, app_database: Database, ada: Account) -> None:
        ledger = make_ledger(app_database, enabled=True)
        with pytest.raises(OutOfCredits):
            ledger.reserve(ada.id, "t", wanted(1))
        with pytest.raises(NotFound):
            ledger.shown(ada.id)
        assert ada.balance == {}

    def test_of_several_models_is_held_together(self, ledger: Credits, ada: Account) -> None:
        with pytest.raises(OutOfCredits):
            ledger.reserve(ada.id, "t", [*wanted(60), *wanted(60)])
        ledger.reserve(ada.id, "t", [*wanted(40), *wanted(40)])
        assert ada.balance["echoHeld"][0]["amount"] == 100

    def test_of_several_answers_is_held_for_each(self, ledger: Credits, ada: Account) -> None:
        ledger.reserve(ada.id, "t", [Wanted(BOUGHT, 20, 10, answers=3)])
        assert ada.balance["echoHeld"][0]["amount"] == 50

    @pytest.mark.parametrize("limit", [None, 0])
    def test_of_an_answer_without_a_limit_is_held_what_most_need(
        self, app_database: Database, ada: Account, limit: int | None
    ) -> None:
        ledger = make_ledger(app_database, enabled=True, start=5000)
        ledger.reserve(ada.id, "t", wanted(20, limit))
        assert ada.balance["echoHeld"][0]["amount"] == 1020
        assert Wanted(BOUGHT, 1) == Wanted(BOUGHT, 1, None, answers=1)

    def test_what_is_refused_is_told_in_whole_credits(self, ledger: Credits, ada: Account) -> None:
        ada.write(tokenCredits=1200.2)
        ledger.reserve(ada.id, "other", wanted(100, 100))
        with pytest.raises(OutOfCredits) as refused:
            ledger.reserve(ada.id, "t", [*wanted(1000), *wanted(1234567)])
        error = refused.value
        assert error.balance == pytest.approx(1000.2)
        assert (error.cost, error.tokens) == (1_235_567, 1_235_567)
        assert error.message == "Your credits are used up: 1,001 are left, and this needs 1,235,567."

    def test_a_balance_without_a_number_is_begun(self, ledger: Credits, ada: Account) -> None:
        ada.write(tokenCredits=None)
        ledger.reserve(ada.id, "t", wanted(20))
        assert (ada.credits, ada.balance["echoHeld"][0]["amount"]) == (100, 30)

    def test_what_cannot_be_written_down_is_logged_and_fails_for_nothing(
        self, ledger: Credits, ada: Account, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> None:
            raise Unavailable("away")

        monkeypatch.setattr(TransactionRepository, "insert", away)
        ada.write(tokenCredits=40)
        with capture_logs() as logged:
            ledger.settle(ada.id, "t", spent(10, 0))
        assert logged == [
            {
                "event": "what was used could not be written down",
                "cause": "Unavailable('away')",
                "log_level": "warning",
            }
        ]
        assert ada.credits == 30


class TestBalance:
    def test_is_none_where_nobody_is_limited(self, app_database: Database, ada: Account) -> None:
        ledger = make_ledger(app_database, start=100)
        ada.write(tokenCredits=0)
        assert (ledger.limits, ledger.counts) == (False, True)
        assert (ledger.balance(ada.id), ledger.shown(ada.id), ledger.has_any(ada.id)) == (None, None, True)
        assert ada.credits == 0

    def test_is_begun_with_what_everybody_gets(self, ledger: Credits, ada: Account) -> None:
        assert (ledger.limits, ledger.counts) == (True, True)
        assert (ledger.shown(ada.id) or {})["tokenCredits"] == 100
        assert ledger.has_any(ada.id) is True

    def test_is_what_somebody_gave_where_nobody_gets_any(self, app_database: Database, ada: Account) -> None:
        ledger = make_ledger(app_database, enabled=True, counting=False)
        assert ledger.counts is False
        assert (ledger.balance(ada.id), ledger.has_any(ada.id)) == (None, False)
        ada.write(tokenCredits=0.5)
        assert (ledger.shown(ada.id) or {})["tokenCredits"] == 0.5
        assert ledger.has_any(ada.id) is True

    def test_is_nothing_where_all_of_it_is_held(self, ledger: Credits, ada: Account) -> None:
        ledger.reserve(ada.id, "t", wanted(20, 1000))
        assert (ada.credits, ledger.has_any(ada.id)) == (100, False)


class TestRaces:
    def test_runs_that_begin_together_hold_no_more_than_there_is(self, ledger: Credits, ada: Account) -> None:
        """Each reads 20 and may write 10: of 100 there are three, and what is left of a fourth."""

        def begin(number: int) -> bool:
            try:
                ledger.reserve(ada.id, str(number), wanted(20))
            except OutOfCredits:
                return False
            return True

        admitted = together(begin, 8)
        assert 3 <= sum(admitted) <= 4
        assert sum(each["amount"] for each in ada.balance["echoHeld"]) <= 100

    def test_what_ends_together_is_taken_altogether(self, ledger: Credits, ada: Account) -> None:
        ada.write(tokenCredits=100)
        together(lambda number: ledger.settle(ada.id, str(number), spent(5, 5)), 8)
        assert ada.credits == 20
        assert len(ada.rows) == 16

    def test_balances_that_begin_together_are_one(
        self, ledger: Credits, ada: Account, app_database: Database
    ) -> None:
        together(lambda _: ledger.balance(ada.id), 8)
        assert app_database.collection("balances").count_documents({"user": ObjectId(ada.id)}) == 1
        assert ada.credits == 100

    def test_what_a_dead_process_holds_is_given_back(self, app_database: Database, ada: Account) -> None:
        dead = make_ledger(app_database, enabled=True, start=100, hold_seconds=-1)
        dead.reserve(ada.id, "dead", wanted(90))
        dead.reserve(ada.id, "t", wanted(90))
        assert [each["id"] for each in ada.balance["echoHeld"]] == ["t"]


FIELDS = {
    "autoRefillEnabled": True,
    "refillAmount": 50,
    "refillIntervalValue": 1,
    "refillIntervalUnit": "days",
}


class TestRefills:
    def test_come_once_when_there_is_too_little(self, ledger: Credits, ada: Account) -> None:
        ada.write(tokenCredits=10, lastRefill=now() - timedelta(days=9), **FIELDS)
        together(lambda number: ledger.reserve(ada.id, str(number), wanted(15, 5)), 3)
        assert ada.credits == 60
        [row] = ada.rows
        assert {name: row[name] for name in ("tokenType", "context", "rawAmount", "tokenValue", "rate")} == {
            "tokenType": "credits",
            "context": "autoRefill",
            "rawAmount": 50,
            "tokenValue": 50,
            "rate": 1,
        }
        assert now() - ada.balance["lastRefill"] < timedelta(minutes=1)

    def test_wait_for_their_time(self, ledger: Credits, ada: Account) -> None:
        ada.write(tokenCredits=10, lastRefill=now() - timedelta(hours=23, minutes=50), **FIELDS)
        with pytest.raises(OutOfCredits) as refused:
            ledger.reserve(ada.id, "t", wanted(15))
        assert 500 < int(refused.value.headers["Retry-After"]) <= 600
        assert ada.credits == 10

    @pytest.mark.parametrize(
        ("fields", "seconds"),
        [
            # Those that are due have come and were not enough.
            ({"lastRefill": None, "refillAmount": 1}, 3600),
            ({"lastRefill": now() - timedelta(days=9), "refillIntervalUnit": "fortnights"}, 1),
            ({"lastRefill": now(), "refillIntervalValue": 10**12}, 3600),
            ({"lastRefill": now(), "autoRefillEnabled": False}, 3600),
        ],
    )
    def test_are_told_of_for_an_hour_at_most(
        self, ledger: Credits, ada: Account, fields: dict[str, Any], seconds: int
    ) -> None:
        ada.write(**{"tokenCredits": 10, **FIELDS, **fields})
        with pytest.raises(OutOfCredits) as refused:
            ledger.reserve(ada.id, "t", wanted(1000))
        assert int(refused.value.headers["Retry-After"]) == seconds

    def test_are_brought_in_line_with_the_settings(self, app_database: Database, ada: Account) -> None:
        ada.write(tokenCredits=10, lastRefill=now(), **FIELDS)
        ledger = make_ledger(app_database, enabled=True, start=100, refill={**FIELDS, "refillAmount": 7})
        balance = ledger.balance(ada.id) or {}
        assert (balance["refillAmount"], balance["tokenCredits"]) == (7, 10)


class TestCounting:
    def test_is_done_without_balances_too(self, app_database: Database, ada: Account) -> None:
        ledger = make_ledger(app_database)
        ledger.reserve(ada.id, "t", wanted(10**9))
        ledger.settle(ada.id, "t", [Spent(Purchase("e", "m", key_id="a" * 24), Usage(3, 4))])
        assert ada.balance == {}
        prompt, completion = ada.rows
        assert (prompt["rawAmount"], completion["rawAmount"]) == (-3, -4)
        assert prompt["echoEndpoint"] == "e"
        assert prompt["echoKey"] == ObjectId("a" * 24)
        assert prompt["createdAt"] == prompt["updatedAt"]

    def test_is_not_done_where_it_is_off(self, app_database: Database, ada: Account) -> None:
        ledger = make_ledger(app_database, counting=False)
        ledger.settle(ada.id, "t", spent(1, 1))
        ledger.titled(AskedTitle(Titled(ada.id, "c", "m1"), "e", "m", None, "abc", "abcd"))
        assert ada.rows == []

    def test_writes_down_nothing_of_nothing(self, ledger: Credits, ada: Account) -> None:
        ledger.settle(ada.id, "t", spent(0, 0))
        assert ada.rows == []

    def test_names_no_key_where_there_was_none(self, ledger: Credits, ada: Account) -> None:
        ledger.settle(ada.id, "t", spent(1, 1))
        assert [("echoKey" in row, row["echoEndpoint"]) for row in ada.rows] == [(False, "e")] * 2

    @pytest.mark.parametrize(("usage", "amounts"), [(Usage(5, 6), [-5, -6]), (None, [-3, -4])])
    def test_of_titles_takes_what_the_provider_told_or_counts(
        self, ledger: Credits, ada: Account, usage: Usage | None, amounts: list[int]
    ) -> None:
        ada.write(tokenCredits=10)
        ledger.titled(AskedTitle(Titled(ada.id, "c", "m1"), "e", "m", usage, "abc", "abcd"))
        assert [row["rawAmount"] for row in ada.rows] == amounts
        told = {(row["context"], row["conversationId"], row["messageId"]) for row in ada.rows}
        assert told == {("title", "c", "m1")}
        assert {(row["echoEndpoint"], row["model"]) for row in ada.rows} == {("e", "m")}
        assert ada.credits == max(0, 10 + sum(amounts))


class TestGiving:
    def test_adds_to_what_everybody_gets_and_is_written_down(self, ledger: Credits, ada: Account) -> None:
        assert ledger.give(ada.id, 50)["tokenCredits"] == 150
        fields = ("tokenType", "context", "rawAmount", "tokenValue", "rate")
        assert [tuple(row[name] for name in fields) for row in ada.rows] == [("credits", "admin", 50, 50, 1)]
        assert ledger.give(ada.id, -1000)["tokenCredits"] == 0

    def test_sets(self, ledger: Credits, ada: Account) -> None:
        assert ledger.put(ada.id, 5)["tokenCredits"] == 5
        assert ledger.put(ada.id, 2.5)["tokenCredits"] == 2.5
        assert ada.rows == []
