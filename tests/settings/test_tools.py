"""What operators set for tools: LibreChat's variables, `webSearch`, `actions` and the lists of tools."""

from collections.abc import Callable
from pathlib import Path

import pytest

from echo.settings import Settings, load_settings
from echo.settings.reader import SettingsError

Load = Callable[..., Settings]


@pytest.fixture
def written(tmp_path: Path) -> Load:
    def load(text: str, **environ: str) -> Settings:
        file = tmp_path / "librechat.yaml"
        file.write_text(f"version: 1.3.5\n{text}")
        return load_settings(environ, config_file=file)

    return load


def test_keys_are_the_operators_unless_users_bring_them() -> None:
    tools = load_settings({"GOOGLE_CSE_ID": "c", "TAVILY_API_KEY": "user_provided", "GOOGLE_KEY": "g"}).tools
    assert tools.values == {"GOOGLE_CSE_ID": "c", "GOOGLE_KEY": "g"}
    assert "'c'" not in repr(tools)


def test_lists_choose_among_built_in_tools(written: Load) -> None:
    tools = written("includedTools: [google]\nfilteredTools: [google]\n").tools
    assert (tools.has("google"), tools.has("dalle")) == (True, False)
    assert not written("filteredTools: [dalle]\n").tools.has("dalle")


def test_web_search_names_variables(written: Load) -> None:
    text = """
webSearch:
  serperApiKey: ${MY_SERPER}
  jinaApiKey: sk-written-out
  searchProvider: serper
  rerankerType: none
  safeSearch: 2
  scraperTimeout: 3000
  tavilySearchOptions: {searchDepth: fast, includeAnswer: basic}
  allowedAddresses: ["10.0.0.1:8080"]
"""
    settings = written(text, MY_SERPER="s", SERPER_API_KEY="other", JINA_API_KEY="user_provided")
    search = settings.tools.search
    assert (search.names["serperApiKey"], search.names["jinaApiKey"]) == ("MY_SERPER", "JINA_API_KEY")
    assert search.values == {"MY_SERPER": "s"}
    assert (search.provider, search.scraper, search.reranker, search.safe_search) == (
        "serper",
        None,
        "none",
        2,
    )
    assert (search.scraper_seconds, search.addresses) == (3.0, ("10.0.0.1:8080",))
    assert search.tavily_search == {"searchDepth": "fast", "includeAnswer": "basic"}
    [notice] = [each for each in settings.notices if "jinaApiKey" in each]
    assert "must name a variable" in notice
    assert "sk-written-out" not in notice


def test_tavilys_addresses_are_users_only_where_the_operator_says_so() -> None:
    assert "tavilySearchUrl" not in load_settings({}).tools.search.user_addresses
    opened = load_settings({"TAVILY_SEARCH_URL": "user_provided"}).tools.search.user_addresses
    assert "tavilySearchUrl" in opened


@pytest.mark.parametrize(
    "text",
    [
        "webSearch: {serperApiKey: '${JWT_SECRET}'}",
        "webSearch: {searchProvider: bing}",
        "webSearch: {safeSearch: 3}",
        "webSearch: {allowedAddresses: ['10.0.0.1']}",
        "actions: {allowedAddresses: ['http://10.0.0.1']}",
    ],
)
def test_what_is_wrong_stops_the_start(text: str, written: Load) -> None:
    with pytest.raises(SettingsError):
        written(text)


def test_actions_may_ask_what_is_listed(written: Load) -> None:
    text = "actions: {allowedDomains: [' API.example.com '], allowedAddresses: ['10.0.0.1:80']}"
    rules = written(text).tools.actions
    assert (rules.domains, rules.addresses) == (("api.example.com",), ("10.0.0.1:80",))
    assert written("actions: {allowedDomains: []}").tools.actions.domains is None
