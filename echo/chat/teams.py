"""Several agents who make one answer: who they are, and what the next one is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from echo.chat.edges import (
    DIRECT,
    HANDOFF,
    RESULTS,
    TRANSFER,
    Edge,
    among,
    edges_of,
    ends_of,
    groups_of,
    starts_of,
)
from echo.providers.chat import ToolCall, ToolResult, Turn

Document = Mapping[str, Any]
# Agents of one answer, how often one of them begins in it, and how many of them work at the same time.
MOST_AGENTS = 20
MOST_LEGS = 25
MOST_AT_ONCE = 8
# LibreChat's own limit.
MOST_SUBAGENTS = 10
# LibreChat's too: how deep tasks are given on, to how many agents in all, and agents of one team that works on them.
MOST_DEPTH, MOST_SUBAGENTS_IN_ALL, MOST_IN_GRAPH = 5, 100, 20
SELF = "self"
GO_ON = "Go on from here."
NOTED = "The result is noted; another agent goes on."


@dataclass(frozen=True)
class Team:
    """Who takes part in an answer beside the first agent, and the ways between all of them.

    `hides` keeps to itself what agents say who are not the last. `members` are of a type that this module need not
    know, by the ids of the agents. `starts` begin the answer, `groups` are of those who answer beside each other.
    """

    members: Mapping[str, Any]
    edges: tuple[Edge, ...]
    hides: bool = False
    starts: tuple[str, ...] = ()
    groups: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, first: str, members: Mapping[str, Any], edges: Sequence[Edge], *, hides: bool) -> "Team":
        """The team of those who are there; `edges` may name others."""
        starts = starts_of(edges, first, members)
        ways = among(edges, members)
        return cls(members, ways, hides, starts, groups_of(ways, starts))

    def told(self, turns: Sequence[Turn]) -> "Team":
        """The same, all of whom begin with these turns."""
        members = {
            name: replace(each, request=replace(each.request, turns=tuple(turns)))
            for name, each in self.members.items()
        }
        return replace(self, members=members)

    def handoffs(self, agent_id: str) -> dict[str, Edge]:
        """The ways by which an agent may hand over, by the names of their tools."""
        found = [each for each in self.edges if each.source == agent_id and each.kind == HANDOFF]
        return {each.tool.name: each for each in found}

    def after(self, agent_id: str) -> list[Edge]:
        """The ways that are gone when an agent has ended."""
        return [each for each in self.edges if each.source == agent_id and each.kind == DIRECT]

    def told_by(self, edge: Edge) -> Edge:
        """The way whose words the target is told: as in LibreChat the first one to it that has any."""
        ways = (each for each in self.edges if each.target == edge.target and each.kind == DIRECT)
        return next((each for each in ways if each.prompt), edge)


@dataclass(frozen=True)
class Subagent:
    """An agent that another one gives tasks to, by its `kind`: its id, or `self` for the one that gives the task.

    `asking` is what it is asked with; see `Team.members`. Of a team that works on tasks the `kind` is its name, and
    `result` the agent whose answer is the team's.
    """

    kind: str
    name: str
    description: str
    asking: Any
    result: str | None = None


@dataclass(frozen=True)
class Graph:
    """A team that an agent may give tasks to, as its document names it: LibreChat's `subagents.graphs`."""

    kind: str
    name: str
    description: str
    members: tuple[str, ...]
    edges: tuple[Edge, ...]
    entry: str
    result: str


def wanted_graphs(agent_id: str, agent: Document) -> tuple[Graph, ...]:
    """The teams that an agent's document names; old documents may hold anything. An empty id is the agent's own."""
    said = agent.get("subagents")
    if not isinstance(said, Mapping) or said.get("enabled") is not True:
        return ()
    listed = said.get("graphs")
    found = (_graph(agent_id, each) for each in (listed if isinstance(listed, list) else []))
    return tuple(each for each in found if each is not None)[:MOST_SUBAGENTS]


