"""How the parts of chats fit together; called by the composition root."""

from collections.abc import Callable
from dataclasses import dataclass

from echo.background import Background
from echo.chat.agents import AgentsAndModels, FindAgent
from echo.chat.attachments import Attachments
from echo.chat.endpoints import Endpoints, FindCredentials
from echo.chat.hub import RunHub, RunStores
from echo.chat.preparation import Preparation, Stores
from echo.chat.remembering import Remembering
from echo.chat.running import Running
from echo.chat.service import ChatService
from echo.chat.settling import Settling
from echo.chat.sides import Sides
from echo.chat.specs import specs_of
from echo.chat.starting import Check, Starting
from echo.chat.steering import Steering
from echo.credits import Credits
from echo.files import FileStore
from echo.library.memories import Memories
from echo.providers.chat import Providers
from echo.providers.moderation import Moderation
from echo.providers.titles import TitleService
from echo.settings import Settings
from echo.settings.model_access import Opened
from echo.settings.overrides import SettingsOf
from echo.tools.memory.source import MemoryTools
from echo.tools.sources import Sources
from storage.accounts.users import UserRepository
from storage.agents.agents import AgentRepository
from storage.conversations.chats import ChatRepository
from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.files import FileRepository
from storage.library.presets import PresetRepository
from storage.runs.pieces import PieceRepository
from storage.runs.runs import RunRepository
from storage.runs.steers import SteerRepository
from storage.runs.workers import WorkerRepository


@dataclass(frozen=True)
class ChatParts:
    """What chats share with the rest.

    `credentials` finds a user's own key for an endpoint, by owner and name; `violation` counts one, by kind, owner
    and address; `memories_text` is what a user wants every chat to know; `find_agent` finds an agent that a user
    may talk with, by the user's id and its own; `check` asks what a user's role allows, and
    `opened` which models are open to one. `sources` are the kinds of tools that models may use.
    """

    providers: Providers
    moderation: Moderation
    credentials: FindCredentials
    titles: TitleService
    file_store: FileStore
    background: Background
    count_tokens: Callable[[str], int]
    violation: Callable[[str, str, str], None]
    memories_text: Callable[[str], str | None]
    find_agent: FindAgent
    check: Check
    opened: Callable[[str], Opened]
    credits: Credits
    sources: Sources
    memories: Memories
    live: SettingsOf


def build_chat(settings: Settings, database: Database, parts: ChatParts) -> ChatService:
    """The service behind the operations of chats; nothing is contacted."""
    chats = ChatRepository(database)
    runs, steers = RunRepository(database), SteerRepository(database)
    stores = RunStores(chats, runs, PieceRepository(database), WorkerRepository(database), steers)
    files = FileRepository(database)
    reading = Stores(chats, files, parts.file_store, UserRepository(database))
    settling = Settling(
        PresetRepository(database), AssistantRepository(database), lambda owner: specs_of(parts.live(owner))
    )
    endpoints = Endpoints(
        settings.providers, parts.providers, parts.credentials, parts.background, parts.opened
    )
    respondents = AgentsAndModels(parts.find_agent, chats, files, parts.file_store, settings.agents)
    hub = RunHub(
        stores,
        parts.titles,
        parts.credits,
        parts.background,
        parts.count_tokens,
        sources=parts.sources,
        moderation=parts.moderation,
        load_files=lambda owner, row: Attachments(files, parts.file_store, owner).load_earlier(row),
        remembering=Remembering(
            parts.memories,
            MemoryTools(parts.memories, settings.agents, settings.memory),
            AgentRepository(database),
            parts.providers,
            settings=settings.providers,
            rules=settings.memory,
            ledger=parts.credits,
        ),
        most_at_once=settings.runs_at_once,
    )
    preparation = Preparation(
        reading,
        Sides(endpoints, settling, respondents, settings.agents),
        parts.count_tokens,
        settings.agents,
        summaries=settings.summaries,
        titles=settings.title_conversations,
        temporary_seconds=settings.temporary_seconds,
        memories_text=parts.memories_text,
        tells_cost=lambda owner: parts.live(owner).client.tells_cost,
    )
    steering = Steering(steers, Running(runs, hub), files, parts.file_store)
    starting = Starting(
        preparation, hub, stores, files, parts.moderation, violation=parts.violation, check=parts.check
    )
    return ChatService(starting, hub, stores, parts.background, steering)
