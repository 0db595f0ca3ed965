"""What a model is given before it is first asked: the tools that are there for this run, and words about them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import orjson

from echo.chat.calls import without_calls
from echo.chat.context import REQUEST_TOKENS
from echo.chat.prepared import Asking
from echo.providers.chat import Tool
from echo.tools.loop import Looped
from echo.tools.room import made_room
from echo.tools.sources import Sources
from echo.tools.tool import Offer, RunPlace

Count = Callable[[str], Awaitable[int]]


async def equipped(asking: Asking, sources: Sources, place: RunPlace, count: Count) -> tuple[Looped, Asking]:
    """The loop that is to run, and the asking with the figures of its tools."""
    offer = await sources.offer(asking.wanted, replace(place, placeholders=asking.placeholders))
    if not offer.tools:
        # What it called earlier would be of no use to it, and some providers refuse calls without tools.
        asking = replace(asking, request=replace(asking.request, turns=without_calls(asking.request.turns)))
    if not (offer.tools or offer.instructions):
        return looped_of(asking, offer), asking
    words = "\n\n".join(offer.instructions)
    told = await count(words) if words else 0
    tools = await count("".join(shown(tool.spec) for tool in offer.tools)) if offer.tools else 0
    request = asking.request
    if words:
        request = replace(request, system="\n\n".join(filter(None, (request.system, words))))
    excess = read_by(asking.counts) + told + tools - asking.counts["budget"]
    if excess > 0:
        request = replace(request, turns=made_room(request.turns, max(0, len(request.turns) - 1), excess)[0])
    counts = {
        **asking.counts,
        "system": asking.counts["system"] + told,
        "messages": max(0, asking.counts["messages"] - max(0, excess)),
        "tool_tokens": tools,
        "tools": len(offer.tools),
    }
    made = replace(asking, request=request, counts=counts)
    return looped_of(made, offer), made


async def counted(asking: Asking, count: Count) -> Asking:
    """The asking with the figures of its turns, which are others than it was prepared with."""
    texts = [turn.text + "".join(result.text for result in turn.results) for turn in asking.request.turns]
    messages = await count("\n".join(texts)) + REQUEST_TOKENS
    return replace(asking, counts={**asking.counts, "messages": messages})


def looped_of(asking: Asking, offer: Offer) -> Looped:
    """The loop for a request that is ready."""
    return Looped(
        asking.provider,
        asking.request,
        asking.credentials,
        offer.tools,
        read_by(asking.counts) + asking.counts.get("tool_tokens", 0),
        asking.counts["budget"],
    )


def shown(tool: Tool) -> str:
    """About what a provider shows its model of a tool."""
    about = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return orjson.dumps(about, default=str).decode()


def read_by(counts: Mapping[str, int]) -> int:
    """The tokens of a request, as they are counted before anybody is asked."""
    return counts["system"] + counts["messages"]
