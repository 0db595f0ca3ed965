"""How the parts of `/v1` fit together; called by the composition root."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from echo.access.service import Access
from echo.accounts.assembly import Accounts
from echo.accounts.metering import Meter
from echo.agents.service import Agents
from echo.background import Background
from echo.chat.agents import AgentsAndModels
from echo.chat.context import share_of
from echo.chat.endpoints import Endpoints
from echo.chat.members import Members
from echo.chat.settling import Settling
from echo.chat.sides import Sides
from echo.chat.specs import Specs
from echo.chat.summarisers import Summarisers
from echo.completions.agents import AgentModels, AgentParts
from echo.completions.answering import Answering
from echo.completions.keeping import Keeper
from echo.completions.models import Models
from echo.completions.service import CompletionService
from echo.credits import Credits
from echo.credits.assembly import hold_seconds
from echo.files import FileStore
from echo.handling.caller import Caller
from echo.providers.assembly import ProviderParts
from echo.settings import Settings
from echo.settings.model_access import Opened
from echo.tools.sources import Sources
from storage.accounts.key_usage import KeyUsageRepository
from storage.conversations.chats import ChatRepository
from storage.conversations.exchanges import ExchangeRepository
from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.files import FileRepository
from storage.library.presets import PresetRepository

PAGE = 100
# Programs know no model specs.
NO_SPECS = Specs((), enforced=False)


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
    agents: Agents
    access: Access
    file_store: FileStore
    sources: Sources


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
            agents=build_agent_models(settings, database, parts),
        ),
        parts.accounts.standing,
        parts.count_tokens,
        meter=meter,
        most_open=settings.open_completions,
        check_texts=parts.providers.moderation.check,
    )
    return CompletionService(answering, keeper)


def build_agent_models(settings: Settings, database: Database, parts: CompletionParts) -> AgentModels:
    """Agents as models of `/v1`."""
    respondents = AgentsAndModels(
        parts.agents.for_programs,
        ChatRepository(database),
        FileRepository(database),
        parts.file_store,
        settings.agents,
    )

    def listed(caller: Caller, most: int) -> Iterator[str]:
        cursor: str | None = None
        while most > 0:
            page = parts.agents.list_for_programs(caller, limit=min(most, PAGE), cursor=cursor)
            yield from (str(each["id"]) for each in page.items)
            most, cursor = most - PAGE, page.next_cursor
            if cursor is None:
                return

    async def count(text: str) -> int:
        return await asyncio.to_thread(parts.count_tokens, text)

    endpoints = Endpoints(
        settings.providers,
        parts.providers.registry,
        parts.accounts.keys.credentials,
        parts.background,
        parts.opened,
    )
    settling = Settling(PresetRepository(database), AssistantRepository(database), lambda _owner: NO_SPECS)
    sides = Sides(endpoints, settling, respondents, settings.agents)
    share = share_of(settings.summaries.reserve)
    members = Members(sides, settings.agents, parts.count_tokens, share)
    return AgentModels(
        AgentParts(
            respondents,
            listed,
            parts.access.check,
            parts.sources,
            settings.agents,
            count,
            members,
            share,
            Summarisers(sides, settings.summaries),
        )
    )
