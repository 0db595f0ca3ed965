"""The composition root: the only place that knows how the parts fit together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from echo.accounts.api_keys import ApiKeyGuard, ApiKeyService
from echo.accounts.security import Security
from echo.accounts.service import AuthService
from echo.accounts.sessions import SessionGuard
from echo.accounts.standing import Standing
from echo.accounts.tokens import Tokens
from echo.accounts.two_factor import TwoFactorService
from echo.accounts.user_keys import KeyService, make_cipher
from echo.accounts.violations import Violations, ViolationStores
from echo.background import Background
from echo.chat.assembly import ChatParts, build_chat
from echo.completions.keeping import Keeper
from echo.completions.models import Models
from echo.completions.service import CompletionService
from echo.contract.document import load_contract
from echo.conversations.searches import Searches
from echo.conversations.token_count import count_tokens
from echo.files import FileStore, build_file_store
from echo.http.application import build_application
from echo.http.bridge import Pools
from echo.http.cors import Cors
from echo.http.edge import Edge
from echo.http.rate_limits import RateLimiter, SharedMongoStorage
from echo.observation.logs import configure_logging
from echo.observation.observe import Observation, observe
from echo.observation.readiness import Dependency, Readiness
from echo.providers.catalog import Catalog
from echo.providers.moderation import Moderation
from echo.providers.registry import ProviderRegistry, build_providers
from echo.providers.titles import TitleService
from echo.services import Services
from echo.settings import Settings
from echo.settings.startup import read_startup
from echo.speech import build_transcriber
from echo.transfer.service import TransferService
from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.bans import BanRepository
from storage.accounts.invitations import InvitationRepository
from storage.accounts.keys import KeyRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.two_factor import TwoFactorRepository, UsedCodeRepository
from storage.accounts.users import UserRepository
from storage.accounts.violations import ViolationRepository
from storage.conversations.chats import ChatRepository
from storage.conversations.conversations import ConversationRepository
from storage.conversations.exchanges import ExchangeRepository
from storage.conversations.exports import ExportRepository
from storage.conversations.imports import ImportRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.files import FileRepository
from storage.library.presets import PresetRepository
from storage.runs.runs import RunRepository

# How long `GET /ready` waits for an answer, and how old one about the disk may be.
READY_SECONDS = 2.0
PROBE_FRESH_SECONDS = 3.0


@dataclass(frozen=True)
class Application:
    """An assembled Echo: the ASGI application, and what a test or a tool may want to reach inside it."""

    asgi: ASGIApp
    services: Services
    close: Callable[[], None]


def create_app(settings: Settings) -> ASGIApp:
    """The ASGI application of one worker process, logging included.

    The settings must be complete: a `mongo_uri`, and both signing keys (see `echo.serving.keys`).
    """
    configure_logging(settings)
    return assemble(settings).asgi


def assemble(settings: Settings) -> Application:
    """Build every part for these settings; nothing is contacted before the first request."""
    if not (settings.mongo_uri and settings.jwt_secret and settings.jwt_refresh_secret):
        raise ValueError("the settings lack the database or the signing keys")
    observation = observe(settings)
    database = Database(settings.mongo_uri, seconds=settings.database_seconds, watchers=observation.watchers)
    tokens = Tokens(
        settings.jwt_secret, settings.jwt_refresh_secret, settings.session_seconds, settings.refresh_seconds
    )
    guard = SessionGuard(SessionRepository(database))
    api_keys = ApiKeyGuard(ApiKeyRepository(database), UserRepository(database), BanRepository(database))
    standing = Standing(guard, api_keys)
    providers = build_providers(settings.providers, settings.provider_limits)
    violations = make_violations(settings, database)
    services = make_services(
        settings,
        database,
        tokens=tokens,
        guard=guard,
        api_keys=api_keys,
        standing=standing,
        providers=providers,
        violations=violations,
    )
    pools = Pools(settings.threads)

    def close() -> None:
        pools.close()
        services.searches.close()
        database.close()
        observation.close()

    limiter = RateLimiter(
        SharedMongoStorage(database.client, database.name),
        settings.rate_limits,
        pending_owner=tokens.pending_owner,
        exceeded=violations.limit_exceeded,
        enabled=settings.rate_limits_enabled,
    )
    connexion_app = build_application(
        services,
        pools=pools,
        limiter=limiter,
        security_map=Security(tokens, standing, api_keys, metrics_secret=settings.metrics_secret).scheme_map,
        lifespan=_lifespan(services, providers, observation, close),
    )
    cors = Cors(connexion_app, origins=settings.cors_origins)
    edge = Edge(cors, trusted_proxies=settings.trust_proxy, meter=observation.meter)
    return Application(observation.around(edge), services, close)


def make_violations(settings: Settings, database: Database) -> Violations:
    """What counts violations, and bans."""
    stores = ViolationStores(
        ViolationRepository(database),
        BanRepository(database),
        SessionRepository(database),
        RunRepository(database),
    )
    return Violations(settings, stores)


def make_services(
    settings: Settings,
    database: Database,
    *,
    tokens: Tokens,
    guard: SessionGuard,
    api_keys: ApiKeyGuard,
    standing: Standing,
    providers: ProviderRegistry,
    violations: Violations,
) -> Services:
    """What handlers work with."""
    users, sessions = UserRepository(database), SessionRepository(database)
    cipher = make_cipher(settings)
    keys = KeyService(KeyRepository(database), settings.providers, cipher)
    two_factor = TwoFactorService(
        TwoFactorRepository(database), UsedCodeRepository(database), cipher, issuer=settings.app_title
    )
    titles = TitleService(settings.providers, providers, enabled=settings.title_conversations)
    background = Background()
    moderation = Moderation(settings.moderation, settings.provider_limits)
    file_store = build_file_store(settings)
    chat = build_chat(
        settings,
        database,
        ChatParts(
            providers, keys.credentials, titles, file_store, background, count_tokens, violations.count
        ),
    )
    return Services(
        settings=settings,
        startup=read_startup(settings),
        contract=load_contract(),
        users=users,
        conversations=ConversationRepository(database),
        messages=MessageRepository(database),
        threads=ThreadRepository(database),
        presets=PresetRepository(database),
        files=FileRepository(database),
        assistants=AssistantRepository(database),
        auth=AuthService(
            settings,
            tokens,
            users=users,
            sessions=sessions,
            bans=BanRepository(database),
            invitations=InvitationRepository(database),
            guard=guard,
            two_factor=two_factor,
            violations=violations,
        ),
        searches=Searches(settings.search_seconds),
        standing=standing,
        two_factor=two_factor,
        api_keys=ApiKeyService(ApiKeyRepository(database), api_keys),
        keys=keys,
        completions=CompletionService(
            Models(providers, settings.providers, keys, users),
            Keeper(
                ExchangeRepository(database),
                ChatRepository(database),
                titles,
                background,
                count_tokens,
            ),
            standing,
            count_tokens,
            most_open=settings.open_completions,
            check_texts=moderation.check,
        ),
        catalog=Catalog(settings.providers, providers, background),
        chat=chat,
        providers=providers,
        moderation=moderation,
        titles=titles,
        transcriber=build_transcriber(settings),
        transfers=TransferService(
            ImportRepository(database), ExportRepository(database), max_bytes=settings.max_import_bytes
        ),
        file_store=file_store,
        count_tokens=count_tokens,
        background=background,
        readiness=make_readiness(database, file_store),
    )


def make_readiness(database: Database, file_store: FileStore) -> Readiness:
    """What a process needs, and how each is asked."""
    return Readiness(
        {
            "database": Dependency(lambda: database.ping(READY_SECONDS), seconds=READY_SECONDS),
            # A write that is brought to the disk, for anybody who asks.
            "files": Dependency(file_store.probe, seconds=READY_SECONDS, fresh_seconds=PROBE_FRESH_SECONDS),
        }
    )


def _lifespan(
    services: Services,
    providers: ProviderRegistry,
    observation: Observation,
    close: Callable[[], None],
) -> Any:
    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        services.background.begin()
        services.chat.begin()
        if observation.running:
            services.background.submit(observation.running())
        yield
        await services.chat.close()
        await services.background.close()
        await providers.close()
        await services.moderation.close()
        close()

    return lifespan
