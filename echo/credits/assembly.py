"""How the parts of credits fit together; called by the composition root."""

from collections.abc import Callable

from echo.credits.prices import Prices
from echo.credits.service import Credits, Stores
from echo.settings import Settings
from echo.settings.endpoints import ProviderLimits
from storage.accounts.balances import BalanceRepository
from storage.accounts.transactions import TransactionRepository
from storage.core.database import Database


def build_credits(settings: Settings, database: Database, count_tokens: Callable[[str], int]) -> Credits:
    """What is held before models are asked, and written down afterwards; nothing is contacted."""
    return Credits(
        settings.credits,
        Prices({each.name: each.prices for each in settings.providers if each.prices}),
        Stores(BalanceRepository(database), TransactionRepository(database)),
        count_tokens,
        hold_seconds=hold_seconds(settings.provider_limits),
    )


def hold_seconds(limits: ProviderLimits) -> float:
    """How long a request may take at most, with all attempts to begin it."""
    return limits.attempts * limits.first_seconds + limits.stream_seconds
