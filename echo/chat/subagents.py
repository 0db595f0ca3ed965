"""Agents that another agent gives a task to: each with a chat of its own, of which only its answer comes back."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from echo.chat import frames
from echo.chat.bench import Bench
from echo.chat.equipping import counted, equipped
from echo.chat.prepared import Asking
from echo.chat.teams import Subagent
from echo.errors import ApiError
from echo.providers.chat import TextDelta, Tool, Turn, Usage
from echo.tools.loop import ToolLoop
from echo.tools.loop_events import CallDone, RoundBegun, RoundEnded, Stopped
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


# Notes what a request of a subagent has used.
NoteRound = Callable[[Asking, Usage], None]


@dataclass(frozen=True)
class TaskHost:
    """For whom the loop of one task works: its requests are paid for, and nobody says anything meanwhile."""

    bench: Bench
    asking: Asking

    async def count(self, text: str) -> int:
        """The tokens of a text."""
        return await self.bench.count(text)

    async def before_round(self, tokens: int) -> Sequence[Turn]:
        """See `Bench`."""
        return await self.bench.before_round(self.asking)


@dataclass(frozen=True)
class Delegation:
    """Runs the tasks that one agent gives, for one answer."""

    subagents: Mapping[str, Subagent]
    bench: Bench
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
        asking = await counted(replace(asking, request=request), self.bench.count)
        looped, asking = await equipped(asking, self.bench.sources, self.bench.place, self.bench.count)
        said: list[str] = []
        async with aclosing(ToolLoop(looped, asking.limits, TaskHost(self.bench, asking)).events()) as events:
            async for event in events:
                if isinstance(event, RoundBegun):
                    said = []
                elif isinstance(event, TextDelta):
                    said.append(event.text)
                elif isinstance(event, RoundEnded):
                    self.note(asking, event.usage)
                elif isinstance(event, CallDone):
                    for attachment in event.output.attachments:
                        self.bench.attach(called.id, attachment)
                elif isinstance(event, Stopped):
                    said.append(f"\n[{event.sentence}]")
        return "".join(said)

    def _tell(self, called: Called, subagent: Subagent, run_id: str, phase: str) -> None:
        told = frames.subagent_update(
            self.bench.answer_id,
            {
                "subagentRunId": run_id,
                "subagentType": subagent.kind,
                "subagentAgentId": subagent.asking.agent_id,
                "parentToolCallId": called.id,
                "phase": phase,
                "label": subagent.name,
            },
        )
        self.bench.transcript.add(frames.MESSAGE, told)
