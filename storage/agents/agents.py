"""The `agents` collection.

Who may do what with an agent is what `aclentries` says, not its author: most methods here take what
`echo.agents` has found out before, and the owner where somebody does something.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.agents.agent_lists import AgentListRepository
from storage.agents.shapes import GENERAL, RESOURCES, editable, server_names, with_source, without_agent
from storage.agents.versions import first_version, kept, next_version, restored, says_the_same
from storage.core.database import Document
from storage.core.errors import Conflict, NotFound
from storage.core.portions import Reading, portioned
from storage.core.repository import found, now, owner_id
from storage.core.translation import translated

# How LibreChat's ids look: 21 characters of these.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
# How often a change is made again on what another editor has stored meanwhile.
ATTEMPTS = 5
_WHOLE = {"versions": 0}


class AgentRepository(AgentListRepository):
    """Agents as LibreChat stores them, found by their `id`; without versions unless these are asked for."""

    collection_name: ClassVar[str] = "agents"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("category", ASCENDING)], background=True),
        IndexModel([("is_promoted", ASCENDING)], background=True),
        IndexModel([("id", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True),
        IndexModel([("updatedAt", DESCENDING), ("_id", ASCENDING)], background=True),
        IndexModel([("edges.to", ASCENDING)], background=True),
        # Not LibreChat's: it reads all agents when one is deleted.
        IndexModel([("edges.from", ASCENDING)], background=True),
    )

    def make(self, owner: str, fields: Mapping[str, Any]) -> Document:
        """A new agent that is not stored yet: its grants, which name its `_id`, must be there before it."""
        moment, said = now(), editable(fields)
        agent: Document = {
            "_id": ObjectId(),
            "tools": [],
            "tool_kwargs": [],
            "agent_ids": [],
            "edges": [],
            "conversation_starters": [],
            "is_promoted": False,
            **said,
            "id": "agent_" + "".join(secrets.choice(_LETTERS) for _ in range(21)),
            "author": owner_id(owner),
            "category": said.get("category") or GENERAL,
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        agent["edges"] = with_source(agent["edges"], agent["id"])
        agent["mcpServerNames"] = server_names(agent["tools"])
        agent["versions"] = [first_version(agent, said)]
        return agent

    def insert(self, owner: str, agent: Document) -> Document:
        """Store what `make` made for this owner."""
        with translated():
            self._collection.insert_one({**agent, "author": owner_id(owner)})
        return _counted(agent)

    def identify(self, agent_id: str) -> ObjectId:
        """The `_id` of an agent, by which grants name it; raises `NotFound`."""
        with translated():
            identifier: ObjectId = found(self._collection.find_one({"id": agent_id}, {"_id": 1}))["_id"]
        return identifier

    def get(self, agent_id: str) -> Document:
        """One agent, its `version` being how many it has had; raises `NotFound`."""
        are_there: Document = {"$isArray": "$versions"}
        size: Document = {"$cond": [are_there, {"$size": "$versions"}, 0]}
        stages: list[Document] = [
            {"$match": {"id": agent_id}},
            {"$limit": 1},
            {"$addFields": {"version": size}},
            {"$project": _WHOLE},
        ]
        with translated():
            return found(next(iter(self._collection.aggregate(stages)), None))

    def versions(self, agent_id: str) -> Reading:
        """The versions of an agent, the oldest first; raises `NotFound`."""
        with translated():
            agent = found(self._collection.find_one({"id": agent_id}, {"versions": 1}))
        return portioned([each if isinstance(each, dict) else {} for each in _versions(agent)])

    def update(self, owner: str, agent_id: str, fields: Mapping[str, Any]) -> Document:
        """Change an agent, and keep what it is then as a version, unless the last one says the same.

        `owner` is who changes it. The oldest versions go where all together have more than 8 MiB. Raises `NotFound`,
        `Conflict` where others change it all the time.
        """
        changes = editable(fields)
        if "tools" in changes:
            changes["mcpServerNames"] = server_names(changes["tools"])
        if "edges" in changes:
            changes["edges"] = with_source(changes["edges"], agent_id)
        return self._change(agent_id, lambda _: changes, editor=owner)

    def revert(self, owner: str, agent_id: str, index: int) -> Document:
        """Give an agent the fields of one of its versions; that makes none. Raises `NotFound`, also for the version.

        `owner` is who does so.
        """
        owner_id(owner)

        def back(agent: Document) -> Document:
            versions = _versions(agent)
            if not 0 <= index < len(versions) or not isinstance(versions[index], dict):
                raise NotFound
            return restored(versions[index])

        return self._change(agent_id, back, editor=None)

    def change_files(
        self, owner: str, agent_id: str, change: Callable[[Document], Mapping[str, Any]]
    ) -> Document:
        """Give an agent the `tool_resources` that `change` makes of what it is; as in LibreChat without a version.

        `owner` is who does so. Raises `NotFound`, `Conflict`, and what `change` raises.
        """
        owner_id(owner)
        return self._change(agent_id, lambda agent: {"tool_resources": dict(change(agent))}, editor=None)

    def change_actions(
        self, owner: str, agent_id: str, change: Callable[[Document], Mapping[str, Any]]
    ) -> Document:
        """Give an agent the `tools` and `actions` that `change` makes of what it is, with a version.

        `owner` is who does so. Raises `NotFound`, `Conflict`, and what `change` raises.
        """

        def changed(agent: Document) -> Document:
            made = change(agent)
            return {"tools": list(made["tools"]), "actions": list(made["actions"])}

        return self._change(agent_id, changed, editor=owner)

    def forget_files(self, owner: str, file_ids: Sequence[str]) -> int:
        """Take files that their owner has deleted from every agent, whoever it is of; how many agents had one.

        As in LibreChat that makes no version.
        """
        owner_id(owner)
        if not file_ids:
            return 0
        changed: set[ObjectId] = set()
        for name in RESOURCES:
            place, gone = f"tool_resources.{name}.file_ids", {"$in": [*file_ids]}
            # Old documents may hold anything, and only from a list something can be taken.
            having: Document = {place: gone, "$expr": {"$isArray": f"${place}"}}
            with translated():
                ids = self._collection.distinct("_id", having)
                if ids:
                    pull = {"$pull": {place: gone}, "$set": {"updatedAt": now()}}
                    self._collection.update_many({"_id": {"$in": ids}, **having}, pull)
            changed.update(ids)
        return len(changed)

    def _change(
        self, agent_id: str, change: Callable[[Document], Document], *, editor: str | None
    ) -> Document:
        for _ in range(ATTEMPTS):
            with translated():
                agent = found(self._collection.find_one({"id": agent_id}))
            before, changes = agent.get("updatedAt"), change(agent)
            # Later than before, even within one millisecond: by this date a change is told from another.
            moment = now() if before is None else max(now(), before + timedelta(milliseconds=1))
            update: Document = {"$set": {**changes, "updatedAt": moment}}
            versions = _versions(agent)
            if editor is not None:
                entry = next_version(agent, changes, editor, moment)
                if not versions or not says_the_same(entry, versions[-1]):
                    versions = [*versions, entry]
                    versions = versions[-kept(versions) :]
                    update["$push"] = {"versions": {"$each": [entry], "$slice": -len(versions)}}
            with translated():
                changed = self._collection.find_one_and_update(
                    {"_id": agent["_id"], "updatedAt": before},
                    update,
                    projection=_WHOLE,
                    return_document=ReturnDocument.AFTER,
                )
            if changed is not None:
                return {**changed, "version": len(versions)}
        raise Conflict("updatedAt")

    def delete(self, agent_id: str) -> None:
        """Delete an agent: no other hands over to it any more, and it is nobody's favourite. Raises `NotFound`."""
        identifier = self.identify(agent_id)
        with translated():
            handing = {"$or": [{"edges.to": agent_id}, {"edges.from": agent_id}]}
            for other in list(self._collection.find(handing, {"edges": 1})):
                self._collection.update_one(
                    {"_id": other["_id"], "edges": other["edges"]},
                    {"$set": {"edges": without_agent(other["edges"], agent_id)}},
                )
            self._database.collection("users").update_many(
                {"favorites.agentId": agent_id}, {"$pull": {"favorites": {"agentId": agent_id}}}
            )
            self._database.collection("actions").delete_many({"agent_id": agent_id})
            self._collection.delete_one({"_id": identifier})


def _versions(agent: Mapping[str, Any]) -> list[Any]:
    versions = agent.get("versions")
    return versions if isinstance(versions, list) else []


def _counted(agent: Document) -> Document:
    shown = {name: value for name, value in agent.items() if name != "versions"}
    return {**shown, "version": len(agent["versions"])}
