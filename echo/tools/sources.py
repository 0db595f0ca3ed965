"""All kinds of tools together."""

import asyncio
from collections.abc import Sequence

import structlog

from echo.tools.tool import Offer, RunPlace, RunTool, ToolSource, Wanted

log = structlog.get_logger(__name__)
# Providers take 128 at most.
MAX_TOOLS = 128
# A source that takes longer to say what it has is left out of the run.
OFFER_SECONDS = 30.0


class Sources:
    """Asks every kind of tools, all at once; of two tools with one name the earlier source's stays."""

    def __init__(self, sources: Sequence[ToolSource]) -> None:
        self._sources = tuple(sources)

    async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
        """What is wanted and there; see `ToolSource`. A source that fails is logged and left out."""
        if not wanted.names:
            return Offer()
        offers = await asyncio.gather(*(self._ask(each, wanted, place) for each in self._sources))
        tools: dict[str, RunTool] = {}
        for offer in offers:
            for tool in offer.tools:
                if len(tools) < MAX_TOOLS:
                    tools.setdefault(tool.spec.name, tool)
        return Offer(tuple(tools.values()), tuple(text for offer in offers for text in offer.instructions))

    @staticmethod
    async def _ask(source: ToolSource, wanted: Wanted, place: RunPlace) -> Offer:
        try:
            # One may have to wait for the user, who logs in somewhere.
            seconds = getattr(source, "offer_seconds", OFFER_SECONDS)
            async with asyncio.timeout(seconds):
                return await source.offer(wanted, place)
        except Exception as error:
            log.warning("tools are left out of a run", source=type(source).__name__, cause=repr(error)[:500])
            return Offer()
