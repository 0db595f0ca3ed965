"""Agents as the operator sees them: all users', not one's. For the command line only.

Nothing that answers requests may import this module; `tests/lint/rules.py` sees to that.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING

from storage.core.database import Database, Document
from storage.core.repository import found
from storage.core.search import Search
from storage.core.translation import translated

SHOWN = dict.fromkeys(
    ("id", "name", "description", "provider", "model", "author", "category", "tools", "updatedAt"), 1
)
WHOLE = {"versions": 0}
SEARCHED = ("name", "description", "id")


class AgentDirectory:
    """Finds and lists agents, whoever's they are, with the addresses of their authors."""

    def __init__(self, database: Database) -> None:
        self._agents = database.collection("agents")
        self._users = database.collection("users")
        self._grants = database.collection("aclentries")

    def list(self, *, author: str | None, search: str | None) -> Iterator[Document]:
        """Agents, the last changed first: of an author, that hold a text in name, description or id."""
        query: Document = {"id": {"$type": "string"}, **({"author": ObjectId(author)} if author else {})}
        wanted = Search(search) if search else None
        if wanted:
            query |= wanted.within(*SEARCHED)
        order = [("updatedAt", DESCENDING), ("_id", ASCENDING)]
        with translated():
            for row in self._agents.find(query, SHOWN).sort(order):
                if wanted is None or wanted.exact or wanted.found_in(row.get(name) for name in SEARCHED):
                    yield self._with_author(row)

    def get(self, agent_id: str) -> Document:
        """All of an agent without its versions, `version` being how many it has had; raises `NotFound`."""
        with translated():
            agent: Document = found(self._agents.find_one({"id": agent_id}))
        versions = agent.pop("versions", None)
        return self._with_author({**agent, "version": len(versions) if isinstance(versions, list) else 0})

    def grants(self, agent: Document) -> Sequence[Document]:
        """To whom an agent is shared, for chats and for programs, as it is stored."""
        query = {"resourceType": {"$in": ["agent", "remoteAgent"]}, "resourceId": agent["_id"]}
        with translated():
            return [*self._grants.find(query).sort([("_id", ASCENDING)])]

    def _with_author(self, agent: Document) -> Document:
        author: Any = self._users.find_one({"_id": agent.get("author")}, {"email": 1})
        return {**agent, "authorEmail": (author or {}).get("email")}
