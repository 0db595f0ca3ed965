"""Accounts as the operator sees them: all users', not one's. For the command line only.

Nothing that answers requests may import this module; `tests/lint/rules.py` sees to that.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING

from storage.accounts.api_keys import SHOWN as SHOWN_KEY
from storage.accounts.bans import NAMESPACE, ban_key, end_of
from storage.accounts.invitations import INVITE, InvitationRepository, valid_invitations
from storage.accounts.invitations import SHOWN as SHOWN_INVITATION
from storage.accounts.users import ADMIN, USER
from storage.core.database import Database, Document
from storage.core.errors import NotFound, StorageError
from storage.core.repository import found, now, owner_id
from storage.core.search import Search
from storage.core.translation import translated

# What may be shown of an account. Whatever else a document holds, hashes and secrets among it, is not even read.
SHOWN = {
    "email": 1,
    "name": 1,
    "username": 1,
    "role": 1,
    "provider": 1,
    "idOnTheSource": 1,
    "emailVerified": 1,
    "twoFactorEnabled": 1,
    "createdAt": 1,
    "updatedAt": 1,
}
SEARCHED = ("email", "name", "username")
# More than these nobody wants to be told of.
MOST_NAMED = 10


class Ambiguous(StorageError):
    """Several users go by that name; `ids` says which."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        super().__init__(", ".join(ids))


class AccountDirectory:
    """Finds, lists and changes accounts, whoever's they are."""

    def __init__(self, database: Database) -> None:
        self._users = database.collection("users")
        self._roles = database.collection("roles")
        self._bans = database.collection("logs")

    def find(self, who: str) -> Document:
        """The account of an e-mail address, an id or a username. Raises `NotFound` and `Ambiguous`."""
        queries: list[Document] = [{"email": who.strip().lower()}] if "@" in who else []
        if ObjectId.is_valid(who):
            queries.append({"_id": ObjectId(who)})
        queries.append({"username": who.strip().lower()})
        for query in queries:
            with translated():
                several = list(self._users.find(query, SHOWN).limit(10))
            if len(several) > 1:
                raise Ambiguous([str(user["_id"]) for user in several])
            if several:
                return several[0]
        raise NotFound

    def accounts(
        self,
        *,
        search: str | None = None,
        role: str | None = None,
        banned: bool = False,
        after: str | None = None,
    ) -> Iterator[Document]:
        """Accounts in the order in which they were made, after that of an id; read as they are used.

        `search` is for a part of address, name or username. Raises `NotFound` for an id that is none.
        """
        query: Document = {}
        wanted: Search | None = None
        if search:
            wanted = Search(search)
            query |= wanted.within(*SEARCHED)
        if role:
            query["role"] = role if role != USER else {"$in": [USER, None]}
        if banned:
            query["_id"] = {"$in": [owner_id(owner) for owner in self.all_bans()]}
        if after:
            query = {"$and": [query, {"_id": {"$gt": owner_id(after)}}]}
        with translated():
            for user in self._users.find(query, SHOWN_KEY).sort([("_id", ASCENDING)]):
                if wanted is None or wanted.exact or wanted.found_in(map(user.get, SEARCHED)):
                    yield user

    def bans(self, owners: list[str]) -> Mapping[str, datetime]:
        """The end of the ban of each of these users who is banned."""
        with translated():
            stored = list(self._bans.find({"key": {"$in": [ban_key(owner) for owner in owners]}}))
        return _ends(stored)

    def all_bans(self) -> Mapping[str, datetime]:
        """The end of the ban of every user who is banned."""
        with translated():
            return _ends(list(self._bans.find({"key": {"$regex": f"^{NAMESPACE}:[0-9a-f]{{24}}$"}})))

    def set_password(self, owner: str, password_hash: str) -> None:
        """Store another hash; raises `NotFound`."""
        self._set(owner, {"password": password_hash})

    def set_role(self, owner: str, role: str) -> None:
        """Give another role; raises `NotFound`."""
        self._set(owner, {"role": role})

    def _set(self, owner: str, change: Document) -> None:
        with translated():
            found(
                self._users.find_one_and_update(
                    {"_id": owner_id(owner)}, {"$set": {**change, "updatedAt": now()}}, {"_id": 1}
                )
            )

    def is_last_administrator(self, owner: str) -> bool:
        """Whether the user is an administrator and no other user is."""
        with translated():
            administrators = list(self._users.find({"role": ADMIN}, {"_id": 1}).limit(2))
        return [each["_id"] for each in administrators] == [owner_id(owner)]

    def count_of_role(self, role: str) -> int:
        """How many users have a role."""
        with translated():
            return self._users.count_documents({"role": role if role != USER else {"$in": [USER, None]}})

    def roles(self) -> list[str]:
        """The roles that there are: the two that always are, and LibreChat's own ones."""
        with translated():
            stored = self._roles.distinct("name")
        return sorted({ADMIN, USER, *(name for name in stored if isinstance(name, str))})


