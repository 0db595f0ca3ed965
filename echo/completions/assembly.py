"""How the parts of `/v1` fit together; called by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from echo.accounts.assembly import Accounts
from echo.accounts.metering import Meter
from echo.background import Background
from echo.completions.answering import Answering
from echo.completions.keeping import Keeper
from echo.completions.models import Models
from echo.completions.service import CompletionService
from echo.credits import Credits
from echo.credits.assembly import hold_seconds
from echo.providers.assembly import ProviderParts
from echo.settings import Settings
from echo.settings.model_access import Opened
from storage.accounts.key_usage import KeyUsageRepository
from storage.conversations.chats import ChatRepository
from storage.conversations.exchanges import ExchangeRepository
from storage.core.database import Database


@dataclass(frozen=True)
class CompletionParts:
    """What `/v1` shares with the rest."""

    accounts: Accounts
    providers: ProviderParts
    background: Background
    count_tokens: Callable[[str], int]
    # What is open to a user, who is named by an id.
    opened: Callable[[str], Opened]
    credits: Credits


def build_completions(settings: Settings, database: Database, parts: CompletionParts) -> CompletionService:
    """The service behind the operations of `/v1`; nothing is contacted."""
    keeper = Keeper(
        ExchangeRepository(database),
        ChatRepository(database),
        parts.providers.titles,
        parts.background,
        parts.count_tokens,
    )
    meter = Meter(
        KeyUsageRepository(database),
        parts.credits,
        parts.count_tokens,
        hold_seconds=hold_seconds(settings.provider_limits),
    )
    answering = Answering(
        Models(
            parts.providers.registry,
            settings.providers,
            parts.accounts.keys,
            parts.accounts.users,
            parts.opened,
        ),
        parts.accounts.standing,
        parts.count_tokens,
        meter=meter,
        most_open=settings.open_completions,
        check_texts=parts.providers.moderation.check,
    )
    return CompletionService(answering, keeper)
