"""What handlers work with: the services of one application, by domain."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from echo.access.administration import RoleAdministration
from echo.access.assembly import build_access
from echo.access.capabilities import Capabilities
from echo.access.models import ModelAccess
from echo.access.picking import PeoplePicker
from echo.access.service import Access
from echo.access.sharing import Sharing
from echo.accounts.assembly import Accounts, build_accounts
from echo.admin.assembly import Administration, build_administration
from echo.admin.live import LiveSettings
from echo.agents.assembly import build_agents
from echo.agents.remote import RemoteAgents
from echo.agents.service import Agents
from echo.background import Background
from echo.chat.assembly import ChatParts, build_chat
from echo.chat.service import ChatService
from echo.completions.assembly import CompletionParts, build_completions
from echo.completions.service import CompletionService
from echo.contract.compiled import LIBRECHAT
from echo.contract.routes import Contracts, load_contracts
from echo.conversations.assembly import Conversations, build_conversations
from echo.conversations.token_count import count_tokens
from echo.credits import Credits
from echo.credits.assembly import build_credits
from echo.credits.usage import UsageReports
from echo.files import FileStore
from echo.library.assembly import Library, build_library
from echo.observation.readiness import Dependency, Readiness
from echo.programs.assembly import ProgramParts, Programs, build_programs
from echo.providers.assembly import ProviderParts, build_provider_parts
from echo.responses.assembly import build_responses
from echo.responses.service import ResponseService
from echo.settings import Settings
from echo.settings.startup import Startup, read_startup
from echo.speech import Transcriber, build_transcriber
from echo.tools.actions.assembly import Actions, build_actions
from echo.tools.builtin.assembly import build_builtin
from echo.tools.code.assembly import (
    Code,
    build_code,
    build_code_service,
    code_forgetting,
    code_placing,
)
from echo.tools.file_search.assembly import build_file_search
from echo.tools.mcp.assembly import McpParts, build_mcp
from echo.tools.mcp.service import McpService
from echo.tools.memory.source import MemoryTools
from echo.tools.sources import Sources
from echo.tools.tool import ToolSource
from echo.tools.web.assembly import build_web_search
from echo.tools.web.source import WebSearch
from storage.access.configs import ConfigRepository
from storage.accounts.transactions import TransactionRepository
from storage.agents.agents import AgentRepository
from storage.core.database import Database

# How long `GET /ready` waits for an answer, and how old one about the disk may be.
READY_SECONDS = 2.0
PROBE_FRESH_SECONDS = 3.0
# A service across a network, which counts each question.
CLOUD_SECONDS, CLOUD_FRESH_SECONDS = 3.0, 10.0


@dataclass(frozen=True)
class Services:
    """Everything that a handler may use, made once per process by the composition root."""

    access: Access
    accounts: Accounts
    actions: Actions
    administration: Administration
    agents: Agents
    background: Background
    capabilities: Capabilities
    chat: ChatService
    code: Code
    completions: CompletionService
    contracts: Contracts
    conversations: Conversations
    credits: Credits
    count_tokens: Callable[[str], int]
    library: Library
    mcp: McpService
    models: ModelAccess
    people: PeoplePicker
    programs: Programs
    providers: ProviderParts
    readiness: Readiness
    remote_agents: RemoteAgents
    responses: ResponseService
    roles: RoleAdministration
    settings: Settings
    sharing: Sharing
    startup: Startup
    transcriber: Transcriber
    usage: UsageReports
    web_search: WebSearch


@asynccontextmanager
async def running(services: Services) -> AsyncIterator[None]:
    """All that works beside requests: begun on this event loop, and ended with the context, however that ends."""
    background = services.background
    background.begin()
    services.chat.begin()
    background.submit(services.providers.prepare())
    background.submit(services.mcp.begin())
    if services.accounts.post.works:
        background.submit(services.accounts.post.running())
    if indexer := services.library.indexing.indexer:
        background.submit(indexer.running())
    background.submit(services.accounts.federation.begin_running())
    try:
        yield
    finally:
        await services.responses.close()
        await services.chat.close()
        await services.accounts.federation.close()
        await services.mcp.close()
        await background.close()
        await services.providers.close()


def build_services(settings: Settings, database: Database) -> Services:
    """Every domain's part, each built by its own module; nothing is contacted."""
    background = Background()
    access, startup = build_access(database, settings.model_access), read_startup(settings)
    live = LiveSettings(settings, startup, ConfigRepository(database), access.capabilities)
    agents = build_agents(database, access.access)
    ledger = build_credits(settings, database, count_tokens)
    providers = build_provider_parts(settings, background, titled=ledger.titled)
    contracts, code_service = load_contracts(settings.root), build_code_service(settings, access.access)
    library = build_library(
        settings,
        database,
        access.access,
        agents,
        count_tokens,
        endpoints=providers.registry,
        ledger=ledger,
        live=live.settings,
        place_code=code_placing(code_service),
        forget_code=code_forgetting(code_service, background),
    )
    accounts = build_accounts(settings, database, library.file_store, live=live.settings)
    mcp = build_mcp(
        settings,
        database,
        McpParts(
            access.access,
            accounts.plugin_keys,
            accounts.federation.delegations,
            background,
            library.uploads.keep_made,
        ),
    )
    actions = build_actions(settings, database, access.access, agents)
    search = build_web_search(settings, access.access, accounts.plugin_keys)
    store, base = library.file_store, contracts.bases[LIBRECHAT]
    environments = settings.agents.code_environments
    code = build_code(code_service, database, access.access, store, base, environments=environments)
    sources = Sources(
        (
            *tool_sources(
                settings, database, access=access.access, library=library, accounts=accounts, mcp=mcp
            ),
            actions.source,
            search,
            code.source,
        )
    )
    chat = ChatParts(
        providers.registry,
        providers.moderation,
        accounts.keys.credentials,
        providers.titles,
        library.file_store,
        background,
        count_tokens,
        accounts.violations.count,
        library.memories.text,
        agents.for_chat,
        access.access.check,
        access.models.of,
        ledger,
        sources,
        library.memories,
        live.settings,
    )
    completions = build_completions(
        settings,
        database,
        CompletionParts(
            accounts,
            providers,
            background,
            count_tokens,
            access.models.of,
            ledger,
            agents,
            access.access,
            library.file_store,
            sources,
        ),
    )
    chats = build_chat(settings, database, chat)
    transcriber = build_transcriber(settings)
    programs = ProgramParts(
        completions.reachable,
        accounts.standing,
        completions.under_way,
        completions.meter,
        providers,
        transcriber,
        count_tokens,
        completions.answering,
    )
    return Services(
        access=access.access,
        accounts=accounts,
        actions=actions,
        administration=build_administration(settings, database, access, accounts, live),
        agents=agents,
        background=background,
        capabilities=access.capabilities,
        chat=chats,
        code=code,
        completions=completions,
        contracts=contracts,
        conversations=build_conversations(settings, database, access.access, library.file_store),
        count_tokens=count_tokens,
        credits=ledger,
        library=library,
        mcp=mcp,
        models=access.models,
        people=access.people,
        programs=build_programs(settings, programs),
        providers=providers,
        readiness=make_readiness(database, library.file_store, settings),
        remote_agents=RemoteAgents(access.access, AgentRepository(database)),
        responses=build_responses(settings, database, completions, chats.hub, accounts.standing),
        roles=access.roles,
        settings=settings,
        sharing=access.sharing,
        startup=startup,
        transcriber=transcriber,
        usage=UsageReports(TransactionRepository(database)),
        web_search=search,
    )


def tool_sources(
    settings: Settings,
    database: Database,
    *,
    access: Access,
    library: Library,
    accounts: Accounts,
    mcp: McpService,
) -> tuple[ToolSource, ...]:
    """Every kind of tools that models may use; of two tools with one name the first kind's is used."""
    return (
        build_file_search(settings, database, access, library.indexing.index),
        MemoryTools(library.memories, settings.agents, settings.memory),
        build_builtin(settings, database, accounts.plugin_keys, library.file_store),
        mcp.tools,
    )


def make_readiness(database: Database, file_store: FileStore, settings: Settings) -> Readiness:
    """What a process needs, and how each is asked."""
    probe_clouds = file_store.probe_clouds
    clouds = Dependency(probe_clouds, seconds=CLOUD_SECONDS, fresh_seconds=CLOUD_FRESH_SECONDS)
    return Readiness(
        {
            "database": Dependency(lambda: database.ping(READY_SECONDS), seconds=READY_SECONDS),
            # A write that is brought to the disk, for anybody who asks.
            "files": Dependency(file_store.probe, seconds=READY_SECONDS, fresh_seconds=PROBE_FRESH_SECONDS),
            **({"cloud": clouds} if settings.cloud.used else {}),
        }
    )
