"""What users' logins at MCP servers came to, in the collection `tokens` as LibreChat keeps it.

There are three records for each user and server: the access token, the refresh token, and the client that they were
given to. `credential_set_id` says which of them belong together. Read in LibreChat's
`packages/api/src/mcp/oauth/tokens.ts`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from pymongo import UpdateOne

from storage.core.database import Document
from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

ACCESS, REFRESH, CLIENT = "mcp_oauth", "mcp_oauth_refresh", "mcp_oauth_client"
_ENDINGS = {ACCESS: "", REFRESH: ":refresh", CLIENT: ":client"}


@dataclass(frozen=True)
class Kept:
    """One record: `token` is encrypted."""

    token: str = field(repr=False)
    expires_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)


class McpTokenRepository(Repository):
    """Records by their type. `InvitationRepository` has the collection's indexes."""

    collection_name: ClassVar[str] = "tokens"

    def find(self, owner: str, server: str) -> dict[str, Kept]:
        """The records for a server that have not expired, by type; of an older credential set none."""
        query = {
            "userId": owner_id(owner),
            "$or": [{"type": kind, "identifier": _identifier(server, kind)} for kind in _ENDINGS],
            "expiresAt": {"$gt": now()},
        }
        with translated():
            rows = list(self._collection.find(query).limit(10))
        records = {
            str(each["type"]): Kept(each["token"], each["expiresAt"], each.get("metadata") or {})
            for each in rows
        }
        client = records.get(CLIENT)
        current = client.metadata.get("credential_set_id") if client else None
        return {
            kind: each
            for kind, each in records.items()
            if client is None or each.metadata.get("credential_set_id") == current
        }

    def store(
        self, owner: str, server: str, records: Mapping[str, Kept], replaces: tuple[Any] | None = None
    ) -> bool:
        """Store these records in place of earlier ones, and remove those of the other types; whether that was done.

        With `replaces` only in place of those of that `credential_set_id` (None is one without any).
        """
        mine: Document = {"userId": owner_id(owner)}
        if replaces is not None and not self._take_over(mine, server, records[CLIENT], replaces[0]):
            return False
        writes = [
            UpdateOne(
                {**mine, "type": kind, "identifier": _identifier(server, kind)},
                {
                    "$set": {
                        "token": each.token,
                        "expiresAt": each.expires_at,
                        "metadata": dict(each.metadata),
                    },
                    "$setOnInsert": {"createdAt": now(), "__v": 0},
                },
                upsert=True,
            )
            for kind, each in records.items()
        ]
        others = [
            {"type": kind, "identifier": _identifier(server, kind)}
            for kind in _ENDINGS
            if kind not in records
        ]
        with translated():
            if writes:
                self._collection.bulk_write(writes)
            if others:
                self._collection.delete_many({**mine, "$or": others})
        return True

    def _take_over(self, mine: Document, server: str, client: Kept, set_id: Any) -> bool:
        """Make the record of the client that of another set, if it is still of this one: the others follow it."""
        query = {**mine, "type": CLIENT, "identifier": _identifier(server, CLIENT)}
        change = {"$set": {"metadata": dict(client.metadata)}}
        with translated():
            found = self._collection.update_one({**query, "metadata.credential_set_id": set_id}, change)
        return found.matched_count == 1

    def drop(self, owner: str, server: str) -> int:
        """Remove all records for a server; how many there were."""
        records = [{"type": kind, "identifier": _identifier(server, kind)} for kind in _ENDINGS]
        with translated():
            return self._collection.delete_many({"userId": owner_id(owner), "$or": records}).deleted_count

    def servers(self, owner: str) -> set[str]:
        """The servers at which a user is logged in, or can be again without being asked."""
        query = {"userId": owner_id(owner), "type": {"$in": [ACCESS, REFRESH]}, "expiresAt": {"$gt": now()}}
        with translated():
            rows = list(self._collection.find(query, {"identifier": 1}).limit(2000))
        return {str(each.get("identifier")).removeprefix("mcp:").removesuffix(":refresh") for each in rows}


def _identifier(server: str, kind: str) -> str:
    return f"mcp:{server}{_ENDINGS[kind]}"
