"""The way of one answer through several agents: who comes next, beside whom, and with which turns."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from echo.chat.edges import Edge, reaches
from echo.chat.prepared import Asking
from echo.chat.teams import MOST_LEGS, Team, after_direct, after_handoff
from echo.providers.chat import Turn
from echo.tools.loop import Looped
from echo.tools.tool import Called, RunTool, ToolOutput

BUSY = "Error: The chat has been handed over to this agent already."


@dataclass(frozen=True)
class Coming:
    """An agent that is to come, by which edge, and what it is told by the one that hands over."""

    agent_id: str
    edge: Edge | None = None
    instructions: str | None = None


@dataclass
class Leg:
    """One agent's part of an answer. `group` is LibreChat's number of those who answer beside each other.

    `is_hidden`: readers do not get what it says, because others come after it. `handed` are those to whom it hands
    over, with what it tells them.
    """

    agent_id: str
    asking: Asking
    is_hidden: bool = False
    group: int | None = None
    handing: tuple[Edge, ...] = ()
    handed: dict[str, Coming] = field(default_factory=dict)

    def joined(self, looped: Looped) -> Looped:
        """The loop of the agent, with the tools by which it may hand over."""
        if not self.handing:
            return looped
        tools = (*looped.tools, *map(self._tool, self.handing))
        return replace(looped, tools=tools, halted=lambda: bool(self.handed))

    def _tool(self, edge: Edge) -> RunTool:
        async def hand_over(called: Called) -> ToolOutput:
            if edge.target in self.handed:
                return ToolOutput.of_text(BUSY, is_error=True)
            instructions = edge.instructions(called.arguments)
            self.handed[edge.target] = Coming(edge.target, edge, instructions)
            label = f"{edge.prompt_key[:1].upper()}{edge.prompt_key[1:]}"
            told = f"\n\n{label}: {instructions}" if instructions else ""
            return ToolOutput.of_text(f"Successfully transferred to {edge.target}{told}")

        return RunTool(edge.tool, hand_over)


@dataclass
class Relay:
    """One answer, in steps of agents that work at the same time; `legs` is how often one has begun."""

    team: Team
    legs: int = 0
    said: list[Turn] = field(default_factory=list)
    _coming: list[Coming] = field(default_factory=list)
    # Of ways that several must have gone: who has.
    _gone: dict[tuple[tuple[str, ...], str], set[str]] = field(default_factory=dict)
    # Who has ended comes no second time, unless somebody hands over.
    _ended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._coming = [Coming(each) for each in self.team.starts]

    def next(self) -> list[Leg]:
        """Those who come next; none at the end, and after so many that they go round in circles."""
        ready = [each for each in self._coming if not self._is_awaited(each)] or self._coming[:1]
        ready = ready[: MOST_LEGS - self.legs]
        self._coming = [each for each in self._coming if each not in ready]
        self.legs += len(ready)
        groups = {self.team.groups.get(each.agent_id) for each in ready}
        # LibreChat has no number for those whom edges of their own lead to at the same time.
        beside = max(self.team.groups.values(), default=0) + self.legs if len(ready) > 1 else None
        shared = groups.pop() if len(groups) == 1 else None
        return [self._leg(each, shared or beside) for each in ready]

    def _is_awaited(self, coming: Coming) -> bool:
        """Whether another one that is to come leads to it: it answers once, after all of them."""
        if coming.edge is None or coming.edge.is_handoff:
            return False
        others = (each.agent_id for each in self._coming if each.agent_id != coming.agent_id)
        ways = self.team.edges
        return any(
            reaches(ways, each, coming.agent_id) and not reaches(ways, coming.agent_id, each)
            for each in others
        )

    def _leg(self, coming: Coming, group: int | None) -> Leg:
        asking: Asking = self.team.members[coming.agent_id]
        if coming.edge is not None:
            turns = self._turns(asking.request.turns, coming, coming.edge)
            asking = replace(asking, request=replace(asking.request, turns=tuple(turns)))
        hidden = self.team.hides and bool(self.team.after(coming.agent_id))
        handing = tuple(self.team.handoffs(coming.agent_id).values())
        return Leg(coming.agent_id, asking, hidden, group, handing)

    def _turns(self, base: Sequence[Turn], coming: Coming, edge: Edge) -> list[Turn]:
        if edge.is_handoff:
            return after_handoff([*base, *self.said], coming.instructions)
        return after_direct(base, self.said, edge)

    def ended(self, legs: Sequence[tuple[Leg, Sequence[Turn]]]) -> None:
        """Those have ended who came last, after these turns of their own."""
        for leg, own in legs:
            self.said += own
            if not leg.handed:
                self._ended.add(leg.agent_id)
        for leg, _ in legs:
            found = [*leg.handed.values()] or self._after(leg.agent_id)
            known = {each.agent_id for each in self._coming}
            self._coming += [each for each in found if each.agent_id not in known]

    def _after(self, agent_id: str) -> list[Coming]:
        """Those to whom an agent leads that has ended, unless they have to wait for others."""
        found = dict[str, Coming]()
        for edge in self.team.after(agent_id):
            gone = self._gone.setdefault((edge.awaits, edge.target), set())
            gone.add(agent_id)
            if gone.issuperset(edge.awaits) and edge.target not in self._ended:
                found[edge.target] = Coming(edge.target, self.team.told_by(edge))
        return list(found.values())
