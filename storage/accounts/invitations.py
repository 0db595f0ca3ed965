"""Invitations to register, in the collection `tokens` and the form in which LibreChat keeps them.

An invitation is for one e-mail address. Only the SHA-256 of its token is stored, in hex, as LibreChat does
(`packages/api/src/auth/invite.ts`, whose older versions left `type` out). `userId` is an id of nobody's.
"""

from datetime import UTC, datetime
from typing import ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import InvalidDocument
from storage.core.repository import Repository
from storage.core.translation import translated

INVITE = "invite"
SHOWN = {"email": 1, "createdAt": 1, "expiresAt": 1, "metadata.role": 1}


class InvitationRepository(Repository):
    """Invitations as those who register use them. Nobody owns them: who is invited is no user yet."""

    collection_name: ClassVar[str] = "tokens"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel(
            [("userId", ASCENDING), ("type", ASCENDING), ("identifier", ASCENDING), ("tenantId", ASCENDING)],
            background=True,
        ),
        IndexModel([("email", ASCENDING)], background=True),
    )

    def find(self, email: str, token_hash: str) -> Document | None:
        """The invitation of an address with that token, if it has not expired; None if there is none."""
        wanted = {**valid_invitations(), "email": email, "token": token_hash}
        try:
            with translated():
                return self._collection.find_one(wanted, SHOWN)
        except InvalidDocument:
            # Not even text that MongoDB could hold, so nobody's address.
            return None

    def use_up(self, email: str) -> int:
        """Remove every invitation of an address; how many there were."""
        with translated():
            return self._collection.delete_many({**valid_invitations(), "email": email}).deleted_count


def valid_invitations() -> Document:
    """The filter for invitations that have not expired."""
    # Older versions: the other tokens with an address and without a type are hashed by bcrypt, not in hex.
    old = {"type": None, "email": {"$type": "string"}, "token": {"$regex": "^[0-9a-f]{64}$"}}
    return {"$or": [{"type": INVITE}, old], "expiresAt": {"$gt": datetime.now(UTC)}}
