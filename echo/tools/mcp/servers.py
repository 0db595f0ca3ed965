"""Which servers a user has: the operator's, those that were shared with the user, and those of agents.

LibreChat lets who may see an agent use the servers of its tools. Here their author must be allowed to use them too:
else whoever writes another's server into an agent could use it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from echo.access import Access, ResourceType
from echo.access.kinds import VIEW
from echo.accounts.credentials_cipher import CredentialsCipher
from echo.handling.caller import Caller
from echo.settings.mcp import McpServer, McpSettings
from echo.tools.mcp.naming import aliases, normalized
from echo.tools.mcp.stored import server_of
from storage.access.principals import StoredId, stored_id
from storage.agents.agents import AgentRepository
from storage.agents.mcp_servers import McpServerRepository
from storage.core.database import Document

# Names of servers of agents that one looks for, at most.
MAX_NAMES = 500


class Servers:
    """The servers of users, by their names; of two with one name the operator's counts."""

    def __init__(
        self,
        settings: McpSettings,
        access: Access,
        stored: McpServerRepository,
        agents: AgentRepository,
        cipher: CredentialsCipher | None,
    ) -> None:
        self._access = access
        self._stored = stored
        self._agents = agents
        self._cipher = cipher
        # Two whose tools would have the same names cannot be told apart: the second is nobody's.
        named = {each.name: each for each in settings.servers}
        self.configured: Mapping[str, McpServer] = {name: named[name] for name in aliases(named).values()}

    @property
    def reserved(self) -> frozenset[str]:
        """Names that no user's server can have."""
        return frozenset({*self.configured, *map(normalized, self.configured)})

    def of(self, owner: str) -> dict[str, McpServer]:
        """All servers of a user."""
        caller = caller_of(owner)
        own = self._read(self._stored.listed(self._access.accessible(caller, ResourceType.MCP_SERVER, VIEW)))
        agents = self._access.accessible(caller, ResourceType.AGENT, VIEW)
        lent = self._lent(self._agents.servers_of(agents), own)
        return {**lent, **own, **self.configured}

    def named(self, owner: str, names: Iterable[str], agent: Document | None = None) -> dict[str, McpServer]:
        """Those of these servers that a user has, directly or by an agent that the user may see."""
        wanted = [each for each in names if each not in self.configured][:MAX_NAMES]
        found = {name: self.configured[name] for name in names if name in self.configured}
        if not wanted:
            return found
        caller = caller_of(owner)
        mine = set(self._access.accessible(caller, ResourceType.MCP_SERVER, VIEW))
        own = self._read(each for each in self._stored.named(wanted) if each["_id"] in mine)
        agents = [agent] if agent is not None else self._shared_agents(caller, wanted, own)
        return {**self._lent(agents, own), **own, **found}

    def _shared_agents(
        self, caller: Caller, wanted: Iterable[str], own: Mapping[str, McpServer]
    ) -> list[Document]:
        if own.keys() >= set(wanted):
            return []
        return self._agents.servers_of(self._access.accessible(caller, ResourceType.AGENT, VIEW))

    def _lent(self, agents: Iterable[Document], own: Mapping[str, McpServer]) -> dict[str, McpServer]:
        """The servers of agents, as far as their authors may use these."""
        authors: dict[str, set[str]] = {}
        for agent in agents:
            for name in agent.get("mcpServerNames") or ():
                if name not in own and name not in self.configured and len(authors) < MAX_NAMES:
                    authors.setdefault(str(name), set()).add(str(agent.get("author")))
        if not authors:
            return {}
        theirs = {each: self._seen_by(each) for each in set().union(*authors.values())}
        documents = [
            each
            for each in self._stored.named(authors)
            if any(each["_id"] in theirs[author] for author in authors[each["serverName"]])
        ]
        return {name: replace(each, consume_only=True) for name, each in self._read(documents).items()}

    def _seen_by(self, author: str) -> set[StoredId]:
        if stored_id(author) is None:
            return set()
        return set(self._access.accessible(caller_of(author), ResourceType.MCP_SERVER, VIEW))

    def _read(self, documents: Iterable[Document]) -> dict[str, McpServer]:
        read = (server_of(each, self._cipher) for each in documents)
        return {each.name: each for each in read if each is not None and each.name not in self.reserved}


def caller_of(owner: str) -> Caller:
    """A user whose rights are asked, outside of any request."""
    return Caller(owner, session_id="", email="", username="", provider="", role="")
