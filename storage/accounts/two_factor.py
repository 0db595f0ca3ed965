"""The second factor of accounts: LibreChat's fields of `users`, and in a collection of Echo's the used codes.

An account has `twoFactorEnabled`, the encrypted `totpSecret`, and `backupCodes` as SHA-256 in hex; what is set up but
not yet confirmed is in `pendingTotpSecret` and `pendingBackupCodes`, as in LibreChat's newer versions.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

FIELDS = ("twoFactorEnabled", "totpSecret", "backupCodes", "pendingTotpSecret", "pendingBackupCodes")
# For a change without proof: it must not meet a factor that was put in force since it was found to be off.
OFF: Document = {"twoFactorEnabled": {"$ne": True}}
# A code is good for a minute and a half at most; clocks of several servers may differ.
USED_FOR = timedelta(minutes=10)


@dataclass(frozen=True)
class StoredFactor:
    """What is stored of an account's second factor; secrets are encrypted, `None` where there is none.

    `pending_codes` are the hashes of the backup codes that a confirmation would bring.
    """

    enabled: bool
    secret: str | None
    pending_secret: str | None
    pending_codes: tuple[str, ...]


class TwoFactorRepository(Repository):
    """The second factor's fields of a user. Its indexes are those of `UserRepository`."""

    collection_name: ClassVar[str] = "users"

    def get(self, owner: str) -> StoredFactor:
        """The user's second factor; raises `NotFound`."""
        with translated():
            user = found(self._collection.find_one({"_id": owner_id(owner)}, dict.fromkeys(FIELDS, 1)))
        enabled = bool(user.get("twoFactorEnabled"))
        secret, pending = _text(user, "totpSecret"), _text(user, "pendingTotpSecret")
        if pending or enabled:
            return StoredFactor(enabled, secret, pending, _hashes(user, "pendingBackupCodes"))
        # LibreChat's versions before that put a secret that waits for its confirmation in the place of the real one.
        return StoredFactor(enabled, None, secret, _hashes(user, "backupCodes"))

    def begin(self, owner: str, *, secret: str, code_hashes: Sequence[str], proven: bool = True) -> bool:
        """Keep a secret and backup codes until they are confirmed, in place of earlier ones.

        False if nobody has such an id or, unless `proven`, a factor is in force.
        """
        change = {"pendingTotpSecret": secret, "pendingBackupCodes": _fresh(code_hashes)}
        return self._change({"_id": owner_id(owner), **({} if proven else OFF)}, change) is not None

    def confirm(self, owner: str, *, secret: str, code_hashes: Sequence[str]) -> bool:
        """Put what waits in force; False if it is no longer this secret that waits."""
        waits = {
            "$or": [{"pendingTotpSecret": secret}, {"totpSecret": secret, "twoFactorEnabled": {"$ne": True}}]
        }
        change = {"twoFactorEnabled": True, "totpSecret": secret, "backupCodes": _fresh(code_hashes)}
        cleared: Document = {"pendingTotpSecret": None, "pendingBackupCodes": []}
        return self._change({"_id": owner_id(owner), **waits}, {**change, **cleared}) is not None

    def use_backup_code(self, owner: str, code_hash: str) -> bool:
        """Use a backup code up, atomically; False if it is none, or was used."""
        used = {"backupCodes.$.used": True, "backupCodes.$.usedAt": now()}
        return self._change({"_id": owner_id(owner), **_unused(code_hash)}, used) is not None

    def has_backup_code(self, owner: str, code_hash: str) -> bool:
        """Whether it is a backup code that was not used."""
        with translated():
            mine = {"_id": owner_id(owner), **_unused(code_hash)}
            return self._collection.find_one(mine, {"_id": 1}) is not None

    def replace_backup_codes(self, owner: str, code_hashes: Sequence[str]) -> list[Document] | None:
        """New backup codes in place of all others, as they are stored; None if the second factor is off."""
        codes = _fresh(code_hashes)
        changed = self._change({"_id": owner_id(owner), "twoFactorEnabled": True}, {"backupCodes": codes})
        return None if changed is None else codes

    def disable(self, owner: str, *, proven: bool = True) -> bool:
        """Switch the second factor off and forget its secret and codes; False as for `begin`."""
        nothing: Document = {"totpSecret": None, "backupCodes": []}
        pending: Document = {"pendingTotpSecret": None, "pendingBackupCodes": []}
        mine = {"_id": owner_id(owner), **({} if proven else OFF)}
        return self._change(mine, {"twoFactorEnabled": False, **nothing, **pending}) is not None

    def _change(self, query: Document, change: Document) -> Any:
        update = {"$set": {**change, "updatedAt": now()}}
        with translated():
            return self._collection.find_one_and_update(query, update, {"_id": 1})


class UsedCodeRepository(Repository):
    """Codes of apps that were used: each is good for once. MongoDB removes them when none could come again."""

    collection_name: ClassVar[str] = "echo_used_codes"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0, background=True),
    )

    def use(self, owner: str, *, secret: str, step: int) -> bool:
        """Use up the code that a stored secret has in a step of time; False if somebody has, at the same time too."""
        # The unique `_id` decides. Of the secret only a hash is kept, and that is of its encrypted form.
        key = hashlib.sha256(f"{owner}:{step}:{secret}".encode()).hexdigest()
        document = {"_id": key, "user": owner_id(owner), "expiresAt": now() + USED_FOR}
        try:
            with translated():
                self._collection.insert_one(document)
        except Conflict:
            return False
        return True


def _unused(code_hash: str) -> Document:
    return {"backupCodes": {"$elemMatch": {"codeHash": code_hash, "used": {"$ne": True}}}}


def _fresh(code_hashes: Sequence[str]) -> list[Document]:
    return [{"codeHash": each, "used": False, "usedAt": None} for each in code_hashes]


def _text(user: Document, name: str) -> str | None:
    value = user.get(name)
    return value if isinstance(value, str) and value else None


def _hashes(user: Document, name: str) -> tuple[str, ...]:
    codes = user.get(name)
    listed = codes if isinstance(codes, list) else []
    return tuple(
        each["codeHash"]
        for each in listed
        if isinstance(each, dict) and isinstance(each.get("codeHash"), str) and not each.get("used")
    )
