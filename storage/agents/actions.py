"""The `actions` collection: documents of APIs whose operations are tools of agents.

What may be done with an action is what may be done with its agent, as grants say: methods take the agents that
`echo.tools.actions` has found to be the caller's to change or to use.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pymongo import ASCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict, TooMany
from storage.core.repository import Repository, found, owner_id
from storage.core.translation import translated

MAX_OF_AGENT = 50
MAX_LISTED = 500
# LibreChat's word for all of them.
TYPE = "action_prototype"


class ActionRepository(Repository):
    """Actions by their `action_id`; secrets in their metadata are encrypted by who calls."""

    collection_name: ClassVar[str] = "actions"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING)], background=True),
        IndexModel([("action_id", ASCENDING)], background=True),
        IndexModel([("tenantId", ASCENDING)], background=True),
        # Not LibreChat's: it reads all actions to find those of an agent.
        IndexModel([("agent_id", ASCENDING)], background=True),
    )

    def of_agents(self, agent_ids: Sequence[str]) -> list[Document]:
        """The actions of these agents, the oldest first; the first five hundred."""
        with translated():
            rows = self._collection.find({"agent_id": {"$in": list(agent_ids)}})
            return list(rows.sort([("_id", ASCENDING)]).limit(MAX_LISTED))

    def find(self, action_id: str) -> Document | None:
        """An action, whoever's it is: its agent says who may know of it."""
        with translated():
            return self._collection.find_one({"action_id": action_id})

    def save(self, owner: str, agent_id: str, action_id: str, metadata: Mapping[str, Any]) -> Document:
        """Store an action of an agent in place of an earlier one; `owner` is whose a new one is.

        Raises `TooMany`, `Conflict` where another agent has an action of that id.
        """
        mine: Document = {"action_id": action_id, "agent_id": agent_id}
        with translated():
            if self._collection.find_one({"action_id": action_id, "agent_id": {"$ne": agent_id}}, {"_id": 1}):
                raise Conflict("action_id")
            others = {"agent_id": agent_id, "action_id": {"$ne": action_id}}
            if self._collection.count_documents(others, limit=MAX_OF_AGENT) >= MAX_OF_AGENT:
                raise TooMany("actions of an agent", MAX_OF_AGENT)
            return found(
                self._collection.find_one_and_update(
                    mine,
                    {
                        "$set": {"metadata": dict(metadata)},
                        "$setOnInsert": {"user": owner_id(owner), "type": TYPE, "__v": 0},
                    },
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            )

    def delete(self, agent_id: str, action_id: str) -> int:
        """Delete an action of an agent; how many documents that were."""
        with translated():
            return self._collection.delete_many({"agent_id": agent_id, "action_id": action_id}).deleted_count