def _graph(agent_id: str, said: Any) -> Graph | None:
    if not isinstance(said, Mapping):
        return None
    texts = [said.get(name) for name in ("type", "entry_agent_id", "result_agent_id")]
    if not all(isinstance(each, str) for each in texts) or not texts[0]:
        return None
    kind, entry, result = (str(each) for each in texts)
    listed = said.get("agent_ids")
    ids = [each for each in (listed if isinstance(listed, list) else []) if isinstance(each, str)]
    members = tuple(dict.fromkeys(each or agent_id for each in ids))[:MOST_IN_GRAPH]
    edges = edges_of({"edges": own_edges(said, agent_id)})
    entry, result = entry or agent_id, result or agent_id
    if entry not in members or result not in members:
        return None
    name, description = str(said.get("name") or kind), str(said.get("description") or "")
    return Graph(kind, name, description, members, edges, entry, result)


def own_edges(said: Mapping[str, Any], agent_id: str) -> list[Any]:
    """The edges of a team as documents of agents have them, with the agent's id where there is an empty one."""
    listed = said.get("edges")
    edges = [each for each in (listed if isinstance(listed, list) else []) if isinstance(each, Mapping)]

    def named(end: Any) -> Any:
        return [each or agent_id for each in end] if isinstance(end, list) else end or agent_id

    ends = [(each, named(each.get("from")), named(each.get("to"))) for each in edges]
    return [{**each, "from": source, "to": target, "edgeType": DIRECT} for each, source, target in ends]


def wanted_subagents(agent: Document) -> tuple[str, ...]:
    """The kinds that an agent's document names; old documents may hold anything."""
    said = agent.get("subagents")
    if not isinstance(said, Mapping) or said.get("enabled") is not True:
        return ()
    named = dict.fromkeys(ends_of(said.get("agent_ids")))
    return (*([SELF] if said.get("allowSelf") is not False else []), *named)[: MOST_SUBAGENTS + 1]


def after_handoff(turns: Sequence[Turn], instructions: str | None) -> list[Turn]:
    """The turns for the agent that a chat is handed over to: without the handing over, with what it is told."""
    kept = [each for each in map(_without_transfer, turns) if each.parts]
    if instructions:
        if kept and kept[-1].role == "tool":
            # Some providers take nobody's word but the model's after a result.
            kept.append(Turn.of_text("assistant", NOTED))
        return [*kept, Turn.of_text("user", instructions)]
    return _for_model(kept)


def _without_transfer(turn: Turn) -> Turn:
    def stays(part: Any) -> bool:
        name = part.name if isinstance(part, ToolCall | ToolResult) else None
        return name is None or not name.startswith(TRANSFER)

    return Turn(turn.role, tuple(part for part in turn.parts if stays(part)))


def after_direct(base: Sequence[Turn], said: Sequence[Turn], edge: Edge) -> list[Turn]:
    """The turns for the agent that comes next: those before the answer, and what was said in it, as the edge says."""
    turns = [each for each in (*base, *map(_without_transfer, said)) if each.parts]
    if edge.prompt is None:
        return _for_model(turns)
    has_results = RESULTS in edge.prompt
    excludes = edge.excludes_results if edge.excludes_results is not None else has_results
    prompt = edge.prompt.replace(RESULTS, written_out(said)) if has_results else edge.prompt
    return [*(base if excludes else turns), Turn.of_text("user", prompt)]


def _for_model(turns: list[Turn]) -> list[Turn]:
    """The turns with a word of the user's at their end: to some providers a model's own means that it is to go on."""
    return [*turns, Turn.of_text("user", GO_ON)] if turns and turns[-1].role == "assistant" else turns


def written_out(turns: Sequence[Turn]) -> str:
    """What was said, a line for each, with who said it."""
    lines = []
    for turn in turns:
        name = {"assistant": "AI", "tool": "Tool", "user": "Human"}.get(turn.role, "System")
        said = turn.text or "\n".join(result.text for result in turn.results)
        called = [f"{call.name}({call.arguments})" for call in turn.calls]
        texts = "\n".join(filter(None, (said, *called)))
        if texts:
            lines.append(f"{name}: {texts}")
    return "\n".join(lines)
