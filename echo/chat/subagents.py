"""Agents that another agent gives a task to: each with a chat of its own, of which only its answer comes back."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from echo.chat import frames
from echo.chat.bench import Kit
from echo.chat.equipping import counted, equipped
from echo.chat.prepared import Asking
from echo.chat.present import Present
from echo.chat.relay import Leg, Relay
from echo.chat.teams import MOST_AT_ONCE, Subagent
from echo.errors import ApiError
from echo.providers.chat import TextDelta, Tool, Turn, Usage
from echo.tools.loop import Looped, ToolLoop
from echo.tools.loop_events import CallDone, LoopEvent, RoundBegun, RoundEnded, Stopped
from echo.tools.rounds import new_step_id
from echo.tools.tool import Called, RunTool, ToolFailure, ToolOutput

Json = dict[str, Any]
NAME = "subagent"
# A task may take as long as an answer.
SECONDS = 1800.0
ABOUT = """\
Gives a task to another agent, which works on it in a chat of its own and with its own tools. Only its final answer \
comes back. It sees nothing of this chat. Use it for a task that stands for itself and can be described in one text.

The agents:
"""
# Notes what a request has used.
NoteRound = Callable[[Asking, Usage], None]


@dataclass
class Task:
    """One task: for whom its loop works, and what the agent has said at last. Nobody says anything meanwhile."""

    kit: Kit
    asking: Asking
    note: NoteRound
    call_id: str
    present: Present
    said: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What it has said at last."""
        return "".join(self.said)

    async def count(self, text: str) -> int:
        """For the loop: the tokens of a text."""
        return await self.kit.count(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        """For the loop: see `Kit`."""
        self.present.tokens = tokens
        return await self.kit.before_round(self.asking, tokens)

    async def summarise(self, turns: Sequence[Turn], used: int) -> Turn | None:
        """For the loop: what there is no room for is left out."""
        return None

    async def work(self, looped: Looped) -> Sequence[Turn]:
        """The turns that the agent adds; `said` is its answer then. Raises what asking raises."""
        # The first request of a task is one more of the run's, as those after it are.
        await self.before_round(looped.tokens)
        loop = ToolLoop(looped, self.asking.limits, self)
        try:
            async with aclosing(loop.events()) as events:
                async for event in events:
                    self._take(event)
        finally:
            if self.present.is_broken_off:
                self.note(self.asking, await self.present.used(self.count))
            self.kit.ended(self.asking)
        return loop.added

    def _take(self, event: LoopEvent) -> None:
        self.present.take(event)
        if isinstance(event, RoundBegun):
            self.said = []
        elif isinstance(event, TextDelta):
            self.said.append(event.text)
        elif isinstance(event, RoundEnded):
            self.present.is_asking = False
            self.note(self.asking, event.usage)
        elif isinstance(event, CallDone):
            for attachment in event.output.attachments:
                self.kit.attach(self.call_id, attachment)
        elif isinstance(event, Stopped):
            self.said.append(f"\n[{event.sentence}]")


@dataclass(frozen=True)
class Delegation:
    """Runs the tasks that one agent gives, for one answer."""

    subagents: Mapping[str, Subagent]
    kit: Kit
    note: NoteRound

    @property
    def tool(self) -> RunTool:
        """The tool by which a task is given; its arguments are LibreChat's."""
        listed = "\n".join(
            f'- "{each.kind}" ({each.name}): {each.description}' for each in self.subagents.values()
        )
        task = "The whole task: it is all that the agent is told."
        parameters = {
            "type": "object",
            "properties": {
                "description": {"type": "string", "description": task},
                "subagent_type": {
                    "type": "string",
                    "enum": list(self.subagents),
                    "description": "Which agent.",
                },
            },
            "required": ["description", "subagent_type"],
        }
        return RunTool(Tool(NAME, ABOUT + listed, parameters), self._call, SECONDS)

    async def _call(self, called: Called) -> ToolOutput:
        task, kind = called.arguments.get("description"), called.arguments.get("subagent_type")
        subagent = self.subagents.get(kind) if isinstance(kind, str) else None
        if subagent is None:
            raise ToolFailure("There is no such subagent_type.")
        if not isinstance(task, str) or not task.strip():
            raise ToolFailure("The description of the task is missing.")
        run_id = new_step_id()
        self._tell(called, subagent, run_id, "start")
        try:
            said = await self._run(called, subagent, task)
        except ApiError as error:
            self._tell(called, subagent, run_id, "error")
            raise ToolFailure(error.message) from error
        self._tell(called, subagent, run_id, "stop")
        return ToolOutput.of_text(said)

    async def _run(self, called: Called, subagent: Subagent, task: str) -> str:
        turns = (Turn.of_text("user", task),)
        if subagent.asking.team is None:
            request = replace(subagent.asking.request, turns=turns)
            one = await self._begun(called, replace(subagent.asking, request=request), None)
            await one[0].work(one[1])
            return one[0].text
        relay, said, gate = (
            Relay(subagent.asking.team.told(turns)),
            dict[str, str](),
            asyncio.Semaphore(MOST_AT_ONCE),
        )

        async def work(leg: Leg) -> Sequence[Turn]:
            async with gate:
                task, looped = await self._begun(called, leg.asking, leg)
                added = await task.work(looped)
                said[leg.agent_id] = task.text
                return added

        while legs := relay.next():
            added = await all_of(map(work, legs))
            relay.ended(list(zip(legs, added, strict=True)))
        if subagent.result not in said:
            raise ToolFailure("The team has come to no result.")
        return said[subagent.result]

    async def _begun(self, called: Called, asking: Asking, leg: Leg | None) -> tuple[Task, Looped]:
        asking = await counted(asking, self.kit.count)
        looped, asking = await readied(asking, leg, self.kit, self.note)
        return Task(self.kit, asking, self.note, called.id, Present(looped.tokens)), looped

    def _tell(self, called: Called, subagent: Subagent, run_id: str, phase: str) -> None:
        told = frames.subagent_update(
            self.kit.place.answer_id,
            {
                "subagentRunId": run_id,
                "subagentType": subagent.kind,
                "subagentAgentId": subagent.asking.agent_id,
                "parentToolCallId": called.id,
                "phase": phase,
                "label": subagent.name,
            },
        )
        self.kit.place.tell(frames.MESSAGE, told)


async def readied(asking: Asking, leg: Leg | None, kit: Kit, note: NoteRound) -> tuple[Looped, Asking]:
    """The loop of one who answers, with all its tools: its own, to give tasks, and to hand over on its leg."""
    looped, asking = await equipped(asking, kit.sources, kit.place, kit.count)
    if asking.subagents:
        tool = Delegation(asking.subagents, kit, note).tool
        looped = replace(looped, tools=(*looped.tools, tool))
    return leg.joined(looped) if leg else looped, asking


async def all_of(works: Iterable[Coroutine[Any, Any, Sequence[Turn]]]) -> list[Sequence[Turn]]:
    """What all of them give; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(each) for each in works]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
