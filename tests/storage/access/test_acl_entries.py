"""Grants: read by indexes, changed wholly or not at all, and never without an owner."""

from typing import Any

import pytest
from bson import ObjectId

from storage.access.acl_entries import AclEntryRepository, Grant
from storage.access.principals import EVERYBODY, GROUP, ROLE, USER, Principal
from storage.core.database import Database
from storage.core.errors import NoOwnerLeft
from tests.support.chats import new_owner, profiled
from tests.support.threads import together

OWNER, VIEWER = Grant(15), Grant(1)


@pytest.fixture
def entries(database: Database) -> AclEntryRepository:
    return AclEntryRepository(database)


def somebody() -> Principal:
    return Principal(USER, ObjectId())


def bits(entries: AclEntryRepository, resource: ObjectId, *principals: Principal) -> list[int]:
    return [entries.bits([each], "agent", resource) for each in principals]


class TestGive:
    def test_writes_over_every_double(self, entries: AclEntryRepository, database: Database) -> None:
        """Two at once can write two grants: neither may keep more than was given last."""
        ada, thing = somebody(), ObjectId()
        entry = {**ada.fields(), "resourceType": "agent", "resourceId": thing, "permBits": 15}
        database.collection("aclentries").insert_many([dict(entry), dict(entry)])
        entries.give(new_owner(), ada, "agent", thing, VIEWER)
        assert bits(entries, thing, ada) == [1]

    def test_forgets_the_role_of_the_grant_before(
        self, entries: AclEntryRepository, database: Database
    ) -> None:
        thing, role = ObjectId(), ObjectId()
        entries.give(new_owner(), EVERYBODY, "agent", thing, Grant(1, role))
        assert [each["roleId"] for each in entries.list("agent", thing, 5)] == [role]
        entries.give(new_owner(), EVERYBODY, "agent", thing, VIEWER)
        assert ["roleId" in each for each in entries.list("agent", thing, 5)] == [False]


class TestChange:
    def test_is_all_or_nothing(self, entries: AclEntryRepository) -> None:
        ada, bob, thing = somebody(), somebody(), ObjectId()
        entries.give(new_owner(), ada, "agent", thing, OWNER)
        with pytest.raises(NoOwnerLeft):
            entries.change(new_owner(), "agent", thing, {EVERYBODY: VIEWER, bob: VIEWER, ada: None})
        assert bits(entries, thing, ada, bob, EVERYBODY) == [15, 0, 0]
        entries.change(new_owner(), "agent", thing, {EVERYBODY: VIEWER, bob: OWNER, ada: None})
        assert bits(entries, thing, ada, bob, EVERYBODY) == [0, 15, 1]

    def test_of_two_owners_who_remove_each_other_leaves_one(self, entries: AclEntryRepository) -> None:
        for _ in range(5):
            owners, thing = [somebody(), somebody()], ObjectId()
            for owner in owners:
                entries.give(new_owner(), owner, "agent", thing, OWNER)

            def remove(number: int, owners: Any = owners, thing: ObjectId = thing) -> bool:
                try:
                    entries.change(new_owner(), "agent", thing, {owners[number]: None})
                except NoOwnerLeft:
                    return False
                return True

            assert sorted(together(remove, 2)) == [False, True]
            assert sorted(bits(entries, thing, *owners)) == [0, 15]

    def test_of_what_no_user_owns_is_free(self, entries: AclEntryRepository) -> None:
        """LibreChat's own defaults may be nobody's."""
        ada, thing = somebody(), ObjectId()
        entries.change(new_owner(), "agent", thing, {ada: VIEWER, EVERYBODY: VIEWER})
        entries.change(new_owner(), "agent", thing, {ada: None})
        assert bits(entries, thing, ada, EVERYBODY) == [0, 1]

    def test_by_others_than_users_does_not_touch_the_owners_grant(self, entries: AclEntryRepository) -> None:
        ada, thing = somebody(), ObjectId()
        entries.give(new_owner(), ada, "agent", thing, OWNER)
        before = entries.list("agent", thing, 5)
        entries.change(new_owner(), "agent", thing, {EVERYBODY: VIEWER, Principal(ROLE, "USER"): VIEWER})
        assert entries.list("agent", thing, 5)[:1] == before


class TestPlans:
    @pytest.mark.parametrize("kind_of_read", ["bits", "resources", "each"])
    def test_no_collection_is_scanned(
        self, entries: AclEntryRepository, database: Database, kind_of_read: str
    ) -> None:
        ada, thing = somebody(), ObjectId()
        for _ in range(200):
            entries.give(new_owner(), somebody(), "agent", ObjectId(), OWNER)
        entries.give(new_owner(), ada, "agent", thing, OWNER)
        everyone = [ada, EVERYBODY, Principal(ROLE, "USER"), Principal(GROUP, ObjectId())]
        with profiled(database, "aclentries") as notes:
            if kind_of_read == "bits":
                assert entries.bits(everyone, "agent", thing) == 15
            elif kind_of_read == "resources":
                assert entries.resources(everyone, "agent", 1) == [thing]
            else:
                assert entries.bits_of_each(everyone, "agent") == {thing: 15}
        [note] = notes
        assert "COLLSCAN" not in note["planSummary"]
        assert note["docsExamined"] <= 5
