import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.access import audit_chain, audit_log
from storage.access.audit_chain import entry_hash, verify
from storage.access.audit_log import AuditFilter, AuditLogRepository
from storage.core.database import Database
from storage.core.errors import NotFound, Unavailable
from tests.support.chats import profiled
from tests.support.kinds import kinds

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

    def test_say_which_were_looked_at(self) -> None:
        entries = chained(3)
        found = verify([*entries[:2], {**entries[2], "action": "x"}])
        assert (found.checked, found.first, found.last, found.broken_at) == (2, 1, 2, 3)
        found = verify([{**entries[0], "seq": "1"}])
        assert (found.checked, found.first, found.last, found.broken_at) == (0, None, None, 1)

    def test_are_looked_at_up_to_a_limit(self) -> None:
        with patch.object(audit_chain, "MAX_CHECKED", 2):
            assert verify(chained(2)).ok
            found = verify(chained(3))
        assert (found.ok, found.checked, found.broken_at) == (False, 2, 3)
        assert found.reason == "verification row limit exceeded (2)"

    def test_of_what_lacks_nearly_all_are_of_nulls(self) -> None:
        """And what JSON has not is a text; half a character has bytes, too."""
        nobody = '{"id":null,"name":null,"type":null}'
        text = (
            f'{{"action":null,"actor":{nobody},"category":null,"chainKey":null,"context":null,'
            '"createdAt":null,"metadata":{"at":"2026-01-01 00:00:00","text":"\ud800"},"outcome":null,'
            f'"prevHash":null,"seq":null,"severity":null,"target":{nobody},"tenantId":null,"v":null}}'
        )
        expected = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        metadata = {"at": datetime(2026, 1, 1), "text": "\ud800"}
        assert entry_hash({"metadata": metadata}) == expected
        assert entry_hash({"metadata": metadata, "context": {}}) == expected


class TestAppend:
    def test_writes_what_librechat_would(self, database: Database) -> None:
        repository, stored = AuditLogRepository(database), database.collection("auditlogs")
        # One of a tenant's chain, and one of nobody's.
        stored.insert_one({"chainKey": "t", "seq": 9, "hash": "x"})
        given = {each: LIBRECHATS[each] for each in ("category", "action", "outcome", "actor", "target")}
        first, second = repository.append(given), repository.append(given)
        assert kinds(first) == {
            **given,
            "_id": ObjectId,
            "schemaVersion": 1,
            "chainKey": "__platform__",
            "seq": 1,
            "__v": 0,
            "prevHash": "0" * 64,
            "hash": first["hash"],
            "createdAt": datetime,
        }
        assert (second["seq"], second["prevHash"]) == (2, first["hash"])
        assert list(stored.find({"chainKey": "__platform__"}).sort("seq", 1)) == [first, second]
        assert first["hash"] == entry_hash(first)

    def test_gives_up_where_others_are_always_faster(self, database: Database) -> None:
        repository = AuditLogRepository(database)
        with (
            patch.object(audit_log, "MAX_TRIES", 3),
            patch.object(repository, "_next", wraps=repository._next) as tries,
        ):
            repository.append({})
            tries.side_effect = lambda entry: {"chainKey": "__platform__", "seq": 1}
            with pytest.raises(Unavailable, match=r"^the audit log is written to by too many at once$"):
                repository.append({})
        assert tries.call_count == 4

    def test_takes_many_at_once(self, empty_database: Database) -> None:
        repository = AuditLogRepository(empty_database)
        empty_database.ensure_indexes({repository.collection_name: repository.indexes})
        entry = {each: LIBRECHATS[each] for each in ("category", "action", "actor", "target")}
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: repository.append(entry), range(12)))
        found = repository.verify()
        assert (found.ok, found.checked, found.last) == (True, 12, 12)


class TestReading:
    @pytest.fixture
    def log(self, database: Database) -> AuditLogRepository:
        """Five entries of five days, and one of a tenant's."""
        stored = database.collection("auditlogs")
        names = ["Ada Lovelace, Countess", "Ada Lovelace, Baroness", "Bob", "Ada Lovelace, Countess", "Eve"]
        stored.insert_many(
            {
                "chainKey": "__platform__",
                "seq": number,
                "actor": {"name": name},
                "action": "x",
                "createdAt": datetime(2026, 1, number, tzinfo=UTC),
            }
            for number, name in enumerate(names, 1)
        )
        stored.insert_one({"chainKey": "t", "seq": 1, "actor": {"name": "Ada Lovelace, Countess"}})
        return AuditLogRepository(database)

    # The first is sought by the database alone, the second in what it finds, for it is long.
    @pytest.mark.parametrize(("text", "found"), [("LOVELACE", [4, 2, 1]), ("lovelace, countess", [4, 1])])
    def test_is_of_who_is_sought(self, log: AuditLogRepository, text: str, found: list[int]) -> None:
        wanted = AuditFilter(texts={"actor": text})
        rows, total, more = log.list_page(wanted, before=None, offset=0, limit=9)
        assert ([each["seq"] for each in rows], total, more) == (found, len(found), False)
        assert [each["seq"] for each in log.read(wanted)] == found
        rows, total, more = log.list_page(wanted, before=None, offset=1, limit=len(found) - 1)
        assert ([each["seq"] for each in rows], total, more) == (found[1:], len(found), False)
        rows, total, more = log.list_page(wanted, before=None, offset=0, limit=1)
        assert ([each["seq"] for each in rows], total, more) == (found[:1], len(found), True)
        # Behind a number nothing is passed over, whatever the offset.
        rows, total, more = log.list_page(wanted, before=found[0], offset=1, limit=9)
        assert ([each["seq"] for each in rows], total, more) == (found[1:], len(found), False)

    def test_is_of_a_time_with_both_its_ends(self, log: AuditLogRepository) -> None:
        wanted = AuditFilter(since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 4, tzinfo=UTC))
        assert [each["seq"] for each in log.read(wanted)] == [4, 3, 2]
        assert log.list_page(AuditFilter({"seq": (1, 5)}), before=None, offset=0, limit=9)[1] == 2  # type: ignore[dict-item]

    def test_looks_for_two_texts_at_once(self, log: AuditLogRepository) -> None:
        wanted = AuditFilter(texts={"actor": "lovelace, countess", "search": "lovelace, countess"})
        assert [each["seq"] for each in log.read(wanted)] == [4, 1]
        wanted = AuditFilter(texts={"actor": "lovelace, countess", "target": "lovelace, countess"})
        assert list(log.read(wanted)) == []

    def test_is_ended_wholly(self, log: AuditLogRepository, database: Database) -> None:
        """All that a page asks is of one session, by which it is ended."""
        with profiled(database, "auditlogs") as notes:
            log.list_page(AuditFilter(texts={"actor": "ada"}), before=None, offset=0, limit=9)
        assert len(notes) == 2
        assert len({note["command"]["lsid"]["id"] for note in notes}) == 1

    def test_of_one_is_of_no_tenants(self, log: AuditLogRepository, database: Database) -> None:
        ids = {each["chainKey"]: str(each["_id"]) for each in database.collection("auditlogs").find()}
        assert log.get(ids["__platform__"])["chainKey"] == "__platform__"
        for other in (ids["t"], "0" * 24, "x"):
            with pytest.raises(NotFound):
                log.get(other)
