"""Credits with settings of a test's own, on the database of a test."""

from collections.abc import Mapping
from typing import Any

from echo.credits.prices import Prices
from echo.credits.service import Credits, Stores
from echo.settings.model import CreditSettings
from storage.accounts.balances import BalanceRepository
from storage.accounts.transactions import TransactionRepository
from storage.core.database import Database

HOLD_SECONDS = 60


OWN = {"e": {"m": {"prompt": 1.0, "completion": 1.0}}}


def make_ledger(
    database: Database,
    *,
    hold_seconds: float = HOLD_SECONDS,
    own: Mapping[str, Mapping[str, Mapping[str, float]]] = OWN,
    **settings: Any,
) -> Credits:
    """What counts, and limits if the settings say so; a token is a character, and one of model `m` a credit."""
    stores = Stores(BalanceRepository(database), TransactionRepository(database))
    return Credits(CreditSettings(**settings), Prices(own), stores, len, hold_seconds=hold_seconds)
