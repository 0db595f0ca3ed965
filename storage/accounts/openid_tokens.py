"""Tokens of the organisation's OpenID provider, one set for each user: in a collection of Echo's, encrypted by who
calls.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

# Who has not logged in for so long logs in again.
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class OpenIdTokens:
    """`access` is good until `ends_at`; `login` is a name of this set, which no other has."""

    login: str
    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    ends_at: datetime


class OpenIdTokenRepository(Repository):
    """The set of a user's last login."""

    collection_name: ClassVar[str] = "echo_openid_tokens"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("user", ASCENDING)], unique=True, background=True),
    )

    def find(self, owner: str) -> OpenIdTokens | None:
        """The user's set."""
        with translated():
            kept = self._collection.find_one({"user": owner_id(owner), "expiresAt": {"$gt": now()}})
        if kept is None:
            return None
        return OpenIdTokens(kept["login"], kept["access"], kept.get("refresh"), kept["endsAt"])

    def keep(self, owner: str, tokens: OpenIdTokens, *, replaces: str | None = None) -> bool:
        """Keep a set in place of an earlier one, with `replaces` only of that one; whether that was done."""
        query = {"user": owner_id(owner), **({"login": replaces} if replaces else {})}
        kept = {
            "login": tokens.login,
            "access": tokens.access,
            "refresh": tokens.refresh,
            "endsAt": tokens.ends_at,
            "expiresAt": now() + KEPT,
        }
        with translated():
            done = self._collection.update_one(query, {"$set": kept}, upsert=replaces is None)
        return done.matched_count == 1 or done.upserted_id is not None

    def drop(self, owner: str) -> None:
        """Forget the user's set."""
        with translated():
            self._collection.delete_one({"user": owner_id(owner)})
