"""The ways from one agent to another, as documents of agents name them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from echo.providers.chat import Tool

Document = Mapping[str, Any]
HANDOFF: Literal["handoff"] = "handoff"
DIRECT: Literal["direct"] = "direct"
# LibreChat's name of the tool by which one agent hands over to another.
TRANSFER = "lc_transfer_to_"
RESULTS = "{results}"
MOST_EDGES = 100
# Agents of an older chain.
MOST_IN_CHAIN = 20
CHAIN_PROMPT = f"""\
These are the conversation and the findings of the agents before you:

{RESULTS}

Add your own knowledge and view to them."""


@dataclass(frozen=True)
class Edge:
    """A way from one agent to another, in LibreChat's terms: by a tool of the first one, or when that has ended.

    Of an edge of several agents there is one for each pair. `awaits` are all those who must have ended before the
    target begins, `beside` all who begin together with it; both empty where it is one alone.
    """

    source: str
    target: str
    kind: Literal["handoff", "direct"] = HANDOFF
    description: str | None = None
    prompt: str | None = None
    prompt_key: str = "instructions"
    excludes_results: bool | None = None
    awaits: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

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
    sources, targets = ends_of(edge.get("from")), ends_of(edge.get("to"))
    excludes = edge.get("excludeResults")
    kind = _kind(edge.get("edgeType"), sources, targets)
    for source in sources:
        for target in targets:
            yield Edge(
                source,
                target,
                kind,
                _text(edge.get("description")),
                _text(edge.get("prompt")),
                _text(edge.get("promptKey")) or "instructions",
                excludes if isinstance(excludes, bool) else None,
                awaits=tuple(sources) if kind == DIRECT and len(sources) > 1 else (),
                beside=tuple(targets) if kind == DIRECT and len(targets) > 1 else (),
            )


def _kind(said: Any, sources: Sequence[str], targets: Sequence[str]) -> Literal["handoff", "direct"]:
    """As in LibreChat: without a type, one who leads to several leads to all of them."""
    leads_to_all = said is None and len(sources) == 1 and len(targets) > 1
    return DIRECT if said == DIRECT or leads_to_all else HANDOFF


def ends_of(end: Any) -> list[str]:
    """The agents at one end of an edge, or in a list; old documents may hold anything."""
    ends = end if isinstance(end, list) else [end]
    return list(dict.fromkeys(each for each in ends if isinstance(each, str) and each))


def ends_between(edges: Iterable[Edge]) -> list[str]:
    """The agents that edges are of."""
    return list(dict.fromkeys(end for each in edges for end in (each.source, each.target)))


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
    )[:MOST_IN_CHAIN]


def among(edges: Iterable[Edge], members: Mapping[str, Any]) -> tuple[Edge, ...]:
    """The ways between these agents: who is not there is not waited for, either."""

    def left(ids: tuple[str, ...]) -> tuple[str, ...]:
        there = tuple(each for each in ids if each in members)
        return there if len(there) > 1 else ()

    return tuple(
        replace(each, awaits=left(each.awaits), beside=left(each.beside))
        for each in edges
        if each.source in members and each.target in members
    )


def starts_of(edges: Sequence[Edge], first: str, members: Mapping[str, Any]) -> tuple[str, ...]:
    """Who begins an answer: as in LibreChat all to whom nobody leads, the first one before the others.

    An agent that only one who is not there leads to does not begin. Where everybody is led to, the first one begins.
    """
    led_to = {each.target for each in edges}
    others = [each for each in members if each != first and each not in led_to]
    follows = any(each.target == first and not each.is_handoff and each.source in members for each in edges)
    return tuple(others) if follows and others else (first, *others)


def groups_of(edges: Sequence[Edge], starts: Sequence[str]) -> dict[str, int]:
    """LibreChat's numbers of those who answer beside each other, in the order in which they come."""
    groups: dict[str, int] = dict.fromkeys(starts, 1) if len(starts) > 1 else {}
    number, seen, waiting = len(groups) and 1, set[str](), list(starts)
    while waiting:
        present = waiting.pop(0)
        if present in seen:
            continue
        seen.add(present)
        ways = [each for each in edges if each.source == present]
        for _, beside in dict.fromkeys((each.awaits, each.beside) for each in ways if each.beside):
            number += 1
            for target in beside:
                groups.setdefault(target, number)
        waiting += [each.target for each in ways]
    return groups


def reaches(edges: Sequence[Edge], source: str, target: str) -> bool:
    """Whether one comes after the other by ways that are gone when an agent has ended."""
    seen, waiting = set[str](), [source]
    while waiting:
        present = waiting.pop()
        following = {each.target for each in edges if each.source == present and not each.is_handoff}
        if target in following:
            return True
        waiting += following - seen
        seen |= following
    return False
