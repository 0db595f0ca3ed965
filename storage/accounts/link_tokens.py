"""Tokens of links in mails, in the collection `tokens` and the form in which LibreChat keeps them.

`token` is a bcrypt hash. Read in LibreChat's `api/server/services/AuthService.js` and its schema of tokens.
"""

from datetime import datetime
from typing import ClassVar

from bson import ObjectId
from pymongo import DESCENDING

from storage.core.database import Document
from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

PASSWORD_RESET, EMAIL_VERIFICATION = "password_reset", "email_verification"
# Echo's own: the new address of an account.
EMAIL_CHANGE = "echo_email_change"


class LinkTokenRepository(Repository):
    """What proves that somebody reads mail for an address. `InvitationRepository` has the collection's indexes."""

    collection_name: ClassVar[str] = "tokens"

    def issue(
        self,
        owner: str,
        kind: str,
        *,
        token_hash: str,
        expires_at: datetime,
        email: str | None = None,
        mark: str | None = None,
    ) -> None:
        """Store a token in place of the owner's others of its kind; `email` is the address that it proves.

        `mark` is of the password with which it was asked for, where it is good with that one only.
        """
        token: Document = {
            "_id": ObjectId(),
            "userId": owner_id(owner),
            **({"email": email} if email else {}),
            **({"mark": mark} if mark else {}),
            "type": kind,
            "token": token_hash,
            "createdAt": now(),
            "expiresAt": expires_at,
            "__v": 0,
        }
        with translated():
            self._collection.delete_many({"userId": owner_id(owner), "type": kind})
            self._collection.insert_one(token)

    def latest(self, owner: str, kind: str) -> Document | None:
        """The newest token of a kind that has not expired; None if there is none, or no such owner."""
        if not ObjectId.is_valid(owner):
            return None
        with translated():
            return self._collection.find_one(
                {"userId": owner_id(owner), "type": kind, "expiresAt": {"$gt": now()}},
                sort=[("createdAt", DESCENDING)],
            )

    def use_up(self, owner: str, token: Document) -> bool:
        """Remove a token; whether it was still there: of several at once one alone gets it."""
        with translated():
            gone = self._collection.delete_one({"_id": token["_id"], "userId": owner_id(owner)})
        return gone.deleted_count == 1

    def drop(self, owner: str, kind: str) -> None:
        """Remove all of a kind."""
        with translated():
            self._collection.delete_many({"userId": owner_id(owner), "type": kind})
