"""Agents as models of `/v1`: whoever may talk with one may ask it, and it uses its tools before it answers."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from echo.accounts.metering import Spending
from echo.chat.agents import AGENTS, MADE, AgentsAndModels
from echo.chat.bench import Kit
from echo.chat.endpoints import Chosen
from echo.chat.equipping import Count
from echo.chat.members import For, Members
from echo.chat.prepared import Asking
from echo.chat.request import Asked, request_of, settle
from echo.chat.respondent import Respondent
from echo.chat.senders import provider_name
from echo.chat.sides import Side, artifacts_prompt
from echo.chat.summaries import Summarising
from echo.chat.summarisers import Summarisers
from echo.chat.variables import Variables
from echo.completions.agent_runs import AgentRun
from echo.completions.purse import Purse
from echo.errors import FieldError, Forbidden, NotFound, Unprocessable
from echo.handling.caller import Caller
from echo.providers.chat import ChatRequest, Credentials, Event, Usage, ignore
from echo.settings.agents import AgentSettings
from echo.tools.sources import Sources
from echo.tools.tool import RunPlace
from storage.core.errors import NotFound as NotStored

# How many of a caller's agents are listed.
MOST_LISTED = 1000
# What is the agent's own, or has no meaning for several rounds.
NOT_FOR_AGENTS = (
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "n",
    "modalities",
    "audio",
    "web_search_options",
)
# What a request may say itself: the agent says nothing of these.
OF_REQUEST = (
    "response_format",
    "seed",
    "stop",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "prediction",
    "verbosity",
)


@dataclass(frozen=True)
class AgentParts:
    """What agents under `/v1` need: who lists and finds them, the kinds of tools, what agents may be here.

    `listed` gives the ids of a caller's agents, up to a number. `check` raises `Forbidden` for what a role lacks.
    `share` is how much of a model's window is used, `summarisers` say who summarises what has no room in it.
    """

    respondents: AgentsAndModels
    listed: Callable[[Caller, int], Iterable[str]]
    check: Callable[[str, Mapping[str, Iterable[str]]], None]
    sources: Sources
    rules: AgentSettings
    count: Count
    members: Members
    share: float
    summarisers: Summarisers


def is_agent(wanted: str) -> bool:
    """Whether the name of a model is an agent's: its id, alone or after `agents/`."""
    return wanted.removeprefix(f"{AGENTS}/").startswith(MADE)


class AgentModels:
    """Finds the agents that a caller may ask; for threads."""

    def __init__(self, parts: AgentParts) -> None:
        self._parts = parts

    def names(self, caller: Caller) -> list[str]:
        """The ids of the caller's agents."""
        try:
            self._parts.check(caller.id, {"AGENTS": ("USE",)})
        except Forbidden:
            return []
        return [each for each in self._parts.listed(caller, MOST_LISTED) if caller.may_ask(AGENTS, each)]

    def find(self, caller: Caller, wanted: str, variables: Variables) -> Respondent:
        """The agent that the name of a model means. Raises `NotFound`, `Forbidden`, `Unprocessable`.

        The variables are ready to be filled in then.
        """
        agent_id = wanted.removeprefix(f"{AGENTS}/")
        variables.read_user()
        self._parts.check(caller.id, {"AGENTS": ("USE",)})
        try:
            if not caller.may_ask(AGENTS, agent_id):
                raise NotStored
            return self._parts.respondents.find(caller.id, AGENTS, Asked(agent_id=agent_id))
        except (NotFound, NotStored) as error:
            raise NotFound("There is no such agent.", code="model_not_found") from error

    def provider(
        self, caller: Caller, found: Respondent, chosen: Chosen, variables: Variables
    ) -> "AgentProvider":
        """The agent as a provider; `chosen` is what its own model is asked at."""
        settled = settle(found.fixed or {}, [])
        artifacts = artifacts_prompt(found, settled) if self._parts.rules.can("artifacts") else None
        system = "\n\n".join(filter(None, (variables.prompt(settled.system), artifacts))) or None
        model, agent_id = settled.model or "", str(found.agent_id)
        sender = found.sender or agent_id
        side = Side(
            chosen, replace(settled, system=system), model, found, sender, agent_id, wanted=found.wanted
        )
        ids = {"conversationId": str(uuid.uuid4()), "messageId": str(uuid.uuid4())}
        summarising = self._parts.summarisers.of(caller.id, side, variables, ids["messageId"])
        return AgentProvider(self._parts, side, For(caller.id, variables, ids), summarising)


