"""Several agents who make one answer: who hands over to whom, and what the next one is told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from echo.providers.chat import Tool, ToolCall, ToolResult, Turn

Document = Mapping[str, Any]
HANDOFF: Literal["handoff"] = "handoff"
DIRECT: Literal["direct"] = "direct"
# LibreChat's name of the tool by which one agent hands over to another.
TRANSFER = "lc_transfer_to_"
RESULTS = "{results}"
# Agents of one answer, and how often it may go from one to the next.
MOST_AGENTS = 20
MOST_LEGS = 25
MOST_EDGES = 100
CHAIN_PROMPT = f"""\
These are the conversation and the findings of the agents before you:

{RESULTS}

Add your own knowledge and view to them."""
GO_ON = "Go on from here."
NOTED = "The result is noted; another agent goes on."


@dataclass(frozen=True)
class Edge:
    """A way from one agent to another, in LibreChat's terms: by a tool of the first one, or when that has ended."""

    source: str
    target: str
    kind: Literal["handoff", "direct"] = HANDOFF
    description: str | None = None
    prompt: str | None = None
    prompt_key: str = "instructions"
    excludes_results: bool | None = None

    @property
    def is_handoff(self) -> bool:
        """Whether it is gone by a tool."""
        return self.kind == HANDOFF

    @property
    def tool(self) -> Tool:
        """The tool by which the first agent hands over."""
        asked = {self.prompt_key: {"type": "string", "description": self.prompt}} if self.prompt else {}
        return Tool(
            f"{TRANSFER}{self.target}",
            self.description or f"Hands the chat over to the agent '{self.target}'.",
            {"type": "object", "properties": asked, "required": []},
        )

    def instructions(self, arguments: Mapping[str, Any]) -> str | None:
        """What the first agent tells the second one, where it was asked to."""
        said = arguments.get(self.prompt_key) if self.prompt else None
        return said if isinstance(said, str) and said.strip() else None


def edges_of(agent: Document) -> tuple[Edge, ...]:
    """The ways that an agent's document names; old documents may hold anything."""
    listed = agent.get("edges")
    found = [edge for each in (listed if isinstance(listed, list) else []) for edge in _edges(each)]
    return tuple(dict.fromkeys(found))[:MOST_EDGES]


def _edges(edge: Any) -> Iterable[Edge]:
    if not isinstance(edge, Mapping):
        return
    excludes = edge.get("excludeResults")
    for source in _ends(edge.get("from")):
        for target in _ends(edge.get("to")):
            yield Edge(
                source,
                target,
                DIRECT if edge.get("edgeType") == DIRECT else HANDOFF,
                _text(edge.get("description")),
                _text(edge.get("prompt")),
                _text(edge.get("promptKey")) or "instructions",
                excludes if isinstance(excludes, bool) else None,
            )


def _ends(end: Any) -> list[str]:
    ends = end if isinstance(end, list) else [end]
    return [each for each in ends if isinstance(each, str) and each]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def chain_of(agent_id: str, agent: Document) -> tuple[Edge, ...]:
    """LibreChat's older way: a list of agents, each of whom is told what those before have said."""
    listed = agent.get("agent_ids")
    ids = [
        agent_id,
        *(each for each in (listed if isinstance(listed, list) else []) if isinstance(each, str)),
    ]
    return tuple(
        Edge(source, target, DIRECT, prompt=CHAIN_PROMPT, excludes_results=True)
        for source, target in pairwise(ids)
    )[:MOST_AGENTS]


@dataclass(frozen=True)
class Team:
    """Who takes part in an answer beside the first agent, and the ways between all of them.

    `hides` keeps to itself what agents say who are not the last. `members` are of a type that this module need not
    know, by the ids of the agents.
    """

    members: Mapping[str, Any]
    edges: tuple[Edge, ...]
    hides: bool = False

    def handoffs(self, agent_id: str) -> dict[str, Edge]:
        """The ways by which an agent may hand over, by the names of their tools."""
        found = [each for each in self.edges if each.source == agent_id and each.kind == HANDOFF]
        return {each.tool.name: each for each in found if each.target in self.members}

    def after(self, agent_id: str) -> list[Edge]:
        """The ways that are gone when an agent has ended."""
        found = [each for each in self.edges if each.source == agent_id and each.kind == DIRECT]
        return [each for each in found if each.target in self.members]


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
