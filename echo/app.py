"""The composition root: the only place that knows how the parts fit together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from echo.contract.compiled import LIBRECHAT
from echo.http.application import build_application
from echo.http.cors import Cors
from echo.http.edge import Edge
from echo.http.pools import Pools
from echo.http.rate_limits import RateLimiter, SharedMongoStorage
from echo.observation.logs import configure_logging
from echo.observation.observe import Observation, observe
from echo.services import Services, build_services, running
from echo.settings import Settings
from echo.trust import believe
from echo.webclient.beside import ClientBesideContracts
from echo.webclient.installed import find_client
from storage.core.database import Database


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
    believe(settings.extra_authorities)
    observation = observe(settings)
    database = Database(settings.mongo_uri, seconds=settings.database_seconds, watchers=observation.watchers)
    services = build_services(settings, database)
    pools = Pools(settings.threads)

    def close() -> None:
        pools.close()
        services.conversations.searches.close()
        services.conversations.search_indexing.close()
        database.close()
        observation.close()

    connexion_app = build_application(
        services,
        pools=pools,
        limiter=_limiter(settings, database, services),
        capabilities=services.capabilities,
        guard=services.access,
        security_map=services.accounts.security.scheme_map,
        beside=_web_client(settings, services),
        lifespan=_lifespan(services, observation, close),
    )
    cors = Cors(connexion_app, origins=settings.cors_origins)
    edge = Edge(cors, trusted_proxies=settings.trust_proxy, meter=observation.meter)
    return Application(observation.around(edge), services, close)


def _limiter(settings: Settings, database: Database, services: Services) -> RateLimiter:
    return RateLimiter(
        SharedMongoStorage(database.unhurried),
        settings.rate_limits,
        pending_owner=services.accounts.tokens.pending_owner,
        exceeded=services.accounts.violations.limit_exceeded,
        enabled=settings.rate_limits_enabled,
    )


def _web_client(settings: Settings, services: Services) -> ClientBesideContracts | None:
    directory = find_client(settings)
    base = services.contracts.bases[LIBRECHAT]
    addresses = map(urlsplit, settings.bundlers.values())
    frames = sorted({f"{each.scheme}://{each.netloc}" for each in addresses})
    return ClientBesideContracts(directory, base, frame_sources=frames) if directory else None


def _lifespan(services: Services, observation: Observation, close: Callable[[], None]) -> Any:
    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        async with running(services):
            if observation.running:
                services.background.submit(observation.running())
            yield
        close()

    return lifespan