@dataclass(frozen=True)
class AgentProvider:
    """One agent, for one request, as `echo.providers.chat.ChatProvider`: its calls of tools are not told."""

    parts: AgentParts
    side: Side
    whom: For
    summarising: Summarising | None
    spending: Spending | None = None

    def paying(self, spending: Spending) -> "AgentProvider":
        """The same for a request whose first request to a model is held already."""
        return replace(self, spending=spending)

    def request(self, asked: ChatRequest) -> ChatRequest:
        """The request with the agent's parameters and instructions.

        Raises `Unprocessable` for what is the agent's own.
        """
        refuse_own(asked)
        own = request_of(self.side.settled, asked.model, asked.turns)
        system = "\n\n".join(filter(None, (own.system, asked.system))) or None
        kept = {name: getattr(asked, name) for name in OF_REQUEST if getattr(asked, name) not in (None, ())}
        return replace(own, system=system, placeholders=asked.placeholders, **kept)

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        """Its one model."""
        return (self.side.model,)

    async def complete(
        self,
        request: ChatRequest,
        credentials: Credentials | None = None,
        told: Callable[[Usage], object] = ignore,
    ) -> str:
        """A short answer of its model, without tools."""
        return await self.side.chosen.provider.complete(request, credentials, told)

    async def stream(
        self, request: ChatRequest, credentials: Credentials | None = None
    ) -> AsyncGenerator[Event, None]:
        """The answer, of all who take part; its usage is that of all requests together.

        Raises what asking raises, and, before any request, what the caller's limits are in the way of.
        """
        asking = await self._asking(request, credentials)
        purse = Purse(self.spending)
        place = RunPlace(
            self.whom.owner,
            str(self.whom.ids["conversationId"]),
            str(self.whom.ids["messageId"]),
            asking.placeholders,
        )
        kit = Kit(self.parts.sources, place, self.parts.count, keep_nothing, purse.hold, purse.end)
        try:
            async with aclosing(AgentRun(kit, purse).events(asking)) as events:
                async for event in events:
                    yield event
        finally:
            await purse.close()

    async def _asking(self, request: ChatRequest, credentials: Credentials | None) -> Asking:
        side, whom = self.side, self.whom
        settings = side.chosen.settings
        window = side.window
        texts = [turn.text + "".join(result.text for result in turn.results) for turn in request.turns]
        asking = Asking(
            side.chosen.provider,
            request,
            credentials,
            {
                "window": window,
                "budget": int(window * self.parts.share),
                "system": await self.parts.count(request.system or ""),
                "messages": await self.parts.count("\n".join(texts)),
            },
            side.agent_id,
            provider_name(settings),
            wanted=side.wanted,
            limits=self.parts.members.limits(side, window),
            placeholders=whom.variables.placeholders(**whom.ids) if side.wanted.names else {},
            endpoint=side.chosen.name,
            ends_after_tools=side.respondent.ends_after_tools,
            summarising=self.summarising,
        )
        if not (side.respondent.edges or side.respondent.subagents):
            return asking
        return await asyncio.to_thread(self.parts.members.joined, side, asking, whom)


def keep_nothing(_call_id: str, _attachment: Mapping[str, Any]) -> None:
    """What tools show beside an answer is for people."""


def refuse_own(asked: ChatRequest) -> None:
    """Raise `Unprocessable` for what a request may not say of an agent."""
    if found := sorted(asked.set_names().intersection(NOT_FOR_AGENTS)):
        raise Unprocessable(
            f"An agent is not asked with {', '.join(found)}.",
            code="unsupported_parameter",
            errors=tuple(FieldError(name, "is not for agents") for name in found),
        )
