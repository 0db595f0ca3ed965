"""Searching the web as a source of tools for runs."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from echo.access.permissions import Needs
from echo.providers.chat import Tool
from echo.settings.agents import AgentSettings
from echo.settings.tools import SearchSettings
from echo.tools.arguments import one_of, optional_text, text
from echo.tools.builtin.keys import UserValues
from echo.tools.outbound import Outbound
from echo.tools.tool import Called, Offer, RunPlace, RunTool, ToolOutput, Wanted
from echo.tools.web.found import Found
from echo.tools.web.output import INSTRUCTIONS, NAME, attachment, model_text
from echo.tools.web.pages import Pages
from echo.tools.web.ranking import Part, Ranker
from echo.tools.web.searching import KINDS, SERPER, TAVILY, TIMES, Query, Searcher
from echo.tools.web.services import PROVIDERS, RERANKERS, SCRAPERS, Plan, plan, variables

CAPABILITY = "web_search"
PERMISSION: Needs = {"WEB_SEARCH": ("USE",)}
# So many of the pages that were found are read, and so many news.
READ, READ_NEWS = 5, 2
MAX_QUERY = 1000
SPEC = Tool(
    NAME,
    "Searches the web now, reads the best pages, and gives what they say, with an anchor for each, by which it is"
    " cited. Once is enough for most answers. The query is a few words; quotation marks, -word, site: and OR work.",
    {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "The words to search for."},
            "date": {
                "type": "string",
                "enum": list(TIMES),
                "description": "Only what is not older than an hour, a day, a week, a month or a year.",
            },
            "country": {"type": "string", "description": "A country's two letters, for results of there."},
            **{
                kind: {"type": "boolean", "description": f"Whether {kind} are searched too."}
                for kind in KINDS
            },
        },
        "required": ["query"],
    },
)


class WebSearch:
    """A `ToolSource`, for who may search; whose keys are used is what `plan` says."""

    def __init__(
        self,
        settings: SearchSettings,
        agents: AgentSettings,
        *,
        user_values: UserValues,
        may: Callable[[str, Needs], bool],
        outbound: Outbound,
        serper: str = SERPER,
        tavily: str = TAVILY,
    ) -> None:
        self._settings = settings
        self._on = agents.can(CAPABILITY)
        self._user_values = user_values
        self._may = may
        self._searcher = Searcher(settings, outbound, serper, tavily)
        self._pages = Pages(settings, outbound)
        self._ranker = Ranker(outbound)

    def plan(self, owner: str) -> Plan:
        """What a user's searches would use."""
        return plan(self._settings, self._user_values(owner, variables(self._settings)))

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        """See `ToolSource`."""
        if NAME not in wanted.names or not self._on:
            return Offer()
        if not await asyncio.to_thread(self._may, place.owner, PERMISSION):
            return Offer()
        services = await asyncio.to_thread(self.plan, place.owner)
        if not services.is_complete:
            return Offer()
        turns = itertools.count()

        async def call(called: Called) -> ToolOutput:
            return await self._call(services, turns, called)

        return Offer((RunTool(SPEC, call),), (INSTRUCTIONS,))

    async def _call(self, services: Plan, turns: Iterator[int], called: Called) -> ToolOutput:
        given = called.arguments
        query = Query(
            text(given, "query", MAX_QUERY),
            one_of(given, "date", tuple(TIMES), ""),
            (optional_text(given, "country", 2) or "").lower(),
            tuple(kind for kind in KINDS if given.get(kind) is True),
        )
        found = await self._searcher.search(services.services[PROVIDERS], query)
        parts = await self._read(services, query.words, found)
        turn = next(turns)
        return ToolOutput.of_text(
            model_text(turn, found, parts), attachments=[attachment(called.id, turn, found, parts)]
        )

    async def _read(self, services: Plan, question: str, found: Found) -> Mapping[str, Sequence[Part]]:
        """The best parts of the pages, by their addresses."""
        chosen = [*found.organic[:READ], *found.topStories[:READ_NEWS]]
        links = list(dict.fromkeys(str(each["link"]) for each in chosen))

        async def best(link: str) -> list[Part]:
            page = await self._pages.text(services.services[SCRAPERS], link)
            return await self._ranker.best(services.services[RERANKERS], question, page) if page else []

        return dict(zip(links, await asyncio.gather(*map(best, links)), strict=True))
