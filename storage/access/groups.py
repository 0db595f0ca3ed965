"""The `groups` collection: groups of users, local ones and those of a directory such as Entra's."""

from typing import ClassVar

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.repository import Repository
from storage.core.translation import translated

# So many groups of one user count.
MAX_GROUPS = 1000


class GroupRepository(Repository):
    """Groups, as LibreChat stores them. Echo reads them; operators make them in LibreChat."""

    collection_name: ClassVar[str] = "groups"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("memberIds", ASCENDING), ("tenantId", ASCENDING)], background=True),
    )

    def ids_of(self, owner: str, id_on_the_source: str | None) -> list[ObjectId]:
        """The groups of a user, who is named in them by the id of the directory, or else by the user's own."""
        with translated():
            found = self._collection.find({"memberIds": id_on_the_source or owner}, {"_id": 1})
            return [group["_id"] for group in found.limit(MAX_GROUPS)]

    def names_of(self, owner: str, id_on_the_source: str | None) -> list[str]:
        """What the groups of a user are called: their names, their ids, and those that the directory has for them."""
        shown = {"name": 1, "idOnTheSource": 1}
        with translated():
            found = self._collection.find({"memberIds": id_on_the_source or owner}, shown)
            return [
                str(name)
                for group in found.limit(MAX_GROUPS)
                for name in (group["_id"], group.get("name"), group.get("idOnTheSource"))
                if name
            ]
