"""Passkeys of users, and the challenges that wait for them. LibreChat has none: both collections are Echo's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import NotFound, TooMany
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

MAX_PASSKEYS = 20
CHALLENGE_SECONDS = 300
REGISTER, LOGIN = "register", "login"


@dataclass(frozen=True)
class NewPasskey:
    """What a registration proved; `credential_id` in base64url."""

    name: str
    credential_id: str
    public_key: bytes
    sign_count: int
    transports: Sequence[str]
    backed_up: bool


class PasskeyRepository(Repository):
    """Public keys of authenticators; `user` is the owner's ObjectId."""

    collection_name: ClassVar[str] = "echo_passkeys"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("credentialId", ASCENDING)], unique=True, background=True),
        IndexModel([("user", ASCENDING)], background=True),
    )

    def insert(self, owner: str, passkey: NewPasskey) -> Document:
        """Keep a passkey. Raises `Conflict` for one that is there, whoever's, and `TooMany`."""
        document: Document = {
            "_id": ObjectId(),
            "user": owner_id(owner),
            "name": passkey.name,
            "credentialId": passkey.credential_id,
            "publicKey": passkey.public_key,
            "signCount": passkey.sign_count,
            "transports": list(passkey.transports),
            "backedUp": passkey.backed_up,
            "createdAt": now(),
            "usedAt": None,
        }
        with translated():
            if self._collection.count_documents({"user": owner_id(owner)}) >= MAX_PASSKEYS:
                raise TooMany("passkeys", MAX_PASSKEYS)
            self._collection.insert_one(document)
        return document

    def list(self, owner: str) -> Sequence[Document]:
        """All passkeys, the oldest first."""
        with translated():
            return list(self._collection.find({"user": owner_id(owner)}).sort("_id", ASCENDING))

    def find(self, credential_id: str) -> Document | None:
        """A passkey by its credential's id: a login has no owner yet."""
        with translated():
            return self._collection.find_one({"credentialId": credential_id})

    def rename(self, owner: str, passkey_id: str, name: str) -> Document:
        """Give a passkey another name; raises `NotFound`."""
        with translated():
            return found(
                self._collection.find_one_and_update(
                    self._own(owner, passkey_id), {"$set": {"name": name}}, return_document=True
                )
            )

    def delete(self, owner: str, passkey_id: str) -> None:
        """Remove a passkey; raises `NotFound`."""
        with translated():
            found(self._collection.find_one_and_delete(self._own(owner, passkey_id), {"_id": 1}))

    def delete_all(self, owner: str) -> int:
        """Remove all passkeys of a user; how many there were."""
        with translated():
            return self._collection.delete_many({"user": owner_id(owner)}).deleted_count

    def note_use(self, passkey: Mapping[str, Any], sign_count: int) -> bool:
        """Keep the counter of a login; False where another login has come between, or the passkey is gone."""
        same = {"_id": passkey["_id"], "user": passkey["user"], "signCount": passkey["signCount"]}
        with translated():
            change = {"$set": {"signCount": sign_count, "usedAt": now()}}
            return self._collection.update_one(same, change).matched_count == 1

    @staticmethod
    def _own(owner: str, passkey_id: str) -> Document:
        if not ObjectId.is_valid(passkey_id):
            raise NotFound
        return {"_id": ObjectId(passkey_id), "user": owner_id(owner)}


class ChallengeRepository(Repository):
    """Challenges that were given out: each is good for once, for five minutes, and for what it was made for."""

    collection_name: ClassVar[str] = "echo_passkey_challenges"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("user", ASCENDING)], background=True),
    )

    def begin(self, challenge_id: str, challenge: bytes, owner: str | None) -> None:
        """Keep a challenge, for a registration of this owner's, or for a login of anybody's."""
        document: Document = {
            "_id": challenge_id,
            "purpose": LOGIN if owner is None else REGISTER,
            "challenge": challenge,
            "expiresAt": now() + timedelta(seconds=CHALLENGE_SECONDS),
            "user": None if owner is None else owner_id(owner),
        }
        with translated():
            self._collection.insert_one(document)

    def take(self, challenge_id: str, owner: str | None) -> bytes | None:
        """The challenge, which is used up; None for one that is not there, of another's or for something else."""
        wanted = {
            "_id": challenge_id,
            "purpose": LOGIN if owner is None else REGISTER,
            "user": None if owner is None else owner_id(owner),
            "expiresAt": {"$gt": now()},
        }
        with translated():
            taken = self._collection.find_one_and_delete(wanted)
        return bytes(taken["challenge"]) if taken else None
