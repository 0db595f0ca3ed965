"""Searching the web: whose keys are used, what is fetched, and what becomes of it."""

import asyncio
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from yarl import URL

from echo.services import Services
from echo.settings.agents import AgentSettings
from echo.settings.tools import SearchSettings
from echo.tools.outbound import Outbound, Reply
from echo.tools.tool import Called, Offer, RunPlace, ToolFailure, ToolOutput, Wanted
from echo.tools.web.pages import page_text
from echo.tools.web.ranking import by_words, split
from echo.tools.web.services import plan
from echo.tools.web.source import WebSearch
from tests.conftest import UserClient
from tests.support.chats import new_owner
from tests.support.routes import Answer, Service

SERPER = {"SERPER_API_KEY": "serper"}


class TestPlan:
    def services(self, settings: SearchSettings, user: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        return {name: (each.name, each.owner) for name, each in plan(settings, user).services.items()}

    def test_goes_by_the_keys_that_are_there(self) -> None:
        assert self.services(SearchSettings(values=SERPER), {"JINA_API_KEY": "j"}) == {
            "providers": ("serper", "system_defined"),
            "scrapers": ("serper", "system_defined"),
            "rerankers": ("jina", "user_provided"),
        }

    def test_has_no_search_without_a_key(self) -> None:
        assert not plan(SearchSettings(), {}).is_complete
        assert not plan(SearchSettings(provider="tavily", values=SERPER), {}).is_complete

    def test_needs_no_scraper_and_no_reranker(self) -> None:
        found = self.services(SearchSettings(), {"TAVILY_API_KEY": "t"})
        assert found["scrapers"][0] == "tavily"
        found = self.services(SearchSettings(), {"SEARXNG_INSTANCE_URL": "https://s.example.org"})
        assert (found["scrapers"][0], found["rerankers"][0]) == ("own", "none")

    def test_never_sends_the_operators_key_to_an_address_of_a_users(self) -> None:
        settings = SearchSettings(
            provider="searxng",
            scraper="firecrawl",
            values={"SEARXNG_API_KEY": "secret", "FIRECRAWL_API_KEY": "secret", "JINA_API_KEY": "secret"},
            user_addresses=frozenset({"searxngInstanceUrl", "firecrawlApiUrl", "jinaApiUrl"}),
        )
        evil = "https://evil.example.org"
        user = {"SEARXNG_INSTANCE_URL": evil, "FIRECRAWL_API_URL": evil, "JINA_API_URL": evil}
        services = plan(settings, user).services
        assert dict(services["providers"].values.found) == {"searxngInstanceUrl": evil}
        assert dict(services["scrapers"].values.found) == {"firecrawlApiKey": "secret"}
        assert dict(services["rerankers"].values.found) == {"jinaApiKey": "secret"}
        own = plan(settings, {**user, "JINA_API_KEY": "mine"}).services["rerankers"]
        assert dict(own.values.found) == {"jinaApiKey": "mine", "jinaApiUrl": evil}
        assert own.address("jinaApiUrl", "") == (evil, False)

    def test_takes_tavilys_addresses_of_users_only_where_the_operator_lets_them(self) -> None:
        user = {"TAVILY_API_KEY": "t", "TAVILY_SEARCH_URL": "https://evil.example.org"}
        closed = plan(SearchSettings(provider="tavily"), user).services["providers"]
        assert dict(closed.values.found) == {"tavilyApiKey": "t"}


class TestPages:
    def text(self, html: str, media_type: str = "text/html") -> str:
        return page_text(Reply(200, {}, media_type, html.encode(), URL("https://a.org"), "utf-8"))

    def test_have_their_text_without_what_stands_beside_it(self) -> None:
        words = "grüße " * 50
        article = f"<article><p>{words}</p><script>x()</script>tail</article>"
        html = f"<head><title>T</title></head><nav>menu</nav>{article}"
        found = self.text(html)
        assert words.strip() in found
        assert "tail" in found
        assert "menu" not in found
        assert "x()" not in found

    def test_may_be_plain_and_nothing_else(self) -> None:
        assert self.text("a\nb", "text/plain") == "a\nb"
        assert self.text("%PDF", "application/pdf") == ""

    @pytest.mark.parametrize(
        "html", ["", "<div>" * 100_000 + "x", "<!ENTITY x SYSTEM 'file:///etc/passwd'>&x;", "\0<"]
    )
    def test_may_be_anything(self, html: str) -> None:
        assert "root:" not in self.text(html)


class TestRanking:
    def test_splits_and_finds_by_words(self) -> None:
        parts = split("\n".join(["x" * 1500, "cats sleep", "dogs bark"]))
        assert [len(each) for each in parts[:2]] == [700, 700]
        assert by_words("do cats sleep", ["dogs bark", "cats sleep"])[0].text == "cats sleep"


Search = Callable[..., WebSearch]


@pytest.fixture
def search(asked_service: Service) -> Search:
    def made(
        users: Mapping[str, Mapping[str, str]] | None = None,
        *,
        may: bool = True,
        allowed: bool = True,
        **settings: Any,
    ) -> WebSearch:
        def user_values(owner: str, names: Iterable[str]) -> dict[str, str]:
            own = (users or {}).get(owner, {})
            return {name: own[name] for name in names if name in own}

        return WebSearch(
            SearchSettings(**settings),
            AgentSettings(),
            user_values=user_values,
            may=lambda *_: may,
            outbound=Outbound((asked_service.host,) if allowed else ()),
            serper=asked_service.url,
            tavily=f"{asked_service.url}/tavily",
        )

    return made


def offered(source: WebSearch, place: RunPlace) -> Offer:
    return asyncio.run(source.offer(Wanted(("web_search",)), place))


def called(source: WebSearch, place: RunPlace, times: int = 1, **arguments: Any) -> ToolOutput:
    async def call() -> ToolOutput:
        offer = await source.offer(Wanted(("web_search",)), place)
        for _ in range(times):
            output = await offer.tools[0].call(Called("call_1", {"query": "cats", **arguments}))
        return output

    return asyncio.run(call())


class TestSearch:
    def test_is_for_who_may_and_has_a_key(self, search: Search, place: RunPlace) -> None:
        assert [each.spec.name for each in offered(search(values=SERPER), place).tools] == ["web_search"]
        assert "\\ue202turn0search0" in offered(search(values=SERPER), place).instructions[0]
        assert offered(search(values=SERPER, may=False), place) == Offer()
        assert offered(search({new_owner(): SERPER}), place) == Offer()
        assert offered(search({place.owner: SERPER}), place).tools

    def test_gives_pages_with_anchors_and_an_attachment(
        self, search: Search, place: RunPlace, asked_service: Service
    ) -> None:
        url = asked_service.url
        found = {"title": "Cats", "url": f"{url}/page", "content": "About cats", "publishedDate": "today"}
        junk = [{"url": "javascript:alert(1)"}, {"url": 1}, "x", found]
        asked_service.routes["/search"] = Answer({"results": [found, *junk]})
        asked_service.routes["/page"] = Answer(b"", 302, {"Location": "/there"})
        asked_service.routes["/there"] = Answer(b"<p>Cats sleep all day.</p>", media_type="text/html")
        output = called(search(values={"SEARXNG_INSTANCE_URL": url}), place, times=2)
        text = str(output.content[0].text)  # type: ignore[union-attr]
        assert "=== Web Results, Turn 1 ===" in text
        assert "Anchor: \\ue202turn1search0\nURL: " in text
        assert "Cats sleep all day." in text
        [attachment] = output.attachments
        assert (attachment["type"], attachment["name"]) == ("web_search", "web_search_call_1")
        assert attachment["web_search"]["turn"] == 1
        assert attachment["web_search"]["organic"] == [
            {
                "position": 1,
                "title": "Cats",
                "link": f"{url}/page",
                "snippet": "About cats",
                "attribution": "127.0.0.1",
                "date": "today",
                "processed": True,
            }
        ]

    def test_asks_serper(self, search: Search, place: RunPlace, asked_service: Service) -> None:
        asked_service.routes["/search"] = Answer({"organic": [], "relatedSearches": [{"query": "dogs"}]})
        asked_service.routes["/images"] = Answer(
            {"images": [{"title": "Cat", "imageUrl": "https://a.org/c.png"}]}
        )
        output = called(search(values=SERPER), place, images=True, news=True, date="w", country="DE")
        shown = output.attachments[0]["web_search"]
        assert [each["imageUrl"] for each in shown["images"]] == ["https://a.org/c.png"]
        assert shown["relatedSearches"] == [{"query": "dogs"}]
        sent = asked_service.asked[0]
        assert sent.headers["X-API-KEY"] == "serper"
        assert sent.json == {"q": "cats", "safe": "moderate", "num": 8, "tbs": "qdr:w", "gl": "de"}

    def test_fetches_no_page_of_a_private_address(
        self, search: Search, place: RunPlace, asked_service: Service
    ) -> None:
        url = asked_service.url
        asked_service.routes["/search"] = Answer({"results": [{"url": f"{url}/secret", "title": "T"}]})
        output = called(search(values={"SEARXNG_INSTANCE_URL": url}, allowed=False), place)
        assert [each.path for each in asked_service.asked] == ["/search"]
        assert output.attachments[0]["web_search"]["organic"][0]["processed"] is False

    def test_by_searxng_and_tavily(self, search: Search, place: RunPlace, asked_service: Service) -> None:
        page = {"url": "https://a.example.org/x", "title": "T", "content": "C"}
        asked_service.routes["/search"] = Answer({"results": [page]})
        asked_service.routes["/tavily"] = Answer({"results": [page], "answer": "Yes."})
        xng = search(
            provider="searxng", values={"SEARXNG_INSTANCE_URL": asked_service.url}, scraper_seconds=0.0
        )
        assert "Summary: C" in str(called(xng, place).content)
        assert asked_service.asked[0].query["safesearch"] == "1"
        options = {"searchDepth": "advanced", "timeout": 1}
        tavily = search(
            provider="tavily", values={"TAVILY_API_KEY": "t"}, tavily_search=options, scraper_seconds=0.0
        )
        assert "Yes." in str(called(tavily, place).content)
        assert asked_service.asked[1].json == {"max_results": 8, "search_depth": "advanced", "query": "cats"}

    def test_that_fails_says_so(self, search: Search, place: RunPlace, asked_service: Service) -> None:
        asked_service.routes["/search"] = Answer({"message": "no credits"}, 403)
        with pytest.raises(ToolFailure, match="status 403"):
            called(search(values=SERPER), place)
        with pytest.raises(ToolFailure, match="query"):
            called(search(values=SERPER), place, query="")


def test_is_there_for_a_user_of_whom_nothing_is_remembered(services: Services, ada: UserClient) -> None:
    """A run may be longer than roles are remembered: then the role is asked, and the tool does not vanish."""
    services.accounts.plugin_keys.install(ada.id, "web_search", {"serperApiKey": "k"})
    place = RunPlace(ada.id, str(uuid.uuid4()), str(uuid.uuid4()))
    offer = asyncio.run(services.web_search.offer(Wanted(("web_search",)), place))
    assert [each.spec.name for each in offer.tools] == ["web_search"]
