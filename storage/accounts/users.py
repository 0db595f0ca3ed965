"""The `users` collection."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.operations import IndexModel

from storage.core.database import Database, Document
from storage.core.errors import Conflict, InvalidDocument
from storage.core.finding import find_one_at_once
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

ADMIN, USER = "ADMIN", "USER"
CLAIM = "first-administrator"
# Longer than an insert can take. After that a claim is a dead process's, or the database was emptied since.
CLAIM_HOLDS = timedelta(minutes=1)
# LibreChat's, of accounts that wait for their address to be verified.
WEEK_SECONDS = 604_800


class UserRepository(Repository):
    """Accounts, as LibreChat stores them. Addresses are kept and compared in lower case."""

    collection_name: ClassVar[str] = "users"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("email", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True),
        IndexModel([("role", ASCENDING), ("tenantId", ASCENDING)], background=True),
        # Of accounts whose address nobody has verified: MongoDB removes them a week after their `expiresAt`.
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=WEEK_SECONDS, background=True),
        # The administrators' lists (`storage.operator.directory`).
        IndexModel([("createdAt", DESCENDING), ("_id", DESCENDING)]),
        IndexModel([("role", ASCENDING), ("name", ASCENDING), ("_id", ASCENDING)]),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        # One document whose unique `_id` decides who is first, however many register at once.
        self._claims = database.collection("echo_claims")

    def create(
        self,
        *,
        name: str,
        email: str,
        username: str,
        password_hash: str,
        role: str | None = None,
        verified: bool = True,
        lasting: bool = True,
    ) -> Document:
        """Insert a user; the first of the database is its administrator. Raises `Conflict` for a taken address.

        Another one is a plain user. A `role` that is given is taken instead of both: it must not be a client's.
        An account that is not `verified` waits for its address to be; if it is not `lasting`, it goes some day.

        As in LibreChat, the first is who finds no other. However many register at once, it is one at most: without
        transactions a crash at that moment can mean none, and the role is then given by hand.
        """
        user = new_user(name=name, email=email, username=username, password_hash=password_hash)
        user["role"] = role or USER
        user["emailVerified"] = verified
        if not verified and not lasting:
            user["expiresAt"] = now() + timedelta(seconds=WEEK_SECONDS)
        if role or not self._is_empty():
            return self._insert(user)
        try:
            return self._database.atomically(lambda session: self._insert_first(user, session))
        except Conflict as error:
            if error.field != "_id":
                raise
        # Another one has claimed to be the first, at the same time.
        return self._insert(user)

    def _is_empty(self) -> bool:
        with translated():
            return self._collection.find_one({}, {"_id": 1}) is None

    def _insert(self, user: Document) -> Document:
        with translated():
            self._collection.insert_one(user)
        return user

    def _insert_first(self, user: Document, session: ClientSession | None) -> Document:
        moment = now()
        # Matches an old claim or none at all: where there is a fresh one, its `_id` refuses the upsert.
        self._claims.update_one(
            {"_id": CLAIM, "claimedAt": {"$lt": moment - CLAIM_HOLDS}},
            {"$set": {"claimedAt": moment}},
            upsert=True,
            session=session,
        )
        first = {**user, "role": ADMIN}
        self._collection.insert_one(first, session=session)
        return first

    def get(self, owner: str) -> Document:
        """The user; raises `NotFound`."""
        with translated():
            return found(find_one_at_once(self._collection, {"_id": owner_id(owner)}))

    def prefer_memories(self, owner: str, wanted: bool) -> None:
        """Note whether chats may know what is remembered of the user; raises `NotFound`."""
        self._set(owner, {"personalization.memories": wanted})

    def set_skill_states(self, owner: str, states: Mapping[str, bool]) -> None:
        """Note which skills the user has switched on or off, by id; raises `NotFound`."""
        self._set(owner, {"skillStates": dict(states)})

    def set_avatar(self, owner: str, address: str) -> None:
        """Note where the user's picture of themselves is; raises `NotFound`."""
        self._set(owner, {"avatar": address})

    def set_password(self, owner: str, password_hash: str) -> None:
        """Store another hash; raises `NotFound`."""
        self._set(owner, {"password": password_hash})

    def set_email(self, owner: str, email: str) -> None:
        """Give the user another address, which the user has proved; raises `Conflict` if it is taken, `NotFound`."""
        self._set(owner, {"email": email.lower(), "emailVerified": True}, forget="expiresAt")

    def set_verified(self, owner: str) -> None:
        """Note that the user's address is the user's; the account stays from now on. Raises `NotFound`."""
        self._set(owner, {"emailVerified": True}, forget="expiresAt")

    def keep(self, owner: str) -> None:
        """Keep an account that would go because nobody has verified its address; raises `NotFound`."""
        self._set(owner, {}, forget="expiresAt")

    def rename(self, owner: str, fields: Mapping[str, str]) -> Document:
        """Change `name` and `username`, whichever is given; the user. Raises `NotFound`."""
        changes = {each: fields[each] for each in ("name", "username") if each in fields}
        with translated():
            return found(
                self._collection.find_one_and_update(
                    {"_id": owner_id(owner)},
                    {"$set": {**changes, "updatedAt": now()}},
                    return_document=ReturnDocument.AFTER,
                )
            )

    def change_password(self, owner: str, old_hash: str, new_hash: str) -> bool:
        """Replace the hash of the password; False where that is another one by now."""
        with translated():
            change = {"$set": {"password": new_hash, "updatedAt": now()}}
            found = self._collection.update_one({"_id": owner_id(owner), "password": old_hash}, change)
        return found.matched_count == 1

    def _set(self, owner: str, fields: Document, *, forget: str | None = None) -> None:
        with translated():
            change: Document = {"$set": {**fields, "updatedAt": now()}}
            if forget:
                change["$unset"] = {forget: ""}
            found(self._collection.find_one_and_update({"_id": owner_id(owner)}, change, {"_id": 1}))

    def find_by_email(self, email: str) -> Document | None:
        """The user with an address, None if there is none: a login has no owner yet.

        In a database of several tenants the one without a tenant comes first: Echo knows none.
        """
        try:
            with translated():
                return self._collection.find_one({"email": email.lower()}, sort=[("tenantId", ASCENDING)])
        except InvalidDocument:
            # Not even text that MongoDB could hold, so nobody's address.
            return None

    def count(self) -> int:
        """How many users there are."""
        with translated():
            return self._collection.count_documents({})


def new_user(*, name: str, email: str, username: str, password_hash: str) -> Document:
    """The document that LibreChat makes for a registration, with the role of everyone but the first."""
    moment = now()
    return {
        "_id": ObjectId(),
        "name": name,
        "username": username.lower(),
        "email": email.lower(),
        # As LibreChat sets it where it sends no mail: its login refuses others.
        "emailVerified": True,
        "password": password_hash,
        "avatar": None,
        "provider": "local",
        "role": USER,
        "plugins": [],
        "twoFactorEnabled": False,
        "termsAccepted": False,
        "termsAcceptedAt": None,
        "personalization": {"memories": True},
        "backupCodes": [],
        "refreshToken": [],
        "favorites": [],
        "skillStates": {},
        "createdAt": moment,
        "updatedAt": moment,
        "__v": 0,
    }
