"""Agents as models of `/v1`: whoever may talk with one may ask it, and it uses its tools before it answers."""

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace

from echo.chat.agents import AGENTS, MADE, AgentsAndModels
from echo.chat.context import SHARE, window_of
from echo.chat.equipping import Count, equipped
from echo.chat.preparation import request_of
from echo.chat.prepared import Asking
from echo.chat.request import Asked, Settled, settle
from echo.chat.respondent import Respondent
from echo.chat.senders import provider_name
from echo.chat.sides import artifacts_prompt
from echo.chat.variables import Variables
from echo.errors import FieldError, Forbidden, NotFound, Unprocessable
from echo.handling.caller import Caller
from echo.providers.chat import (
    ChatProvider,
    ChatRequest,
    Cited,
    Credentials,
    Event,
    Finished,
    Logprobs,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    Turn,
    Usage,
    ignore,
)
from echo.settings import ProviderSettings
from echo.settings.model import AgentSettings
from echo.tools.limits import LoopLimits, limits_of
from echo.tools.loop import Looped, ToolLoop
from echo.tools.loop_events import RoundEnded, Stopped
from echo.tools.sources import Sources
from echo.tools.tool import RunPlace
from storage.core.errors import NotFound as NotStored

# How many of a caller's agents are listed.
MOST_LISTED = 1000
# What a program is told; not what only the model itself could be given back.
SAID = (TextDelta, ReasoningDelta, RefusalDelta, Cited, Logprobs)
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


# What has been used, how many tokens are read next, and the most that may be written then.
Reserve = Callable[[Usage, int, int | None], Awaitable[None]]


async def for_nothing(_used: Usage, _tokens: int, _most: int | None) -> None:
    """For who need not pay."""


@dataclass(frozen=True)
class AgentParts:
    """What agents under `/v1` need: who lists and finds them, the kinds of tools, what agents may be here.

    `listed` gives the ids of a caller's agents, up to a number. `check` raises `Forbidden` for what a role lacks.
    """

    respondents: AgentsAndModels
    listed: Callable[[Caller, int], Iterable[str]]
    check: Callable[[str, Mapping[str, Iterable[str]]], None]
    sources: Sources
    rules: AgentSettings
    count: Count


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
        self,
        caller: Caller,
        found: Respondent,
        inner: ChatProvider,
        settings: ProviderSettings,
        variables: Variables,
    ) -> "AgentProvider":
        """The agent as a provider."""
        settled = settle(found.fixed or {}, [])
        artifacts = artifacts_prompt(found, settled) if self._parts.rules.can("artifacts") else None
        system = "\n\n".join(filter(None, (variables.prompt(settled.system), artifacts))) or None
        window = window_of(
            settled.model or "",
            settled.max_context_tokens,
            set_to=settings.prices.get(settled.model or "", {}).get("context"),
        )
        answer_id, conversation_id = str(uuid.uuid4()), str(uuid.uuid4())
        place = RunPlace(
            caller.id,
            conversation_id,
            answer_id,
            variables.placeholders(conversationId=conversation_id, messageId=answer_id)
            if found.wanted.names
            else {},
        )
        limits = limits_of(
            self._parts.rules, window, result_chars=settings.tool_result_chars, steps=found.steps
        )
        return AgentProvider(
            self._parts, inner, replace(settled, system=system), found, settings, place, limits, window
        )


@dataclass(frozen=True)
class AgentProvider:
    """One agent, for one request, as `echo.providers.chat.ChatProvider`: its calls of tools are not told."""

    parts: AgentParts
    inner: ChatProvider
    settled: Settled
    found: Respondent
    settings: ProviderSettings
    place: RunPlace
    limits: LoopLimits
    window: int
    reserve: Reserve = for_nothing

    def paying(self, reserve: Reserve) -> "AgentProvider":
        """The same for a request that has to be paid for."""
        return replace(self, reserve=reserve)

    def request(self, asked: ChatRequest) -> ChatRequest:
        """The request with the agent's parameters and instructions.

        Raises `Unprocessable` for what is the agent's own.
        """
        refuse_own(asked)
        own = request_of(self.settled, asked.model, asked.turns)
        system = "\n\n".join(filter(None, (own.system, asked.system))) or None
        kept = {name: getattr(asked, name) for name in OF_REQUEST if getattr(asked, name) not in (None, ())}
        return replace(own, system=system, placeholders=asked.placeholders, **kept)

    async def models(self, credentials: Credentials | None = None) -> tuple[str, ...]:
        """Its one model."""
        return (self.settled.model or "",)

    async def complete(
        self,
        request: ChatRequest,
        credentials: Credentials | None = None,
        told: Callable[[Usage], object] = ignore,
    ) -> str:
        """A short answer of its model, without tools."""
        return await self.inner.complete(request, credentials, told)

    async def stream(
        self, request: ChatRequest, credentials: Credentials | None = None
    ) -> AsyncGenerator[Event, None]:
        """The answer; its usage is that of all its requests together."""
        host = AgentHost(self.parts.count, self.reserve, request.max_tokens)
        loop = ToolLoop(await self._looped(request, credentials), self.limits, host)
        finished = Finished("other")
        async with aclosing(loop.events()) as events:
            async for event in events:
                if isinstance(event, RoundEnded):
                    host.used = together(host.used, event.usage)
                    yield host.used
                elif isinstance(event, Finished):
                    finished = event
                elif isinstance(event, Stopped):
                    finished = Finished("length")
                elif isinstance(event, SAID):
                    yield event
        yield finished

    async def _looped(self, request: ChatRequest, credentials: Credentials | None) -> Looped:
        texts = [turn.text + "".join(result.text for result in turn.results) for turn in request.turns]
        counts = {
            "window": self.window,
            "budget": int(self.window * SHARE),
            "system": await self.parts.count(request.system or ""),
            "messages": await self.parts.count("\n".join(texts)),
        }
        asking = Asking(
            self.inner,
            request,
            credentials,
            counts,
            str(self.found.agent_id),
            provider_name(self.settings),
            wanted=self.found.wanted,
            limits=self.limits,
            placeholders=self.place.placeholders,
        )
        looped, _ = await equipped(asking, self.parts.sources, self.place, self.parts.count)
        return looped


@dataclass
class AgentHost:
    """For whom the loop of one request works; `used` is what its rounds have used."""

    counting: Count
    reserve: Reserve
    max_tokens: int | None
    used: Usage = field(default_factory=lambda: Usage(0, 0))

    async def count(self, text: str) -> int:
        """The tokens of a text."""
        return await self.counting(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        """Hold what the next request may come to; nothing is said meanwhile."""
        await self.reserve(self.used, tokens, self.max_tokens)
        return ()

    async def summarise(self, turns: Sequence[Turn], used: int) -> Turn | None:
        """For the loop: what there is no room for is left out."""
        return None


def together(one: Usage, other: Usage) -> Usage:
    """What two requests used."""
    return Usage(*(getattr(one, each.name) + getattr(other, each.name) for each in fields(Usage)))


def refuse_own(asked: ChatRequest) -> None:
    """Raise `Unprocessable` for what a request may not say of an agent."""
    if found := sorted(asked.set_names().intersection(NOT_FOR_AGENTS)):
        raise Unprocessable(
            f"An agent is not asked with {', '.join(found)}.",
            code="unsupported_parameter",
            errors=tuple(FieldError(name, "is not for agents") for name in found),
        )