def _ends(stored: list[Document]) -> dict[str, datetime]:
    ends: dict[str, Any] = {each["key"].partition(":")[2]: end_of(each) for each in stored}
    return {owner: end for owner, end in ends.items() if end}


class InvitationDirectory:
    """Makes, lists and revokes invitations; those who register use them by `InvitationRepository`."""

    def __init__(self, database: Database) -> None:
        self._tokens = database.collection(InvitationRepository.collection_name)

    def create(
        self, *, email: str, token_hash: str, expires_at: datetime, role: str | None = None
    ) -> Document:
        """Insert an invitation; the address must be in lower case."""
        invitation: Document = {
            "_id": ObjectId(),
            "userId": ObjectId(),
            "email": email,
            "type": INVITE,
            "token": token_hash,
            "createdAt": now(),
            "expiresAt": expires_at,
            **({"metadata": {"role": role}} if role else {}),
            "__v": 0,
        }
        with translated():
            self._tokens.insert_one(invitation)
        return invitation

    def list(self) -> list[Document]:
        """All that have not expired, the last made first; never their tokens' hashes."""
        with translated():
            return list(self._tokens.find(valid_invitations(), SHOWN_INVITATION).sort([("_id", DESCENDING)]))

    def revoke(self, invitation_id: str) -> Document:
        """Remove one; what it was. Raises `NotFound`."""
        if ObjectId.is_valid(invitation_id):
            with translated():
                wanted = {**valid_invitations(), "_id": ObjectId(invitation_id)}
                found = self._tokens.find_one_and_delete(wanted, SHOWN_INVITATION)
            if found:
                return found
        raise NotFound


class KeyDirectory:
    """Finds and lists keys, whoever's they are: each without its hash, with its user's `email`."""

    def __init__(self, database: Database) -> None:
        self._keys = database.collection("agentapikeys")
        self._users = database.collection("users")

    def keys(self, owner: str | None = None) -> Iterator[Document]:
        """The keys of one user, or of all, the oldest first."""
        query: Document = {} if owner is None else {"userId": owner_id(owner)}
        addresses: dict[object, str | None] = {}
        with translated():
            for key in self._keys.find(query, SHOWN_KEY).sort([("_id", ASCENDING)]):
                whose = key["userId"]
                if whose not in addresses:
                    addresses[whose] = self._address(whose)
                yield {**key, "email": addresses[whose]}

    def find(self, which: str) -> Document:
        """The key of an id, or that begins so. Raises `NotFound` and `Ambiguous`."""
        query: Document = {"keyPrefix": {"$regex": f"^{re.escape(which)}"}}
        if ObjectId.is_valid(which):
            query = {"_id": ObjectId(which)}
        elif not which:
            raise NotFound
        with translated():
            found = list(self._keys.find(query, SHOWN_KEY).limit(MOST_NAMED))
        if not found:
            raise NotFound
        if len(found) > 1:
            raise Ambiguous([str(key["_id"]) for key in found])
        return {**found[0], "email": self._address(found[0]["userId"])}

    def _address(self, owner: object) -> str | None:
        with translated():
            user = self._users.find_one({"_id": owner}, {"email": 1})
        return user.get("email") if user else None
