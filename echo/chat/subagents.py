"""Agents that another agent gives a task to: each with a chat of its own, of which only its answer comes back."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from echo.chat import frames
from echo.chat.bench import Kit
from echo.chat.equipping import counted, equipped
from echo.chat.prepared import Asking
from echo.chat.teams import Subagent
from echo.errors import ApiError
from echo.providers.chat import TextDelta, Tool, Turn, Usage
from echo.tools.limits import CHARS_OF_TOKEN
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
    tokens: int
    said: list[str] = field(default_factory=list)
    is_asking: bool = False

    async def count(self, text: str) -> int:
        """For the loop: the tokens of a text."""
        return await self.kit.count(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        """For the loop: see `Kit`."""
        self.tokens = tokens
        return await self.kit.before_round(self.asking, tokens)

    async def summarise(self, turns: Sequence[Turn], used: int) -> Turn | None:
        """For the loop: what there is no room for is left out."""
        return None

    async def work(self, looped: Looped) -> str:
        """The agent's answer. Raises what asking raises."""
        # The first request of a task is one more of the run's, as those after it are.
        await self.before_round(looped.tokens)
        try:
            async with aclosing(ToolLoop(looped, self.asking.limits, self).events()) as events:
                async for event in events:
                    self._take(event)
        finally:
            self._end()
        return "".join(self.said)

    def _take(self, event: LoopEvent) -> None:
        if isinstance(event, RoundBegun):
            self.said, self.is_asking = [], True
        elif isinstance(event, TextDelta):
            self.said.append(event.text)
        elif isinstance(event, RoundEnded):
            self.is_asking = False
            self.note(self.asking, event.usage)
        elif isinstance(event, CallDone):
            for attachment in event.output.attachments:
                self.kit.attach(self.call_id, attachment)
        elif isinstance(event, Stopped):
            self.said.append(f"\n[{event.sentence}]")

    def _end(self) -> None:
        if self.is_asking and self.said:
            # The request was broken off: it costs what had come, which nobody has time to count.
            chars = sum(len(each) for each in self.said)
            self.note(self.asking, Usage(self.tokens, max(1, chars // CHARS_OF_TOKEN)))
        self.kit.ended(self.asking)


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
            said = await self._run(called, subagent.asking, task)
        except ApiError as error:
            self._tell(called, subagent, run_id, "error")
            raise ToolFailure(error.message) from error
        self._tell(called, subagent, run_id, "stop")
        return ToolOutput.of_text(said)

    async def _run(self, called: Called, asking: Asking, task: str) -> str:
        request = replace(asking.request, turns=(Turn.of_text("user", task),))
        asking = await counted(replace(asking, request=request), self.kit.count)
        looped, asking = await equipped(asking, self.kit.sources, self.kit.place, self.kit.count)
        return await Task(self.kit, asking, self.note, called.id, looped.tokens).work(looped)

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
