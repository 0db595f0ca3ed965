"""Bans, in the collection `logs` and the form in which LibreChat keeps them.

LibreChat stores a ban through the library Keyv: `key` is a namespace and the user's id, `value` a JSON text with the
ban itself and the time at which Keyv forgets it, both in milliseconds since 1970. Read in LibreChat's
`api/cache/banViolation.js` and `packages/api/src/cache/keyvMongo.ts`, and seen with Keyv 5.6.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.repository import Repository, now
from storage.core.translation import translated

NAMESPACE = "BANS"
# LibreChat remembers bans that it has met under these, for as long as they last: with and without Redis.
REMEMBERED = ("ban", "ban:ban_cache:user")
# What "for ever" is in a form in which everything has an end.
FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ANY = {"$regex": f"^{NAMESPACE}:"}


class BanRepository(Repository):
    """Who is banned until when, and which addresses are."""

    collection_name: ClassVar[str] = "logs"
    # The one that Keyv's own store makes; LibreChat's newer store makes none, and reads the whole collection.
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("key", ASCENDING)], unique=True, background=True),
    )

    def until(self, owner: str) -> datetime | None:
        """The end of the user's ban; None for a user who is not banned, or no longer."""
        with translated():
            stored = self._collection.find_one({"key": ban_key(owner)}, {"value": 1})
        return end_of(stored) if stored else None

    def ban(self, owner: str, *, until: datetime, kind: str = "ban", points: int = 0) -> None:
        """Ban the user, in place of a ban that there is. Whose sessions must end too is the caller's business.

        `kind` and `points` say for which violations; such a ban never shortens one that there is.
        """
        if (present := self.until(owner)) is None or kind == "ban" or present < until:
            self._put(owner, until, {"type": kind, "violation_count": points})

    def ban_address(
        self, address: str, *, until: datetime, kind: str, points: int, owner: str | None
    ) -> None:
        """Ban an address, for what it did itself, or what the user did there. Bans that have ended are removed."""
        violation = {"type": kind, "violation_count": points} | ({"user_id": owner} if owner else {})
        with translated():
            self._collection.delete_many({"key": _ANY, "expiresAt": {"$lt": now()}})
        self._put(address, until, violation)

    def address_until(self, address: str) -> datetime | None:
        """The end of an address's ban; None for one that is not banned, or no longer."""
        return self.until(address)

    def _put(self, subject: str, until: datetime, violation: Mapping[str, Any]) -> None:
        end, duration = (until - _EPOCH) // _MILLISECOND, (until - now()) // _MILLISECOND
        ban = {**violation, "duration": duration, "expiresAt": end}
        value = json.dumps({"value": ban, "expires": end}, separators=(",", ":"))
        with translated():
            self._collection.update_one(
                {"key": ban_key(subject)}, {"$set": {"value": value, "expiresAt": until}}, upsert=True
            )

    def lift(self, owner: str) -> bool:
        """End the user's ban, where LibreChat remembers it and of addresses on the user's account too.

        Whether the user was banned.
        """
        banned = self.until(owner) is not None
        with translated():
            self._collection.delete_many(bans_of(owner))
        return banned


def ban_key(owner: str) -> str:
    """Under which key a user's ban is stored."""
    return f"{NAMESPACE}:{owner}"


def bans_of(owner: str) -> dict[str, Any]:
    """The filter of all that is stored of a user's bans: the user's own, and those of the user's addresses."""
    on_account = {"key": _ANY, "value": {"$regex": re.escape(f'"user_id":"{owner}"')}}
    return {"$or": [{"key": {"$in": all_keys(owner)}}, on_account]}


def all_keys(owner: str) -> list[str]:
    """Every key under which LibreChat or Echo may have stored a user's ban."""
    return [ban_key(owner), *(f"{name}:{owner}" for name in REMEMBERED)]


def end_of(stored: Mapping[str, Any]) -> datetime | None:
    """The end of a stored ban that has not ended; None also for what is no ban.

    A ban has two ends, Keyv's and its own, and LibreChat lets it go at the first of them.
    """
    try:
        entry = json.loads(stored["value"])
        ends = [entry.get("expires"), entry["value"].get("expiresAt")]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return None
    latest = (FOR_EVER - _EPOCH) // _MILLISECOND
    known = [min(end, latest) for end in ends if isinstance(end, int | float) and not isinstance(end, bool)]
    end = _EPOCH + int(min(known, default=latest)) * _MILLISECOND
    return end if end > datetime.now(UTC) else None
