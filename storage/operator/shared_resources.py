"""What users of LibreChat can share with rights of their own: agents, groups of prompts, skills, MCP servers.

When a user goes, such a thing goes with them, unless another user may delete it too: then it is that one's, as
LibreChat's `getSoleOwnedResourceIds` has it, and the authorship passes on, so that nobody is named who is not there.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from storage.core.database import Database, Document
from storage.core.repository import owner_id

# LibreChat's bit for "may delete", which makes an owner.
MAY_DELETE = 4
USER = "user"
# LibreChat's longest name of a skill is 64 characters; room for a number is left.
MAX_NAME = 58


@dataclass(frozen=True)
class Kind:
    """A kind of thing: where it is, what grants call it, and where its parts are (collection, field)."""

    collection: str
    types: tuple[str, ...]
    parts: tuple[tuple[str, str], ...] = ()


KINDS = (
    Kind("agents", ("agent", "remoteAgent")),
    Kind("promptgroups", ("promptGroup",), (("prompts", "groupId"),)),
    Kind("skills", ("skill",), (("skillfiles", "skillId"),)),
    Kind("mcpservers", ("mcpServer",)),
)


class SharedResources:
    """Counts and removes a user's; used by `storage.operator.erasure`, which translates the driver's errors."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._grants = database.collection("aclentries")

    def count(self, owner: str) -> Counter[str]:
        """How many documents name the user as their author, by collection."""
        names = [name for kind in KINDS for name in (kind.collection, *(part for part, _ in kind.parts))]
        author = {"author": owner_id(owner)}
        return Counter({name: self._database.collection(name).count_documents(author) for name in names})

    def remove(self, owner: str) -> Counter[str]:
        """Remove or hand over each; how many documents went or were changed, by collection."""
        gone: Counter[str] = Counter()
        for kind in KINDS:
            theirs, heirs = self.divide(owner, kind)
            self._remove_kind(kind, theirs, gone)
            for resource, heir in heirs.items():
                self._hand_over(kind, owner_id(owner), resource, heir, gone)
            self._hand_over_parts(kind, owner_id(owner), gone)
        self._forget_editor(owner, gone)
        return gone

    def divide(self, owner: str, kind: Kind) -> tuple[list[ObjectId], dict[ObjectId, ObjectId]]:
        """The things that go, and those that stay with the user who has them from now on."""
        mine = {"principalType": USER, "principalId": owner_id(owner)}
        candidates = self._ids(kind.collection, {"author": owner_id(owner)})
        candidates |= {entry["resourceId"] for entry in self._owning(kind, mine)}
        others = {"resourceId": {"$in": list(candidates)}, "principalId": {"$ne": owner_id(owner)}}
        heirs = {
            entry["resourceId"]: entry["principalId"]
            for entry in self._owning(kind, {"principalType": USER, **others})
        }
        return list(candidates - heirs.keys()), heirs

    def _owning(self, kind: Kind, who: Document) -> Iterable[Document]:
        wanted = {"resourceType": {"$in": kind.types}, "permBits": {"$bitsAllSet": MAY_DELETE}, **who}
        return self._grants.find(wanted, {"resourceId": 1, "principalId": 1})

    def _ids(self, name: str, query: Document) -> set[ObjectId]:
        return {document["_id"] for document in self._database.collection(name).find(query, {"_id": 1})}

    def _remove_kind(self, kind: Kind, ids: list[ObjectId], gone: Counter[str]) -> None:
        within: dict[str, Any] = {"$in": ids}
        if kind.collection == "agents":
            self._forget_favorites(ids, gone)
        for name, field in kind.parts:
            gone[name] += self._database.collection(name).delete_many({field: within}).deleted_count
        documents = self._database.collection(kind.collection)
        gone[kind.collection] += documents.delete_many({"_id": within}).deleted_count
        # Last: by these a second run finds what the first did not finish.
        grants = {"resourceType": {"$in": kind.types}, "resourceId": within}
        gone["aclentries"] += self._grants.delete_many(grants).deleted_count

    def _forget_favorites(self, ids: list[ObjectId], gone: Counter[str]) -> None:
        """Agents that are about to go are nobody's favourites any more."""
        agents = self._database.collection("agents").find({"_id": {"$in": ids}}, {"id": 1})
        names = {"$in": [agent.get("id") for agent in agents]}
        users = self._database.collection("users")
        users.update_many({"favorites.agentId": names}, {"$pull": {"favorites": {"agentId": names}}})

    def _hand_over(
        self, kind: Kind, owner: ObjectId, resource: ObjectId, heir: ObjectId, gone: Counter[str]
    ) -> None:
        change: Document = {"author": heir}
        if kind.collection == "promptgroups":
            user = self._database.collection("users").find_one({"_id": heir}, {"name": 1}) or {}
            change["authorName"] = user.get("name") or ""
        if kind.collection == "skills":
            change["name"] = self._free_name(resource, heir)
        documents = self._database.collection(kind.collection)
        found = documents.update_one({"_id": resource, "author": owner}, {"$set": change})
        gone[kind.collection] += found.modified_count

    def _free_name(self, resource: ObjectId, heir: ObjectId) -> str:
        """A name for a skill that no other of its new author's has: they are unique (LibreChat's index)."""
        skills = self._database.collection("skills")
        name = str((skills.find_one({"_id": resource}, {"name": 1}) or {}).get("name") or "skill")
        free, number = name, 1
        while skills.find_one({"name": free, "author": heir, "_id": {"$ne": resource}}, {"_id": 1}):
            number += 1
            free = f"{name[:MAX_NAME]}-{number}"
        return free

    def _hand_over_parts(self, kind: Kind, owner: ObjectId, gone: Counter[str]) -> None:
        """Parts that the user wrote for another's thing stay with it, as its author's."""
        things = self._database.collection(kind.collection)
        for name, field in kind.parts:
            parts = self._database.collection(name)
            for whole in parts.distinct(field, {"author": owner}):
                thing = things.find_one({"_id": whole}, {"author": 1})
                written = {"author": owner, field: whole}
                if thing is None:
                    gone[name] += parts.delete_many(written).deleted_count
                else:
                    change = {"$set": {"author": thing.get("author")}}
                    gone[name] += parts.update_many(written, change).modified_count

    def _forget_editor(self, owner: str, gone: Counter[str]) -> None:
        """Versions of others' agents say who made them."""
        forms = {"$in": [owner, owner_id(owner)]}
        found = self._database.collection("agents").update_many(
            {"versions.updatedBy": forms},
            {"$unset": {"versions.$[version].updatedBy": ""}},
            array_filters=[{"version.updatedBy": forms}],
        )
        gone["agents"] += found.modified_count
