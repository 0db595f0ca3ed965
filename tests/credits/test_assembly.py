"""Credits as the settings have them."""

from dataclasses import replace
from datetime import timedelta

from bson import ObjectId

from echo.credits import Purchase, Spent
from echo.credits.assembly import build_credits, hold_seconds
from echo.credits.prices import Rates
from echo.credits.service import Wanted
from echo.providers.titles import AskedTitle, Titled
from echo.settings import load_settings
from echo.settings.endpoints import ProviderLimits, ProviderSettings
from echo.settings.model import CreditSettings
from storage.core.database import Database
from storage.core.repository import now
from tests.support.chats import new_owner

LIMITS = ProviderLimits(first_seconds=7, stream_seconds=100, attempts=3)


def test_no_request_takes_longer_than_its_attempts_and_its_answer() -> None:
    assert hold_seconds(LIMITS) == 121


def test_credits_are_held_and_written_down_by_the_settings(app_database: Database) -> None:
    settings = replace(
        load_settings({}),
        credits=CreditSettings(enabled=True, start=100),
        providers=(
            ProviderSettings("e", "custom", ("m",), prices={"m": {"prompt": 2.0, "completion": 3.0}}),
            ProviderSettings("bare", "custom", ("m",)),
        ),
        provider_limits=LIMITS,
    )
    ledger = build_credits(settings, app_database, len)
    owner = new_owner()
    user = {"user": ObjectId(owner)}
    balances, transactions = (app_database.collection(name) for name in ("balances", "transactions"))
    assert ledger.prices.known("e", "m") == Rates(2, 3)
    assert ledger.prices.known("bare", "m") is None

    begun = now()
    ledger.reserve(owner, "t", [Wanted(Purchase("e", "m"), 10, 10)])
    balance = balances.find_one(user) or {}
    [held] = balance["echoHeld"]
    assert (balance["tokenCredits"], held["amount"]) == (100, 50)
    assert timedelta(0) <= held["until"] - begun - timedelta(seconds=121) < timedelta(seconds=60)

    ledger.settle(owner, "t", list[Spent]())
    ledger.titled(AskedTitle(Titled(owner, "c", "m1"), "e", "m", None, "abc", "abcd"))
    assert [row["rawAmount"] for row in transactions.find(user).sort("_id")] == [-3, -4]
    assert (balances.find_one(user) or {})["tokenCredits"] == 100 - 3 * 2 - 4 * 3
