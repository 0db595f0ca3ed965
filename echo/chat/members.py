"""Who else makes an answer with an agent: the team that its edges name, and those whom it gives tasks to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from echo.chat.prepared import Asking
from echo.chat.request import request_of
from echo.chat.senders import provider_name
from echo.chat.sides import Side, Sides
from echo.chat.teams import MOST_DEPTH, MOST_SUBAGENTS_IN_ALL, SELF, Graph, Subagent, Team
from echo.chat.variables import Variables
from echo.settings.agents import AgentSettings
from echo.tools.limits import LoopLimits, limits_of

Ids = Mapping[str, str | None]


@dataclass(frozen=True)
class For:
    """Whom an answer is for: the user who runs it, what prompts say of that user, and the ids of the messages."""

    owner: str
    variables: Variables
    ids: Ids
    # What the user wants every chat to know.
    memories: str | None = None


class Members:
    """Finds those who take part, with the rights of the user who runs the first one; for threads.

    `share` is how much of a model's window is used.
    """

    def __init__(
        self, sides: Sides, rules: AgentSettings, count_tokens: Callable[[str], int], share: float
    ) -> None:
        self._sides = sides
        self._rules = rules
        self._count = count_tokens
        self._share = share

    def limits(self, side: Side, window: int) -> LoopLimits:
        """How far an agent or a model may go with its tools."""
        most = side.chosen.settings.tool_result_chars
        return limits_of(self._rules, window, result_chars=most, steps=side.respondent.steps)

    def joined(self, side: Side, asking: Asking, whom: For) -> Asking:
        """What an agent is asked, with all who take part."""
        return Joining(self._sides, self._member, whom).joined(side, asking)

    def _member(self, side: Side, first: Asking, whom: For) -> Asking:
        """What another agent is asked, beside the first one."""
        settings, system = side.chosen.settings, side.settled.system
        window = side.window
        tokens = self._count(system) if system else 0
        budget = int(window * self._share)
        counts = {**first.counts, "window": window, "budget": budget, "system": tokens}
        return Asking(
            provider=side.chosen.provider,
            request=replace(
                request_of(side.settled, side.model, first.request.turns),
                placeholders=whom.variables.headers(settings, **whom.ids),
            ),
            credentials=side.chosen.credentials,
            counts=counts,
            agent_id=side.agent_id,
            provider_name=provider_name(settings),
            wanted=side.wanted,
            limits=self.limits(side, window),
            placeholders=whom.variables.placeholders(**whom.ids) if side.wanted.names else {},
            endpoint=side.chosen.name,
            group=first.group,
            ends_after_tools=side.respondent.ends_after_tools,
            summarising=first.summarising,
        )


class Joining:
    """Everybody of one answer; `member` gives what another agent is asked beside one."""

    def __init__(self, sides: Sides, member: Callable[[Side, Asking, For], Asking], whom: For) -> None:
        self._sides = sides
        self._member = member
        self._whom = whom
        self._left = MOST_SUBAGENTS_IN_ALL

    def joined(self, side: Side, asking: Asking) -> Asking:
        """What an agent is asked, with its team and all who may get tasks."""
        asking = self._with_subagents(side, asking, ())
        return replace(asking, team=self._team(side, asking)) if side.respondent.edges else asking

    def _team(self, first: Side, asking: Asking) -> Team | None:
        """Who else takes part; all of them begin with what the first one is asked."""
        whom = self._whom
        sides, edges = self._sides.team(whom.owner, first, whom.variables, whom.memories)
        members = {
            side.agent_id: self._with_subagents(side, self._member(side, asking, whom), ()) for side in sides
        }
        if not members:
            return None
        everyone = {asking.agent_id: asking, **members}
        return Team.of(asking.agent_id, everyone, edges, hides=first.respondent.hides_others)

    def _with_subagents(self, side: Side, asking: Asking, before: tuple[str, ...]) -> Asking:
        """With those that the agent may give tasks to, who may have others; `before` are those who gave it one."""
        found: dict[str, Subagent] = {}
        for kind in side.respondent.subagents:
            if (subagent := self._subagent(side, asking, kind, before)) is not None:
                found[kind] = subagent
        for graph in side.respondent.graphs:
            if (subagent := self._graph(side, asking, graph)) is not None:
                found.setdefault(graph.kind, subagent)
        return replace(asking, subagents=found) if found else asking

    def _subagent(self, side: Side, asking: Asking, kind: str, before: tuple[str, ...]) -> Subagent | None:
        if kind == SELF:
            return Subagent(kind, side.sender, side.respondent.description, asking)
        if kind in before or kind == side.agent_id or len(before) >= MOST_DEPTH:
            return None
        if (other := self._other(side, kind)) is None:
            return None
        member = self._member(other, asking, self._whom)
        member = self._with_subagents(other, member, (*before, side.agent_id))
        return Subagent(kind, other.sender, other.respondent.description, member)

    def _graph(self, side: Side, asking: Asking, graph: Graph) -> Subagent | None:
        """A team that gets tasks; as in LibreChat none where somebody of it is missing."""
        members: dict[str, Asking] = {}
        for agent_id in graph.members:
            if agent_id == side.agent_id:
                members[agent_id] = asking
            elif (other := self._other(side, agent_id)) is not None:
                members[agent_id] = self._member(other, asking, self._whom)
            else:
                return None
        team = Team.of(graph.entry, members, graph.edges, hides=False)
        entry = replace(members[graph.entry], team=team, subagents={})
        return Subagent(graph.kind, graph.name, graph.description, entry, graph.result)

    def _other(self, side: Side, agent_id: str) -> Side | None:
        """Another agent, of as many as there may be in all."""
        self._left -= 1
        if self._left < 0:
            return None
        return self._sides.member(self._whom.owner, side, agent_id, self._whom.variables, None)
