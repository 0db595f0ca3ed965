"""Agents for programs, as LibreChat has them: by rights of their own, which are shared apart from those for chats."""

from collections.abc import Sequence
from typing import Any

from echo.access.kinds import VIEW, ResourceType
from echo.access.service import Access
from echo.errors import NotFound
from echo.handling.caller import Caller
from storage.agents.agents import AgentRepository
from storage.core.errors import NotFound as NotStored

Document = dict[str, Any]
# Its place among the names of models.
AGENTS = "agents"
MOST_LISTED = 1000


class RemoteAgents:
    """The agents that a program may ask for its user: those shared for programs, as far as its key opens them."""

    def __init__(self, access: Access, agents: AgentRepository) -> None:
        self._access = access
        self._agents = agents

    def list(self, caller: Caller) -> Sequence[Document]:
        """All of them, the last changed first; the first thousand."""
        ids = self._access.accessible(caller, ResourceType.REMOTE_AGENT, VIEW)
        found = self._agents.summaries(ids, MOST_LISTED)
        return [each for each in found if caller.may_ask(AGENTS, str(each["id"]))]

    def get(self, caller: Caller, model: str) -> Document:
        """The agent that the name of a model means. Raises `NotFound` (`model_not_found`)."""
        agent_id = model.removeprefix(f"{AGENTS}/")
        try:
            agent = self._agents.get(agent_id)
            self._access.require(caller, ResourceType.REMOTE_AGENT, agent["_id"], VIEW)
            if not caller.may_ask(AGENTS, agent_id):
                raise NotFound
        except (NotFound, NotStored) as error:
            raise NotFound("There is no such agent.", code="model_not_found") from error
        return agent
