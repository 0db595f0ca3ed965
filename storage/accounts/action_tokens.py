"""What users' logins at services of actions came to, in the collection `tokens` as LibreChat keeps it.

There are two records for each user and action: the access token and the refresh token, both encrypted by who calls.
Read in LibreChat's `packages/api/src/oauth/tokens.ts`.
"""

import re
from datetime import datetime
from typing import ClassVar

from pymongo import UpdateOne

from storage.core.database import Document
from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

ACCESS, REFRESH = "oauth", "oauth_refresh"
_ENDINGS = {ACCESS: "", REFRESH: ":refresh"}


class ActionTokenRepository(Repository):
    """Tokens by their kind. `InvitationRepository` has the collection's indexes."""

    collection_name: ClassVar[str] = "tokens"

    def find(self, owner: str, action_id: str) -> dict[str, str]:
        """The tokens that have not expired, by kind."""
        kinds = [{"type": kind, "identifier": _identifier(owner, action_id, kind)} for kind in _ENDINGS]
        query: Document = {"userId": owner_id(owner), "$or": kinds, "expiresAt": {"$gt": now()}}
        with translated():
            return {str(each["type"]): str(each["token"]) for each in self._collection.find(query).limit(10)}

    def store(self, owner: str, action_id: str, tokens: dict[str, tuple[str, datetime]]) -> None:
        """Store tokens, each with its end, in place of earlier ones of their kinds."""
        writes = [
            UpdateOne(
                {
                    "userId": owner_id(owner),
                    "type": kind,
                    "identifier": _identifier(owner, action_id, kind),
                },
                {
                    "$set": {"token": token, "expiresAt": expires_at},
                    "$setOnInsert": {"createdAt": now(), "__v": 0},
                },
                upsert=True,
            )
            for kind, (token, expires_at) in tokens.items()
        ]
        with translated():
            self._collection.bulk_write(writes)

    def drop_all(self, action_id: str) -> None:
        """Remove what all users have for an action that now leads elsewhere."""
        ending = {"$regex": f"^[0-9a-f]{{24}}:{re.escape(action_id)}(:refresh)?$"}
        with translated():
            self._collection.delete_many({"type": {"$in": [ACCESS, REFRESH]}, "identifier": ending})


def _identifier(owner: str, action_id: str, kind: str) -> str:
    return f"{owner}:{action_id}{_ENDINGS[kind]}"
