"""The way of one answer through several agents: who is next, and with which turns."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from echo.chat.prepared import Asking
from echo.chat.teams import MOST_LEGS, Edge, Team, after_direct, after_handoff
from echo.providers.chat import Turn
from echo.tools.loop import Looped
from echo.tools.tool import Called, RunTool, ToolOutput

BUSY = "Error: The chat has been handed over already."


@dataclass
class Coming:
    """An agent that is to come, by which edge, and what was said in this answer by those before it."""

    agent_id: str
    edge: Edge | None = None
    said: tuple[Turn, ...] = ()
    instructions: str | None = None


@dataclass
class Relay:
    """One answer; `legs` is how often an agent has begun."""

    team: Team
    first: str
    legs: int = 0
    _present: Coming = field(init=False)
    _handed: tuple[Edge, str | None] | None = None
    _waiting: list[Coming] = field(default_factory=list)
    # Who has ended comes no second time, unless somebody hands over.
    _ended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._present = Coming(self.first)
        self._waiting.append(self._present)

    def next(self) -> Asking | None:
        """The agent that comes next; None at the end, and after so many that they go round in circles."""
        if not self._waiting or self.legs >= MOST_LEGS:
            return None
        coming = self._present = self._waiting.pop(0)
        self._handed, self.legs = None, self.legs + 1
        asking: Asking = self.team.members[coming.agent_id]
        if coming.edge is None:
            return asking
        turns = self._turns(asking.request.turns, coming, coming.edge)
        return replace(asking, request=replace(asking.request, turns=tuple(turns)))

    @staticmethod
    def _turns(base: Sequence[Turn], coming: Coming, edge: Edge) -> list[Turn]:
        if edge.is_handoff:
            return after_handoff([*base, *coming.said], coming.instructions)
        return after_direct(base, coming.said, edge)

    @property
    def is_hidden(self) -> bool:
        """Whether readers do not get what the present agent says: others come after it."""
        return self.team.hides and bool(self.team.after(self._present.agent_id))

    def joined(self, looped: Looped) -> Looped:
        """The loop of the present agent, with the tools by which it may hand over."""
        handing = [self._tool(edge) for edge in self.team.handoffs(self._present.agent_id).values()]
        if not handing:
            return looped
        return replace(looped, tools=(*looped.tools, *handing), halted=lambda: self._handed is not None)

    def _tool(self, edge: Edge) -> RunTool:
        async def hand_over(called: Called) -> ToolOutput:
            if self._handed is not None:
                return ToolOutput.of_text(BUSY, is_error=True)
            instructions = edge.instructions(called.arguments)
            self._handed = edge, instructions
            label = f"{edge.prompt_key[:1].upper()}{edge.prompt_key[1:]}"
            told = f"\n\n{label}: {instructions}" if instructions else ""
            return ToolOutput.of_text(f"Successfully transferred to {edge.target}{told}")

        return RunTool(edge.tool, hand_over)

    def ended(self, own: Sequence[Turn]) -> None:
        """The present agent has ended, after these turns of its own."""
        said = (*self._present.said, *own)
        if self._handed is not None:
            edge, instructions = self._handed
            self._waiting.insert(0, Coming(edge.target, edge, said, instructions))
            return
        self._ended.add(self._present.agent_id)
        for edge in self.team.after(self._present.agent_id):
            waits = [each for each in self._waiting if each.agent_id == edge.target]
            if waits:
                waits[0].said = both(waits[0].said, said)
            elif edge.target not in self._ended:
                self._waiting.append(Coming(edge.target, edge, said))


def both(one: tuple[Turn, ...], other: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """What was said on two ways, which may have begun as one."""
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return (*one, *other[same:])
