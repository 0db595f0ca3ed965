"""API keys: with them programs come to `/v1`, and to nothing else. Their form and their hashes are LibreChat's."""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from echo.accounts.new_account import caller_of
from echo.errors import FieldError, InvalidRequest, Unprocessable
from echo.handling.caller import Caller, KeyGrant
from storage.accounts.api_keys import LIMITS, USAGE, ApiKeyRepository
from storage.accounts.bans import BanRepository
from storage.accounts.key_usage import current
from storage.accounts.users import UserRepository
from storage.core.errors import NotFound

KEY_PREFIX = "sk-"
KEY_BYTES = 32
# So much of a key is kept in the clear, to tell one's keys apart.
SHOWN_CHARACTERS = 8
MAX_KEYS = 50
# As with sessions: a key that was deleted in another process is good for so long at most.
CHECK_SECONDS = 3.0
MAX_REMEMBERED = 10_000


@dataclass(frozen=True)
class NewApiKey:
    """A key that was just made; `key` is shown now and never again."""

    document: dict[str, Any]
    key: str


class ApiKeyGuard:
    """Finds out whose key it is, and remembers that for a few seconds; one per process."""

    def __init__(self, keys: ApiKeyRepository, users: UserRepository, bans: BanRepository) -> None:
        self._keys = keys
        self._users = users
        self._bans = bans
        self._good: OrderedDict[str, tuple[Caller, str, float]] = OrderedDict()
        # How often a key has gone or changed here: what was asked before is not noted as good afterwards.
        self._changed = 0

    async def caller(self, key: str) -> Caller | None:
        """Whose the key is; None if it is nobody's, or a banned user's. Raises `storage.core.errors.Unavailable`."""
        return await self.holder(hash_key(key))

    async def holder(self, hashed: str) -> Caller | None:
        """Whose the key with this hash is, likewise."""
        caller, _, until = self._good.get(hashed, (None, "", 0.0))
        if until > time.monotonic():
            return caller
        self._good.pop(hashed, None)
        until, changed = time.monotonic() + CHECK_SECONDS, self._changed
        found = await asyncio.to_thread(self._find, hashed)
        if found is None:
            return None
        if changed == self._changed:
            self._good[hashed] = (*found, until)
            if len(self._good) > MAX_REMEMBERED:
                self._good.popitem(last=False)
        return found[0]

    def _find(self, hashed: str) -> tuple[Caller, str] | None:
        if (key := self._keys.find_by_hash(hashed)) is None:
            return None
        owner, key_id = str(key["userId"]), str(key["_id"])
        try:
            user = self._users.get(owner)
        except NotFound:
            return None
        if self._bans.until(owner):
            return None
        self._keys.mark_used(owner, key_id)
        caller = caller_of(user, session_id="")
        return replace(caller, key_hash=hashed, key=grant_of(key_id, key.get(LIMITS))), key_id

    def forget(self, owner: str, key_id: str) -> None:
        """The key was deleted or changed here: this process shall know at once."""
        self._changed += 1
        for hashed, (caller, known_id, _) in tuple(self._good.items()):
            if (caller.id, known_id) == (owner, key_id):
                self._good.pop(hashed, None)


class ApiKeyService:
    """What the operations under `/api/api-keys` do."""

    def __init__(self, keys: ApiKeyRepository, guard: ApiKeyGuard) -> None:
        self._keys = keys
        self._guard = guard

    def create(
        self,
        owner: str,
        *,
        name: str,
        expires_at: datetime | None = None,
        limits: Mapping[str, Any] | None = None,
    ) -> NewApiKey:
        """A new key.

        Raises `InvalidRequest` for a name of nothing but blanks or a time that has passed, `Unprocessable` when the
        owner has as many keys as are allowed.
        """
        checked = checked_fields({"name": name, "expires_at": expires_at})
        too_many = Unprocessable(f"Nobody may have more than {MAX_KEYS} API keys.", code="too_many_keys")
        if self._keys.count(owner) >= MAX_KEYS:
            raise too_many
        key = f"{KEY_PREFIX}{secrets.token_hex(KEY_BYTES)}"
        document = self._keys.create(
            owner,
            key_hash=hash_key(key),
            key_prefix=key[:SHOWN_CHARACTERS],
            limits=limits,
            **checked,
        )
        if self._keys.count(owner) > MAX_KEYS:
            # Others were made at the same time. Nobody has seen this one.
            self._keys.delete(owner, str(document["_id"]))
            raise too_many
        return NewApiKey(document, key)

    def change(self, owner: str, key_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Change `name`, `expires_at` and `limits`, those of them that are there; None takes one away.

        The key, without what opens anything. In other processes it is felt as a deletion is; limits of requests and
        tokens that the key has had before are felt at once. Raises as `create`, and `storage.core.errors.NotFound`.
        """
        changed = self._keys.update(owner, key_id, checked_fields(changes))
        self._guard.forget(owner, key_id)
        return with_current_usage(changed)

    def list(self, owner: str) -> list[dict[str, Any]]:
        """All keys, without what opens anything, nor what they have used."""
        return self._keys.list(owner)

    def get(self, owner: str, key_id: str) -> dict[str, Any]:
        """One key, with what it has used; raises `storage.core.errors.NotFound`."""
        return with_current_usage(self._keys.get(owner, key_id))

    def delete(self, owner: str, key_id: str) -> None:
        """Delete a key; raises `storage.core.errors.NotFound`."""
        self._keys.delete(owner, key_id)
        self._guard.forget(owner, key_id)


def checked_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with the name trimmed; raises `InvalidRequest`."""
    checked, expires_at = dict(fields), fields.get("expires_at")
    # No limits are none.
    checked |= {"limits": fields["limits"] or None} if "limits" in fields else {}
    if "name" in checked:
        checked["name"] = checked["name"].strip()
    if checked.get("name") == "":
        raise InvalidRequest(errors=(FieldError("name", "is empty"),))
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise InvalidRequest(errors=(FieldError("expiresAt", "has passed"),))
    return checked


def with_current_usage(key: dict[str, Any]) -> dict[str, Any]:
    """The key, having used nothing yet in a day or month that began after its last request."""
    return {**key, USAGE: current(key[USAGE])} if USAGE in key else key


def grant_of(key_id: str, limits: Any) -> KeyGrant:
    """What a key opens by its limits as they are stored."""
    limits = limits if isinstance(limits, dict) else {}
    models = limits.get("models")
    return KeyGrant(
        key_id, None if models is None else tuple(models), is_counted=bool(limits.keys() - {"models"})
    )


def hash_key(key: str) -> str:
    """The form in which a key is stored: SHA-256 in hex, as LibreChat stores it. 256 random bits need no salt."""
    return hashlib.sha256(key.encode()).hexdigest()
