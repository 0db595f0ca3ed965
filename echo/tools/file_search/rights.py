"""Which files a user's tools may read in a run: their own, and those of an agent that they may use.

An agent's files are read for whoever may use it, whosever they are, as in LibreChat: its editors put them there.
An id alone opens nothing, whoever says it: a model, a request, a stored message.
"""

from collections.abc import Sequence
from itertools import islice

from echo.access.kinds import VIEW, ResourceType
from echo.access.service import Access
from echo.handling.caller import Caller
from echo.indexing.results import Searched
from storage.agents.agents import AgentRepository
from storage.agents.shapes import files_of
from storage.core.errors import NotFound
from storage.library.files import FileRepository

FILE_SEARCH = "file_search"
# What one question may search; an agent may have so many.
MOST_FILES = 1000
# An agent in chats, and one that programs may use.
_KINDS = (ResourceType.AGENT, ResourceType.REMOTE_AGENT)


class Rights:
    """Asks who may read what, of the files that are for one purpose: LibreChat's word for it."""

    def __init__(
        self, access: Access, agents: AgentRepository, files: FileRepository, purpose: str = FILE_SEARCH
    ) -> None:
        self._purpose = purpose
        self._access = access
        self._agents = agents
        self._files = files

    def has(self, owner: str, permission: str) -> bool:
        """Whether the role of a user has a permission, of those that only know USE."""
        return self._access.allowed(_caller(owner), permission, "USE")

    def searchable(self, owner: str, agent_id: str | None, file_ids: Sequence[str]) -> list[Searched]:
        """Those of the files that a user may read, in this order; the agent's only as long as it has them."""
        of_agent = self._of_agent(owner, agent_id) if agent_id else frozenset()
        records = self._files.of_agent([*islice(dict.fromkeys(file_ids), MOST_FILES)])
        return [
            Searched(record, record["file_id"] in of_agent)
            for record in records
            if record["file_id"] in of_agent or str(record.get("user")) == owner
        ]

    def _of_agent(self, owner: str, agent_id: str) -> frozenset[str]:
        try:
            agent = self._agents.get(agent_id)
        except NotFound:
            return frozenset()
        bits = [self._access.bits(_caller(owner), kind, agent["_id"]) for kind in _KINDS]
        may_use = any(each & VIEW for each in bits)
        return frozenset(files_of(agent, (self._purpose,))) if may_use else frozenset()


def _caller(owner: str) -> Caller:
    return Caller(owner, session_id="", email="", username="", provider="", role="")
