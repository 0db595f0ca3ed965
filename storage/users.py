"""The `users` collection."""

from typing import Any, ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.database import Database, Document
from storage.errors import Conflict
from storage.repository import Repository, found, now, owner_id
from storage.translation import translated

ADMIN, USER = "ADMIN", "USER"


class UserRepository(Repository):
    """Accounts, as LibreChat stores them. Addresses are kept and compared in lower case."""

    collection_name: ClassVar[str] = "users"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("email", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True),
        IndexModel([("role", ASCENDING), ("tenantId", ASCENDING)], background=True),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        # One document whose unique `_id` decides who was first, however many register at once.
        self._claims = database.collection("echo_claims")

    def create(self, *, name: str, email: str, username: str, password_hash: str) -> Document:
        """Insert a user; the first of the database is its administrator. Raises `Conflict` for a taken address."""
        moment = now()
        user: Document = {
            "name": name,
            "username": username.lower(),
            "email": email.lower(),
            "emailVerified": False,
            "password": password_hash,
            "avatar": None,
            "provider": "local",
            "role": USER,
            "plugins": [],
            "twoFactorEnabled": False,
            "termsAccepted": False,
            "personalization": {"memories": True},
            "backupCodes": [],
            "refreshToken": [],
            "favorites": [],
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(user)
        if self._is_first(user["_id"]):
            user["role"] = ADMIN
            with translated():
                self._collection.update_one({"_id": user["_id"]}, {"$set": {"role": ADMIN}})
        return user

    def _is_first(self, user_id: Any) -> bool:
        with translated():
            # A database that others filled has its administrator already.
            if self._collection.find_one({"_id": {"$ne": user_id}, "role": ADMIN}, {"_id": 1}):
                return False
        try:
            with translated():
                self._claims.insert_one({"_id": "first-administrator", "user": user_id})
        except Conflict:
            return False
        return True

    def get(self, owner: str) -> Document:
        """The user; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"_id": owner_id(owner)}))

    def find_by_email(self, email: str) -> Document | None:
        """The user with an address, None if there is none: a login has no owner yet."""
        if "\0" in email:
            return None
        with translated():
            return self._collection.find_one({"email": email.lower()})

    def count(self) -> int:
        """How many users there are."""
        with translated():
            return self._collection.count_documents({})
