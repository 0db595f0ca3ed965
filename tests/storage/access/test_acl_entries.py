"""Grants: read by indexes, changed wholly or not at all, and never without an owner."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.access import acl_entries
from storage.access.acl_entries import AclEntryRepository, Grant
from storage.access.principals import EVERYBODY, GROUP, ROLE, USER, Principal
from storage.core.database import Database
from storage.core.errors import NoOwnerLeft
from tests.support.chats import new_owner, profiled
from tests.support.kinds import kinds
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
    def test_writes_what_librechat_would(self, entries: AclEntryRepository, database: Database) -> None:
        thing, role, giver, until = ObjectId(), ObjectId(), new_owner(), datetime(2100, 1, 1, tzinfo=UTC)
        ada, staff = somebody(), Principal(ROLE, "STAFF")
        entries.give(giver, ada, "agent", thing, Grant(3, role, until))
        entries.give(giver, staff, "agent", thing, VIEWER)
        entries.give(giver, EVERYBODY, "agent", thing, VIEWER)
        both = {"_id": ObjectId, "resourceType": "agent", "resourceId": ObjectId, "__v": 0}
        both |= dict.fromkeys(("grantedAt", "createdAt", "updatedAt"), datetime) | {"grantedBy": ObjectId}
        stored = list(database.collection("aclentries").find())
        assert [kinds(each) for each in stored] == [
            {
                **both,
                "principalType": "user",
                "principalId": ObjectId,
                "principalModel": "User",
                "permBits": 3,
                "roleId": ObjectId,
                "expiredAt": datetime,
            },
            {
                **both,
                "principalType": "role",
                "principalId": "STAFF",
                "principalModel": "Role",
                "permBits": 1,
            },
            {**both, "principalType": "public", "permBits": 1},
        ]
        first = stored[0]
        assert (first["principalId"], first["resourceId"], first["roleId"]) == (ada.id, thing, role)
        assert (first["grantedBy"], first["expiredAt"]) == (ObjectId(giver), until)

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

    def test_is_of_one_thing_and_marks_its_owners(
        self, entries: AclEntryRepository, database: Database
    ) -> None:
        """Of two changes at once one must see what the other did: both write the owners' grants."""
        ada, bob, thing, other = somebody(), somebody(), ObjectId(), ObjectId()
        for resource in (thing, other):
            entries.give(new_owner(), ada, "agent", resource, OWNER)
            entries.give(new_owner(), bob, "agent", resource, VIEWER)
        entries.give(new_owner(), ada, "skill", thing, OWNER)
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        stored = database.collection("aclentries")
        stored.update_many({}, {"$set": {"updatedAt": long_ago}})
        entries.change(new_owner(), "agent", thing, {bob: None})
        assert bits(entries, thing, ada, bob) + bits(entries, other, ada, bob) == [15, 0, 15, 1]
        [touched] = stored.find({"updatedAt": {"$gt": long_ago}})
        assert (touched["principalId"], touched["resourceId"], touched["resourceType"]) == (
            *(ada.id, thing),
            "agent",
        )

    def test_counts_owners_among_users_alone(self, entries: AclEntryRepository) -> None:
        ada, bob, thing = somebody(), somebody(), ObjectId()
        for owner in (ada, EVERYBODY, Principal(GROUP, ObjectId())):
            entries.give(new_owner(), owner, "agent", thing, OWNER)
        entries.give(new_owner(), bob, "agent", thing, Grant(14))
        with pytest.raises(NoOwnerLeft):
            entries.change(new_owner(), "agent", thing, {ada: None})
        with pytest.raises(NoOwnerLeft):
            entries.change(new_owner(), "agent", thing, {ada: Grant(7)})
        entries.change(new_owner(), "agent", thing, {ada: Grant(31)})
        assert bits(entries, thing, ada) == [31]

    def test_by_others_than_users_does_not_touch_the_owners_grant(self, entries: AclEntryRepository) -> None:
        ada, thing = somebody(), ObjectId()
        entries.give(new_owner(), ada, "agent", thing, OWNER)
        before = entries.list("agent", thing, 5)
        entries.change(new_owner(), "agent", thing, {EVERYBODY: VIEWER, Principal(ROLE, "USER"): VIEWER})
        assert entries.list("agent", thing, 5)[:1] == before


class TestReading:
    def test_is_of_grants_that_have_not_run_out(
        self, entries: AclEntryRepository, database: Database
    ) -> None:
        """MongoDB removes those that have only once a minute. Odd bits are none."""
        ada, thing, other = somebody(), ObjectId(), ObjectId()
        entry = {**ada.fields(), "resourceType": "agent", "resourceId": thing}
        past, future = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
        database.collection("aclentries").insert_many(
            [
                {**entry, "permBits": 8, "expiredAt": past},
                {**entry, "permBits": 4, "expiredAt": future},
                {**entry, "permBits": 1.0},
                {**entry, "permBits": "15"},
                {**entry, "permBits": 2, "resourceType": "skill"},
                {**entry, "permBits": 2, "resourceId": other},
            ]
        )
        assert entries.bits([ada, EVERYBODY], "agent", thing) == 5
        assert entries.bits_of_each([ada], "agent") == {thing: 5, other: 2}
        assert entries.resources([ada], "agent", 4) == [thing]
        # No one grant allows both.
        assert entries.resources([ada], "agent", 5) == []

    def test_of_many_things_is_of_the_newest(self, entries: AclEntryRepository) -> None:
        ada, things = somebody(), [ObjectId() for _ in range(3)]
        for thing in things:
            entries.give(new_owner(), ada, "agent", thing, VIEWER)
        assert entries.resources([ada], "agent", 1) == things[::-1]
        with patch.object(acl_entries, "MAX_RESOURCES", 2):
            assert list(entries.bits_of_each([ada], "agent")) == things[:0:-1]

    def test_of_one_thing_begins_with_the_oldest(
        self, entries: AclEntryRepository, database: Database
    ) -> None:
        thing, people = ObjectId(), [somebody() for _ in range(3)]
        for number, each in enumerate(people):
            database.collection("aclentries").insert_one(
                {
                    **each.fields(),
                    "resourceType": "agent",
                    "resourceId": thing,
                    "permBits": 1,
                    "_id": -number,
                    "createdAt": datetime(2026, 1, 1 if number else 2, tzinfo=UTC),
                }
            )
        listed = entries.list("agent", thing, 5)
        assert [each["principalId"] for each in listed] == [people[2].id, people[1].id, people[0].id]
        assert len(entries.list("agent", thing, 2)) == 2
        assert entries.list("skill", thing, 5) == []

    def test_ends_with_the_thing(self, entries: AclEntryRepository) -> None:
        ada, gone, left = somebody(), [ObjectId(), ObjectId()], ObjectId()
        for thing in (*gone, left):
            entries.give(new_owner(), ada, "agent", thing, VIEWER)
        entries.give(new_owner(), ada, "skill", gone[0], VIEWER)
        assert entries.forget("agent", gone) == 2
        assert bits(entries, gone[0], ada) + bits(entries, left, ada) == [0, 1]
        assert entries.bits([ada], "skill", gone[0]) == 1


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
