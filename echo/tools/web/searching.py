"""Asking Serper, SearXNG and Tavily."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echo.settings.tools import SearchSettings
from echo.tools.outbound import Outbound, Request
from echo.tools.tool import ToolFailure
from echo.tools.web.found import (
    MAX_PICTURES,
    MAX_SOURCES,
    MAX_STORIES,
    Found,
    kept,
    objects,
    picture,
    source,
    story,
    text,
)
from echo.tools.web.services import Service

SECONDS = 15.0
SAFE = ("off", "moderate", "active")
KINDS = ("images", "videos", "news")
ENGINES = "google,bing,duckduckgo"
TIMES = {"h": "day", "d": "day", "w": "week", "m": "month", "y": "year"}
# The file's names of Tavily's options, which are Tavily's own in another notation.
CAPITAL = re.compile(r"(?<!^)([A-Z])")
SERPER, TAVILY = "https://google.serper.dev", "https://api.tavily.com/search"
_LISTS = {"": "organic", "news": "news", "images": "images", "videos": "videos"}


@dataclass(frozen=True)
class Query:
    """What is searched for: `date` is one of `TIMES`, `kinds` are some of `KINDS`."""

    words: str
    date: str = ""
    country: str = ""
    kinds: tuple[str, ...] = ()


class Searcher:
    """Asks one service or another."""

    def __init__(self, settings: SearchSettings, outbound: Outbound, serper: str, tavily: str) -> None:
        self._settings = settings
        self._outbound = outbound
        self._serper_base = serper
        self._tavily_address = tavily

    async def search(self, service: Service, query: Query) -> Found:
        """What a service finds. Raises `ToolFailure` where it finds nothing because it fails."""
        ask = {"serper": self._serper, "searxng": self._searxng, "tavily": self._tavily}[service.name]
        found = await ask(service, query, "")
        for other in await asyncio.gather(
            *(ask(service, query, kind) for kind in query.kinds), return_exceptions=True
        ):
            # The pages are there: what is wanted beside them may be missing.
            if isinstance(other, Found):
                found.images += other.images
                found.videos += other.videos
                found.topStories += other.topStories
            elif not isinstance(other, ToolFailure):
                raise other
        found.topStories = kept(found.topStories, MAX_STORIES)
        return found

    async def _serper(self, service: Service, query: Query, kind: str) -> Found:
        body: dict[str, Any] = {
            "q": query.words,
            "safe": SAFE[self._settings.safe_search],
            "num": MAX_SOURCES,
            **({"type": kind} if kind else {}),
            **({"tbs": f"qdr:{query.date}"} if query.date else {}),
            **({"gl": query.country} if query.country else {}),
        }
        headers = {"X-API-KEY": service.values.get("serperApiKey") or ""}
        url = f"{self._serper_base}/{kind or 'search'}"
        return _read(await self._ask(url, "POST", headers=headers, body=body, trusted=True), kind)

    async def _searxng(self, service: Service, query: Query, kind: str) -> Found:
        base, trusted = service.address("searxngInstanceUrl", "")
        asked = {
            "q": query.words,
            "format": "json",
            "pageno": "1",
            "categories": kind or "general",
            "language": "all",
            "safesearch": str(self._settings.safe_search),
            "engines": ENGINES,
            **({"time_range": TIMES[query.date]} if query.date else {}),
        }
        key = service.values.get("searxngApiKey")
        url = base if base.endswith("/search") else f"{base}/search"
        headers = {"X-API-Key": key} if key else {}
        answer = await self._ask(url, query=asked, headers=headers, trusted=trusted)
        return _read({_LISTS[kind]: objects(answer, "results")}, kind, "content")

    async def _tavily(self, service: Service, query: Query, kind: str) -> Found:
        if kind == "videos":
            return Found()
        said = self._settings.tavily_search.items()
        options = {CAPITAL.sub(r"_\1", name).lower(): value for name, value in said if name != "timeout"}
        body = {
            "max_results": MAX_SOURCES,
            **options,
            "query": query.words,
            **({"time_range": TIMES[query.date]} if query.date else {}),
            **({"topic": "news"} if kind == "news" else {}),
            **({"include_images": True} if kind == "images" else {}),
        }
        url, trusted = service.address("tavilySearchUrl", self._tavily_address)
        headers = {"Authorization": f"Bearer {service.values.get('tavilyApiKey')}"}
        answer = await self._ask(url, "POST", headers=headers, body=body, trusted=trusted)
        if kind == "images":
            listed = answer.get("images") if isinstance(answer, Mapping) else None
            entries = [each for each in listed or () if isinstance(each, str | dict)]
            return Found(images=kept([picture(each) for each in entries], MAX_PICTURES))
        found = _read({_LISTS[kind]: objects(answer, "results")}, kind, "content")
        if answered := text(answer.get("answer") if isinstance(answer, Mapping) else None):
            found.answerBox = {"snippet": answered}
        return found

    async def _ask(self, url: str, method: str = "GET", **more: Any) -> Any:
        return await self._outbound.json(Request(url, method, seconds=SECONDS, **more))


def _read(answer: Any, kind: str, snippet: str = "snippet") -> Found:
    """An answer with Serper's lists."""
    stories = (*objects(answer, "topStories"), *objects(answer, "news"))
    found = Found(
        images=kept([picture(each) for each in objects(answer, "images")], MAX_PICTURES),
        videos=kept([story(each) for each in objects(answer, "videos")], MAX_PICTURES),
        topStories=kept([story(each) for each in stories], MAX_STORIES),
    )
    if not kind:
        listed = enumerate(objects(answer, "organic"), 1)
        found.organic = kept([source(position, each, snippet) for position, each in listed], MAX_SOURCES)
        related = [text(each.get("query"), 200) for each in objects(answer, "relatedSearches")]
        found.relatedSearches = [{"query": each} for each in related if each][:MAX_SOURCES]
        box = answer.get("answerBox") if isinstance(answer, Mapping) else None
        if isinstance(box, Mapping) and (answered := text(box.get("snippet") or box.get("answer"))):
            found.answerBox = {"title": text(box.get("title"), 300), "snippet": answered}
    return found
