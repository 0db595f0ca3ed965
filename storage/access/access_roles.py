"""The `accessroles` collection: names for how far a grant goes, such as `agent_editor`."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from pymongo import ASCENDING, InsertOne
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.repository import Repository, now
from storage.core.translation import translated

MAX_ROLES = 100


class AccessRoleRepository(Repository):
    """Roles of grants, as LibreChat seeds them; they are nobody's."""

    collection_name: ClassVar[str] = "accessroles"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("accessRoleId", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True),
    )

    def list_kind(self, kind: str) -> list[Document]:
        """The roles for a kind of thing, the least one first."""
        with translated():
            found = self._collection.find({"resourceType": kind, "tenantId": None})
            return list(found.sort([("permBits", ASCENDING), ("_id", ASCENDING)]).limit(MAX_ROLES))

    def find(self, access_role_id: str) -> Document | None:
        """One by its name."""
        with translated():
            return self._collection.find_one({"accessRoleId": access_role_id, "tenantId": None})

    def seed(self, *roles: Mapping[str, Any]) -> None:
        """Add those that are not there; one that is there stays as it is. Safe with several processes at once."""
        names = [role["accessRoleId"] for role in roles]
        with translated():
            found = self._collection.find(
                {"accessRoleId": {"$in": names}, "tenantId": None}, ["accessRoleId"]
            )
            known = {role["accessRoleId"] for role in found}
        moment = now()
        missing = [
            InsertOne({**role, "createdAt": moment, "updatedAt": moment, "__v": 0})
            for role in roles
            if role["accessRoleId"] not in known
        ]
        if missing:
            # Another process may have been faster, with all of them or with some.
            with suppress(Conflict), translated():
                self._collection.bulk_write(missing, ordered=False)
