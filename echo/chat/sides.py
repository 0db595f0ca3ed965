"""The models that one question is asked: the one that the request names, and perhaps a second beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from echo.chat.agents import AGENTS
from echo.chat.artifacts import instructions_for
from echo.chat.context import window_of
from echo.chat.edges import Edge, ends_between
from echo.chat.endpoints import Chosen, Endpoints
from echo.chat.request import Asked, Settled, settle
from echo.chat.respondent import Respondent, Respondents
from echo.chat.senders import agent_id, beside, sender_of
from echo.chat.settling import Settling
from echo.chat.teams import MOST_AGENTS
from echo.chat.variables import Variables
from echo.chat.wanting import toggled
from echo.errors import ApiError
from echo.settings.agents import AgentSettings
from echo.tools.tool import NOTHING, Wanted
from storage.core.errors import NotFound

log = structlog.get_logger(__name__)

Document = Mapping[str, Any]
Found = Sequence[tuple[Respondent, Chosen]]


@dataclass(frozen=True)
class Side:
    """One model that is asked: of which endpoint, how, and who it is for those who read."""

    chosen: Chosen
    settled: Settled
    model: str
    respondent: Respondent
    sender: str
    agent_id: str
    wanted: Wanted = NOTHING

    @property
    def shown_endpoint(self) -> str:
        """The endpoint that conversation and messages name."""
        return self.respondent.shown_endpoint or self.chosen.name

    @property
    def shown_model(self) -> str:
        """The model that the answer names."""
        return self.respondent.shown_model or self.model

    @property
    def window(self) -> int:
        """How many tokens the model takes."""
        set_to = self.chosen.settings.prices.get(self.model, {}).get("context")
        return window_of(self.model, self.settled.max_context_tokens, set_to=set_to)

    @property
    def icon_url(self) -> str | None:
        """The answerer's picture."""
        return self.respondent.icon_url or self.settled.icon_url


class Sides:
    """Finds out who is asked, and how."""

    def __init__(
        self, endpoints: Endpoints, settling: Settling, respondents: Respondents, rules: AgentSettings
    ) -> None:
        self._rules = rules
        self._endpoints = endpoints
        self._settling = settling
        self._respondents = respondents

    def endpoint(self, owner: str, name: str) -> Chosen:
        """An endpoint that the user may chat with; see `Endpoints.choose`."""
        return self._endpoints.choose(owner, name)

    def find(self, owner: str, endpoint: str, asked: Asked) -> Found:
        """Who is asked, the first one first. Raises what finding respondents and choosing endpoints raise."""
        wanted = [(endpoint, replace(asked, added=None))]
        if (added := asked.added) is not None:
            alone = replace(
                asked, parameters=added.parameters, agent_id=added.agent_id, preset_id=None, added=None
            )
            wanted.append((added.endpoint, alone))
        respondents = [self._respondents.find(owner, name, each) for name, each in wanted]
        return [(each, self._endpoints.choose(owner, each.endpoint)) for each in respondents]

    def settle(
        self,
        owner: str,
        found: Found,
        conversation: Document,
        variables: Variables,
        memories: str | None = None,
    ) -> Sequence[Side]:
        """What holds for each, all told the same memories; the settings of the conversation are the first one's."""
        sides = []
        for number, (respondent, chosen) in enumerate(found):
            asked, held = respondent.asked, {} if number else conversation
            shown = respondent.shown_endpoint or chosen.name
            settled = self._settling.settle(owner, shown, asked, held, respondent.fixed)
            settled = self._told(respondent, settled, variables, memories)
            sides.append(self._side(respondent, chosen, settled, number))
        return sides

    def _told(
        self, respondent: Respondent, settled: Settled, variables: Variables, memories: str | None
    ) -> Settled:
        """With everything that the model is told before the chat."""
        artifacts = artifacts_prompt(respondent, settled) if self._rules.can("artifacts") else None
        own = variables.prompt(settled.system, respondent.asked.timezone)
        return replace(settled, system="\n\n".join(filter(None, (own, artifacts, memories))) or None)

    def team(
        self, owner: str, first: Side, variables: Variables, memories: str | None = None
    ) -> tuple[Sequence[Side], tuple[Edge, ...]]:
        """The agents that the first one names in its edges, and those that these name, with all ways between them.

        One that the user may not talk with, or that cannot be asked, takes no part.
        """
        members: dict[str, Side] = {}
        edges = list(first.respondent.edges)
        waiting = ends_between(edges)
        tried = {first.agent_id}
        while waiting and len(members) < MOST_AGENTS:
            agent_id = waiting.pop(0)
            if agent_id in tried:
                continue
            tried.add(agent_id)
            if (member := self.member(owner, first, agent_id, variables, memories)) is not None:
                members[agent_id] = member
                edges += member.respondent.edges
                waiting += ends_between(member.respondent.edges)
        return list(members.values()), tuple(dict.fromkeys(edges))

    def member(
        self, owner: str, first: Side, agent_id: str, variables: Variables, memories: str | None
    ) -> Side | None:
        """Another agent; None for one that the user may not talk with, or that cannot be asked."""
        asked = replace(first.respondent.asked, agent_id=agent_id, conversation_id=None, parameters={})
        try:
            [(respondent, chosen)] = self.find(owner, AGENTS, asked)
            # A model spec is of the first one.
            settled = self._told(respondent, settle(respondent.fixed or {}, []), variables, memories)
            return self._side(respondent, chosen, settled, 0)
        except (ApiError, NotFound) as error:
            log.info("an agent takes no part in an answer", agent=agent_id[:100], cause=repr(error)[:200])
            return None

    def _side(self, respondent: Respondent, chosen: Chosen, settled: Settled, number: int) -> Side:
        model = self._endpoints.model(chosen, settled.model)
        sender = respondent.sender or sender_of(chosen.settings, model, settled.label)
        name = respondent.agent_id or agent_id(chosen.name, model, sender)
        wanted = respondent.wanted
        if respondent.agent_id is None:
            wanted = toggled((*respondent.asked.switched, *settled.switched), self._rules)
        shown = beside(name, number) if number else name
        return Side(chosen, settled, model, respondent, sender, shown, wanted)


def artifacts_prompt(respondent: Respondent, settled: Settled) -> str | None:
    """What a model is told of artifacts, where it is to make some."""
    mode = respondent.artifacts
    if respondent.agent_id is None:
        mode = respondent.asked.artifacts or settled.artifacts
    return instructions_for(mode)
