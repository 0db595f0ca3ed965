"""Tools of models: LibreChat's variables, and `webSearch`, `actions`, `includedTools` and `filteredTools`."""

from collections.abc import Mapping

from echo.settings.endpoints import USER_PROVIDED
from echo.settings.librechat.code import read_code
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.expansion import FORBIDDEN, VARIABLE
from echo.settings.providers import ADDRESS
from echo.settings.reader import Reader
from echo.settings.tools import (
    SEARCH_VARIABLES,
    VARIABLES,
    ActionSettings,
    SearchSettings,
    ToolSettings,
)

# What LibreChat counts in milliseconds.
SCRAPER_MS = 7500
OPT_IN_ADDRESSES = ("tavilySearchUrl", "tavilyExtractUrl")
ADDRESSES = ("searxngInstanceUrl", "firecrawlApiUrl", "jinaApiUrl")


def read_tools(reader: Reader, config: ConfigFile) -> ToolSettings:
    """What is set for tools. What is wrong in the file is noted there."""
    # The key of Google's models makes its pictures too.
    values = _values(reader, (*VARIABLES, "GOOGLE_KEY"))
    return ToolSettings(
        values=values,
        included=tuple(config.section("includedTools") or ()),
        filtered=tuple(config.section("filteredTools") or ()),
        search=_read_search(reader, config),
        actions=_read_actions(config),
        code=read_code(reader),
    )


def _values(reader: Reader, names: tuple[str, ...]) -> dict[str, str]:
    found = {name: reader.text(name) for name in names}
    return {name: value for name, value in found.items() if value and value != USER_PROVIDED}


def _read_search(reader: Reader, config: ConfigFile) -> SearchSettings:
    said = config.section("webSearch")
    names = {key: _variable(config, key, said.get(key)) or name for key, name in SEARCH_VARIABLES.items()}
    opted = {key for key in OPT_IN_ADDRESSES if reader.text(names[key]) == USER_PROVIDED}
    return SearchSettings(
        provider=said.get("searchProvider"),
        scraper=said.get("scraperProvider"),
        reranker=said.get("rerankerType"),
        safe_search=int(said.get("safeSearch", 1)),
        scraper_seconds=_scraper_ms(said) / 1000,
        names=names,
        values=_values(reader, tuple(names.values())),
        user_addresses=frozenset({*ADDRESSES, *opted}),
        addresses=_addresses(config, "webSearch"),
        firecrawl=dict(said.get("firecrawlOptions", {})),
        tavily_search=dict(said.get("tavilySearchOptions", {})),
        tavily_extract=dict(said.get("tavilyScraperOptions", {})),
    )


def _scraper_ms(said: Mapping[str, object]) -> float:
    options = said.get(
        "tavilyScraperOptions" if said.get("scraperProvider") == "tavily" else "firecrawlOptions"
    )
    own = options.get("timeout") if isinstance(options, Mapping) else None
    given = said.get("scraperTimeout") or own
    return float(given) if isinstance(given, int | float) else SCRAPER_MS


def _variable(config: ConfigFile, key: str, written: str | None) -> str | None:
    """The variable that the file names for a value; as in LibreChat the value itself is of no use there."""
    if written is None:
        return None
    named = VARIABLE.fullmatch(written.strip())
    if named is None:
        config.warn(
            ("webSearch", key),
            f"has no effect: it must name a variable, such as ${{{SEARCH_VARIABLES[key]}}}",
        )
        return None
    if named[1] in FORBIDDEN:
        config.refuse(("webSearch", key), f"must not name {named[1]}, which is a secret of the server itself")
        return None
    return named[1]


def _read_actions(config: ConfigFile) -> ActionSettings:
    listed = config.section("actions").get("allowedDomains") or ()
    domains = tuple(each.strip().lower() for each in listed if each.strip())
    return ActionSettings(domains or None, _addresses(config, "actions"))


def _addresses(config: ConfigFile, section: str) -> tuple[str, ...]:
    listed = config.section(section).get("allowedAddresses", [])
    for index, address in enumerate(listed):
        if not ADDRESS.fullmatch(address):
            config.refuse((section, "allowedAddresses", index), "must be host:port")
    return tuple(listed)
