"""The `accessroles` collection: names for how far a grant goes, such as `agent_editor`."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from pymongo import ASCENDING
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

    def seed(self, role: Mapping[str, Any]) -> None:
        """Add a role unless it is there; one that is there stays as it is. Safe with several processes at once."""
        if self.find(role["accessRoleId"]) is not None:
            return
        moment = now()
        # Another process may have been faster.
        with suppress(Conflict), translated():
            self._collection.insert_one({**role, "createdAt": moment, "updatedAt": moment, "__v": 0})
