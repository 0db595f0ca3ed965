"""All users, for those who administer them: in pages, by role, and by the names that groups have for them."""

from collections.abc import Iterable

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING

from storage.accounts.users import USER
from storage.core.database import Database, Document
from storage.core.repository import found, owner_id
from storage.core.translation import translated

# What may be shown of an account. Whatever else a document holds, hashes and secrets among it, is not even read.
SHOWN = {
    "name": 1,
    "username": 1,
    "email": 1,
    "avatar": 1,
    "role": 1,
    "provider": 1,
    "idOnTheSource": 1,
    "createdAt": 1,
    "updatedAt": 1,
}


class UserDirectory:
    """Reads accounts, whoever's they are; who may ask is the services' to say."""

    def __init__(self, database: Database) -> None:
        self._users = database.collection("users")

    def get(self, user_id: str) -> Document:
        """One account; raises `NotFound`."""
        with translated():
            return found(self._users.find_one({"_id": owner_id(user_id)}, SHOWN))

    def list_page(self, offset: int, limit: int) -> tuple[list[Document], int]:
        """Accounts, the newest first, so many from there on, and how many there are, by the collection's metadata."""
        with translated():
            rows = self._users.find({}, SHOWN).sort([("createdAt", DESCENDING), ("_id", DESCENDING)])
            return list(rows.skip(offset).limit(limit)), self._users.estimated_document_count()

    def of_role(self, role: str, offset: int, limit: int) -> tuple[list[Document], int]:
        """Those who have a role, by name, so many from there on, and how many there are."""
        query: Document = {"role": {"$in": [role, None]} if role == USER else role}
        with translated():
            rows = self._users.find(query, SHOWN).sort([("name", ASCENDING), ("_id", ASCENDING)])
            return list(rows.skip(offset).limit(limit)), self._users.count_documents(query)

    def named(self, names: Iterable[str]) -> dict[str, Document]:
        """Users by the names that groups have for them: the id of a directory, or their own."""
        wanted = list(names)
        ids = [ObjectId(each) for each in wanted if ObjectId.is_valid(each)]
        either = {"$or": [{"idOnTheSource": {"$in": wanted}}, {"_id": {"$in": ids}}]}
        with translated():
            users = list(self._users.find(either, SHOWN))
        known = {str(user["_id"]): user for user in users}
        return known | {
            user["idOnTheSource"]: user for user in users if isinstance(user.get("idOnTheSource"), str)
        }
