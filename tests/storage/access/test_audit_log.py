from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from storage.access.audit_chain import entry_hash, verify
from storage.access.audit_log import AuditLogRepository
from storage.core.database import Database

# As LibreChat would store it, and the hash that its own code computes of it.
LIBRECHATS: dict[str, Any] = {
    "schemaVersion": 1,
    "category": "grant",
    "action": "grant.assigned",
    "outcome": "success",
    "severity": "warning",
    "actor": {"type": "user", "id": "6b07eb211b657138f140ac8e", "name": 'Ada "Łovelace"\n\u2028\x7f'},
    "target": {"type": "role", "id": "STAFF", "name": "STAFF"},
    "metadata": {"capability": "read:users", "count": 2, "flag": True, "nothing": None},
    "context": {"ip": "192.0.2.1"},
    "chainKey": "__platform__",
    "seq": 1,
    "prevHash": "0" * 64,
    "createdAt": datetime(2026, 11, 23, 13, 18, 50, 5000, tzinfo=UTC),
}


def chained(count: int) -> list[dict[str, Any]]:
    """As many entries, each after the other."""
    entries: list[dict[str, Any]] = []
    before = "0" * 64
    for number in range(1, count + 1):
        entry = {**LIBRECHATS, "seq": number, "prevHash": before}
        before = entry_hash(entry)
        entries.append({**entry, "hash": before})
    return entries


class TestHashes:
    def test_are_librechats(self) -> None:
        assert entry_hash(LIBRECHATS) == "bc709c404e3b12680613de380f30babc34f1f98e6c4a37a7a6bca7d37a5c5061"

    def test_of_a_chain_hold(self) -> None:
        found = verify(chained(3))
        assert (found.ok, found.checked, found.first, found.last, found.reason) == (True, 3, 1, 3, None)
        assert (verify([]).ok, verify([]).checked, verify([]).first) == (True, 0, None)

    def test_tell_where_it_broke(self) -> None:
        one, two, three = chained(3)
        for entries, at, reason in (
            ([one, three], 3, "sequence gap: expected 2, found 3"),
            ([two, three], 2, "sequence gap: expected 1, found 2"),
            ([one, {**two, "prevHash": "f" * 64}], 2, "broken hash link"),
            ([one, {**two, "outcome": "failure"}, three], 2, "hash mismatch"),
            ([one, {**two, "metadata": {"capability": "manage:users"}}], 2, "hash mismatch"),
        ):
            found = verify(entries)
            assert (found.ok, found.broken_at, found.reason) == (False, at, reason)


class TestAppend:
    def test_takes_many_at_once(self, empty_database: Database) -> None:
        repository = AuditLogRepository(empty_database)
        empty_database.ensure_indexes({repository.collection_name: repository.indexes})
        entry = {each: LIBRECHATS[each] for each in ("category", "action", "actor", "target")}
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: repository.append(entry), range(12)))
        found = repository.verify()
        assert (found.ok, found.checked, found.last) == (True, 12, 12)
