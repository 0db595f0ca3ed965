"""The memory agent of `librechat.yaml`: beside each answer it notes what the user asks to be remembered.

It is shown what people and models said last, and nothing of what tools returned; it has no tools but the two that
write the memories of the user who asks. The operator has chosen it, and its endpoint is asked with the server's key.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog

from echo.chat.prepared import Prepared
from echo.chat.present import Present
from echo.credits import Credits, Purchase, Spent
from echo.credits.transactions import MEMORY
from echo.errors import ApiError
from echo.library.memories import Memories
from echo.providers.chat import ChatRequest, Providers, Turn, Usage
from echo.settings import ProviderSettings
from echo.settings.agents import MemoryAgent, MemorySettings
from echo.settings.endpoints import normal_name
from echo.tools.limits import LoopLimits
from echo.tools.loop import Looped, ToolLoop
from echo.tools.loop_events import CallDone, RoundEnded
from echo.tools.memory.source import RULE, MemoryTools
from storage.agents.agents import AgentRepository
from storage.core.errors import StorageError

log = structlog.get_logger(__name__)

Json = dict[str, Any]
# By the id of a call: what an answer shows of it.
Attach = Callable[[str, Json], None]
# LibreChat's.
TEMPERATURE = 0.4
# The end of an answer waits for it for so long; it may write for longer.
PATIENCE, SECONDS = 3.0, 60.0
LIMITS = LoopLimits(steps=8, call_seconds=10.0, calls=16, calls_at_once=8)
CHARS_OF_TOKEN = 4
INSTRUCTIONS = (
    "You keep the memories of a user, for all of their chats. You are shown the end of a chat of theirs. You take no "
    f"part in it, and answer nothing. {RULE} If the user asks for neither, end at once, without a word."
)


@dataclass(frozen=True)
class _Asked:
    """A model, as the agent is asked."""

    endpoint: str
    model: str
    instructions: str
    temperature: float | None


class Remembering:
    """Begins the work of the memory agent for a run; there is none where the operator has named none."""

    def __init__(
        self,
        memories: Memories,
        tools: MemoryTools,
        agents: AgentRepository,
        providers: Providers,
        *,
        settings: Sequence[ProviderSettings],
        rules: MemorySettings,
        ledger: Credits,
    ) -> None:
        self._memories = memories
        self._tools = tools
        self._agents = agents
        self._providers = providers
        self._endpoints = {normal_name(each.name): each for each in settings if each.name in providers}
        self._rules = rules
        self._credits = ledger
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, prepared: Prepared, attach: Attach) -> "asyncio.Task[None] | None":
        """The work for a run, on the event loop; None where there is none. It never fails."""
        if self._rules.agent is None or not self._rules.enabled:
            return None
        task = asyncio.create_task(self._work(self._rules.agent, prepared, attach))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _work(self, agent: MemoryAgent, prepared: Prepared, attach: Attach) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                await self._remember(agent, prepared, attach)
        except (ApiError, StorageError, TimeoutError) as error:
            log.warning("nothing is remembered of a chat", run=prepared.run_id, cause=repr(error)[:300])
        except Exception:
            log.exception("the memory agent failed", run=prepared.run_id)

    async def _remember(self, agent: MemoryAgent, prepared: Prepared, attach: Attach) -> None:
        said = window(prepared.first.request.turns, self._rules)
        if not said or not await asyncio.to_thread(self._memories.is_open, prepared.owner):
            return
        asked = await asyncio.to_thread(self._asked, agent)
        provider = self._endpoints.get(normal_name(asked.endpoint)) if asked else None
        if asked is None or provider is None or not provider.available:
            log.warning("the memory agent has no endpoint with a key of the server's")
            return
        known = await asyncio.to_thread(self._known, prepared.owner)
        system = f"{asked.instructions}\n\n{known}"
        request = ChatRequest(
            asked.model,
            [Turn.of_text("user", said)],
            system,
            prepared.first.placeholders,
            temperature=asked.temperature,
        )
        # Where a provider tells no figures.
        tokens = tokens_of(f"{system}\n{said}")
        tools = self._tools.tools(prepared.owner)
        looped = Looped(self._providers[provider.name], request, None, tools, tokens)
        place = prepared.conversation_id, str(prepared.about["responseMessageId"])
        bought = Purchase(provider.name, asked.model, MEMORY, *place)
        spent: list[Spent] = []
        try:
            await _work_on(looped, attach, lambda usage: spent.append(Spent(bought, usage)))
        finally:
            # As for a title nothing was held for it, and it is never refused.
            if spent and self._credits.counts:
                await asyncio.to_thread(self._credits.settle, prepared.owner, "", spent)

    def _asked(self, agent: MemoryAgent) -> _Asked | None:
        if agent.agent_id is None:
            instructions = agent.instructions or INSTRUCTIONS
            temperature = TEMPERATURE if agent.temperature is None else agent.temperature
            return _Asked(str(agent.endpoint), str(agent.model), instructions, temperature)
        made = self._agents.get(agent.agent_id)
        if not (made.get("provider") and made.get("model")):
            return None
        own = str(made.get("instructions") or INSTRUCTIONS)
        return _Asked(str(made["provider"]), str(made["model"]), own, TEMPERATURE)

    def _known(self, owner: str) -> str:
        """What the agent is told of the memories that there are."""
        lines = [f"- {each.get('key')}: {each.get('value')}" for each in self._memories.known(owner)]
        parts = ["Memories that there are, by their keys:", *(lines or ["- none"])]
        if self._rules.keys:
            parts.append(f"Keys that there may be: {', '.join(self._rules.keys)}.")
        if (room := self._memories.room(owner)) is not None:
            parts.append(f"There is room for {max(0, room)} tokens more.")
        return "\n".join(parts)


def window(turns: Sequence[Turn], rules: MemorySettings) -> str:
    """What was said last, as one text: its end, if it is long."""
    said: list[str] = []
    for turn in turns:
        if turn.role in _NAMES and turn.text.strip():
            said.append(f"{_NAMES[turn.role]}: {turn.text}")
    return "\n\n".join(said[-rules.window :])[-rules.input_tokens * CHARS_OF_TOKEN :]


_NAMES: Mapping[str, str] = {"user": "User", "assistant": "Assistant"}


async def _work_on(looped: Looped, attach: Attach, note: Callable[[Usage], None]) -> None:
    """Let the agent work; `note` gets what each of its requests has used, however it ended."""
    present = Present(looped.tokens)
    host = _Host(present)
    try:
        async with aclosing(ToolLoop(looped, LIMITS, host).events()) as events:
            async for event in events:
                present.take(event)
                if isinstance(event, RoundEnded):
                    present.is_asking = False
                    note(event.usage)
                elif isinstance(event, CallDone):
                    for attachment in event.output.attachments:
                        attach(event.call.id, attachment)
    finally:
        if present.is_broken_off:
            note(await present.used(host.count))


def tokens_of(text: str) -> int:
    """About how many a text has."""
    return len(text) // CHARS_OF_TOKEN


class _Host:
    """See `Host`: nobody says anything meanwhile."""

    def __init__(self, present: Present) -> None:
        self._present = present

    async def count(self, text: str) -> int:
        return tokens_of(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        self._present.tokens = tokens
        return ()

    async def summarise(self, turns: Sequence[Turn], used: int) -> Turn | None:
        return None
