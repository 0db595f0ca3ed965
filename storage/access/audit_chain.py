"""The chain of the audit log: each entry holds a hash over itself and over the hash of the one before it.

As LibreChat computes it (`packages/data-schemas/src/methods/auditLog.ts`): SHA-256 of a JSON text without blanks
whose keys are sorted, in UTF-8. So each of the two can check what the other wrote.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

# The hash that the first entry follows.
GENESIS = "0" * 64
# The chain of what belongs to no tenant.
CHAIN = "__platform__"
SCHEMA_VERSION = 1
# So many entries are checked in one go.
MAX_CHECKED = 100_000


def entry_hash(entry: Mapping[str, Any]) -> str:
    """The hash of an entry as it is stored."""
    context = entry.get("context")
    hashed = {
        "v": entry.get("schemaVersion"),
        **{name: entry.get(name) for name in ("category", "action", "outcome", "severity")},
        "actor": _parts(entry.get("actor"), ("type", "id", "name")),
        "target": _parts(entry.get("target"), ("type", "id", "name")),
        "metadata": entry.get("metadata"),
        "context": _parts(context, ("requestId", "ip", "userAgent", "sessionId")) if context else None,
        **{name: entry.get(name) for name in ("tenantId", "chainKey", "seq", "prevHash")},
        "createdAt": _iso(entry.get("createdAt")),
    }
    text = json.dumps(hashed, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _parts(value: Any, names: Iterable[str]) -> dict[str, Any]:
    known = value if isinstance(value, Mapping) else {}
    return {name: known.get(name) for name in names}


def _iso(value: Any) -> Any:
    if not isinstance(value, datetime):
        return value
    return f"{value.isoformat('T', 'milliseconds')[:23]}Z"


@dataclass(frozen=True)
class Verification:
    """Whether the chain holds, how many entries were looked at, and where and why it broke."""

    ok: bool
    checked: int
    first: int | None = None
    last: int | None = None
    broken_at: int | None = None
    reason: str | None = None


def verify(entries: Iterable[Mapping[str, Any]]) -> Verification:
    """Hold entries, the oldest first, against their hashes, as many as `MAX_CHECKED`."""
    before, first, last = GENESIS, None, 0
    for checked, entry in enumerate(entries):
        seq = entry.get("seq")
        limit = f"verification row limit exceeded ({MAX_CHECKED})" if checked == MAX_CHECKED else None
        if reason := limit or _fault(entry, last + 1, before):
            at = seq if isinstance(seq, int) else last + 1
            return Verification(False, checked, first, last or None, at, reason)
        first, last, before = first or last + 1, last + 1, entry["hash"]
    return Verification(True, last, first, last or None)


def _fault(entry: Mapping[str, Any], expected: int, before: str) -> str | None:
    if entry.get("seq") != expected:
        return f"sequence gap: expected {expected}, found {entry.get('seq')}"
    if entry.get("prevHash") != before:
        return "broken hash link"
    return None if entry_hash(entry) == entry.get("hash") else "hash mismatch"
