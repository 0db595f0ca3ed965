"""Which services search, fetch pages and rank what they hold, for one user: by whose keys there are.

Read in LibreChat's `packages/api/src/web/web.ts`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from echo.settings.tools import SearchSettings
from echo.tools.builtin.keys import Values, values_for

USER, SYSTEM = "user_provided", "system_defined"
PROVIDERS, SCRAPERS, RERANKERS = "providers", "scrapers", "rerankers"
NONE = "none"
# Our own way to fetch pages, which needs no key.
OWN = "own"


@dataclass(frozen=True)
class _Service:
    """What a service must have, and what it may have besides."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


SERVICES: Mapping[str, Mapping[str, _Service]] = {
    PROVIDERS: {
        "serper": _Service(("serperApiKey",)),
        "searxng": _Service(("searxngInstanceUrl",), ("searxngApiKey",)),
        "tavily": _Service(("tavilyApiKey",), ("tavilySearchUrl",)),
    },
    SCRAPERS: {
        "firecrawl": _Service(("firecrawlApiKey",), ("firecrawlApiUrl", "firecrawlVersion")),
        "serper": _Service(("serperApiKey",)),
        "tavily": _Service(("tavilyApiKey",), ("tavilyExtractUrl",)),
    },
    RERANKERS: {
        "jina": _Service(("jinaApiKey",), ("jinaApiUrl",)),
        "cohere": _Service(("cohereApiKey",)),
    },
}
# Which of these say where the others go.
ADDRESSES = frozenset(
    ("searxngInstanceUrl", "firecrawlApiUrl", "jinaApiUrl", "tavilySearchUrl", "tavilyExtractUrl")
)


@dataclass(frozen=True)
class Service:
    """One that can be used: its name, and its values by the names of the file (`jinaApiUrl`)."""

    name: str
    values: Values = field(default_factory=Values)

    def address(self, key: str, otherwise: str) -> tuple[str, bool]:
        """An address of it, and whether nobody but the operator has set it."""
        return (self.values.get(key) or otherwise).rstrip("/"), self.values.trusts(key)

    @property
    def owner(self) -> str:
        """Whose keys it uses, in LibreChat's words."""
        return USER if self.values.of_user else SYSTEM


@dataclass(frozen=True)
class Plan:
    """What one user's searches use, by category; what is missing has no service."""

    services: Mapping[str, Service]

    @property
    def is_complete(self) -> bool:
        """Whether the user can search."""
        return len(self.services) == len(SERVICES)

    @property
    def told(self) -> list[list[str]]:
        """Each category with whose keys it uses, or needs."""
        return [[each, self.services[each].owner if each in self.services else USER] for each in SERVICES]


def variables(settings: SearchSettings) -> set[str]:
    """The variables that users may bring."""
    return set(settings.names.values())


def plan(settings: SearchSettings, user: Mapping[str, str]) -> Plan:
    """What a user with these values can use."""
    found = {
        PROVIDERS: _first(settings, PROVIDERS, settings.provider, user),
        SCRAPERS: _first(settings, SCRAPERS, settings.scraper, user),
        RERANKERS: _first(settings, RERANKERS, settings.reranker, user),
    }
    if found[SCRAPERS] is None and settings.scraper is None:
        found[SCRAPERS] = Service(OWN)
    if settings.reranker == NONE or (found[RERANKERS] is None and settings.reranker is None):
        found[RERANKERS] = Service(NONE)
    return Plan({name: service for name, service in found.items() if service is not None})


def _first(
    settings: SearchSettings, category: str, wanted: str | None, user: Mapping[str, str]
) -> Service | None:
    for name, service in SERVICES[category].items():
        if wanted in (None, name):
            values = _values(settings, service, user)
            if all(values.get(key) for key in service.required):
                return Service(name, values)
    return None


def _values(settings: SearchSettings, service: _Service, user: Mapping[str, str]) -> Values:
    """The values of a service. An address of the user's counts only if the user has brought its keys too."""
    keys = (*service.required, *service.optional)
    addresses = [key for key in keys if key in ADDRESSES]
    closed = [key for key in addresses if key not in settings.user_addresses]
    with_own = _named(settings, keys, _without(settings, user, closed), addresses)
    if all(with_own.get(key) for key in service.required):
        return with_own
    return _named(settings, keys, _without(settings, user, addresses), ())


def _named(
    settings: SearchSettings, keys: Iterable[str], user: Mapping[str, str], addresses: Iterable[str]
) -> Values:
    names = {settings.names[key]: key for key in keys}
    found = values_for(names, settings.values, user, addresses=[settings.names[key] for key in addresses])
    return Values(
        {names[name]: value for name, value in found.found.items()},
        frozenset(names[name] for name in found.of_user),
    )


def _without(settings: SearchSettings, user: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    gone = {settings.names[key] for key in keys}
    return {name: value for name, value in user.items() if name not in gone}
