"""Credits with settings of a test's own, on the database of a test."""

from typing import Any

from echo.credits.prices import Prices
from echo.credits.service import Credits, Stores
from echo.settings.model import CreditSettings
from storage.accounts.balances import BalanceRepository
from storage.accounts.transactions import TransactionRepository
from storage.core.database import Database

HOLD_SECONDS = 60


def make_ledger(database: Database, *, hold_seconds: float = HOLD_SECONDS, **settings: Any) -> Credits:
    """What counts, and limits if the settings say so; a token is a character, and one of model `m` a credit."""
    stores = Stores(BalanceRepository(database), TransactionRepository(database))
    prices = Prices({"e": {"m": {"prompt": 1, "completion": 1}}})
    return Credits(CreditSettings(**settings), prices, stores, len, hold_seconds=hold_seconds)
