"""The `roles` collection: what users of a role may use."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import ClassVar

from bson import ObjectId
from pymongo import ASCENDING, ReturnDocument, UpdateOne
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict, TooMany
from storage.core.repository import Repository, found
from storage.core.translation import translated

Permissions = Mapping[str, Mapping[str, bool]]
# So many roles administrators may make.
MAX_ROLES = 1000


class RoleRepository(Repository):
    """Roles by their names, as LibreChat stores them; of a database of several tenants those without a tenant."""

    collection_name: ClassVar[str] = "roles"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("name", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True),
    )

    def find(self, name: str) -> Document | None:
        """One role, None if there is none."""
        with translated():
            return self._collection.find_one({"name": name, "tenantId": None})

    def seed(
        self, name: str, defaults: Permissions, said: Permissions, *, added: Collection[str] = ()
    ) -> None:
        """Add the role if it is not there, and each type of permission that it lacks; overwrite only what is `said`.

        Those permissions that were `added` to types later are put into a type that lacks them. Whatever else is
        stored stays. Safe with several processes at once.
        """
        if self.find(name) is None:
            # Another process may have been faster.
            with suppress(Conflict), translated():
                self._collection.insert_one({"name": name, "description": "", "permissions": {}, "__v": 0})
        of_the_role = {"name": name, "tenantId": None}
        changes = [
            UpdateOne(
                {**of_the_role, f"permissions.{kind}": None},
                {"$set": {f"permissions.{kind}": dict(permissions)}},
            )
            for kind, permissions in defaults.items()
        ]
        changes += [
            UpdateOne({**of_the_role, path: {"$exists": False}}, {"$set": {path: value}})
            for kind, permissions in defaults.items()
            for path, value in _by_path({kind: permissions}).items()
            if path.rpartition(".")[2] in added
        ]
        if values := _by_path(said):
            changes.append(UpdateOne(of_the_role, {"$set": values}))
        with translated():
            self._collection.bulk_write(changes, ordered=True)

    def revive(self, name: str, kind: str, permissions: Mapping[str, bool]) -> None:
        """Set permissions of one type where its USE is off."""
        off = {"name": name, "tenantId": None, f"permissions.{kind}.USE": False}
        with translated():
            self._collection.update_one(off, {"$set": _by_path({kind: permissions})})

    def change(self, name: str, kind: str, permissions: Mapping[str, bool]) -> Document:
        """Set permissions of one type; the whole role. Raises `NotFound`."""
        values = _by_path({kind: permissions})
        with translated():
            return found(
                self._collection.find_one_and_update(
                    {"name": name, "tenantId": None}, {"$set": values}, return_document=ReturnDocument.AFTER
                )
            )

    def merge(self, name: str, permissions: Permissions) -> Document:
        """Set permissions of several types; the whole role. Raises `NotFound`."""
        values = _by_path(permissions)
        with translated():
            of_the_role = {"name": name, "tenantId": None}
            if not values:
                return found(self._collection.find_one(of_the_role))
            return found(
                self._collection.find_one_and_update(
                    of_the_role, {"$set": values}, return_document=ReturnDocument.AFTER
                )
            )

    def create(self, name: str, description: str, permissions: Permissions) -> Document:
        """A new role. Raises `Conflict` for a name that is taken, and `TooMany`."""
        role = {
            "_id": ObjectId(),
            "name": name,
            "description": description,
            "permissions": {kind: dict(each) for kind, each in permissions.items()},
            "__v": 0,
        }
        with translated():
            if self._collection.count_documents({"tenantId": None}, limit=MAX_ROLES) >= MAX_ROLES:
                raise TooMany("roles", MAX_ROLES)
            self._collection.insert_one(role)
        return role

    def describe(self, name: str, description: str) -> Document:
        """Change what is said of a role; raises `NotFound`."""
        with translated():
            return found(
                self._collection.find_one_and_update(
                    {"name": name, "tenantId": None},
                    {"$set": {"description": description}},
                    return_document=ReturnDocument.AFTER,
                )
            )

    def list_page(self, offset: int, limit: int) -> tuple[list[Document], int]:
        """The roles by name without their permissions, so many from there on, and how many there are."""
        with translated():
            roles = self._collection.find({"tenantId": None}, {"name": 1, "description": 1}).sort(
                "name", ASCENDING
            )
            return list(roles.skip(offset).limit(limit)), self._collection.count_documents({"tenantId": None})


def _by_path(permissions: Permissions) -> dict[str, bool]:
    return {
        f"permissions.{kind}.{name}": value
        for kind, each in permissions.items()
        for name, value in each.items()
    }
