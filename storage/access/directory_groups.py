"""Groups that an OpenID provider names: members by its claims, in LibreChat's `groups` collection.

LibreChat knows two sources of groups, "local" and "entra". These are local ones with an id at the source that begins
with `openid:`; every other group is left as it is.
"""

from collections.abc import Iterable
from typing import ClassVar

from bson import ObjectId
from pymongo import UpdateOne

from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.repository import Repository, now
from storage.core.translation import translated

LOCAL = "local"
PREFIX = "openid:"


class DirectoryGroupRepository(Repository):
    """Who is in which group, as the provider says it at a login."""

    collection_name: ClassVar[str] = "groups"

    def set_membership(self, owner: str, id_on_the_source: str | None, names: Iterable[str]) -> None:
        """Make the user a member of these groups and of no others of the provider's; missing ones are made.

        As everywhere, groups name a user by the id at the directory, or else by the user's own.
        """
        member = id_on_the_source or owner
        ids = {PREFIX + name: name for name in names}
        with translated():
            self._collection.update_many(
                {
                    "memberIds": member,
                    "idOnTheSource": {"$regex": f"^{PREFIX}", "$nin": list(ids)},
                    "source": LOCAL,
                },
                {"$pull": {"memberIds": member}, "$set": {"updatedAt": now()}},
            )
        try:
            self._join(member, ids)
        except Conflict:
            # Another login has made the same group at the same time.
            self._join(member, ids)

    def _join(self, member: str, ids: dict[str, str]) -> None:
        with translated():
            in_already = {
                group["idOnTheSource"]
                for group in self._collection.find(
                    {"memberIds": member, "idOnTheSource": {"$in": list(ids)}, "source": LOCAL},
                    {"idOnTheSource": 1},
                )
            }
            joins = [_joined(member, key, name) for key, name in ids.items() if key not in in_already]
            if joins:
                self._collection.bulk_write(joins, ordered=True)


def _joined(member: str, key: str, name: str) -> UpdateOne:
    moment = now()
    fresh: Document = {
        "_id": ObjectId(),
        "name": name,
        "createdAt": moment,
        "__v": 0,
    }
    return UpdateOne(
        {"idOnTheSource": key, "source": LOCAL},
        {"$addToSet": {"memberIds": member}, "$set": {"updatedAt": moment}, "$setOnInsert": fresh},
        upsert=True,
    )
