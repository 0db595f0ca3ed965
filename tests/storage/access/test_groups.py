from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from bson import ObjectId

from storage.access import groups as module
from storage.access.groups import GroupRepository
from storage.core.database import Database
from storage.core.errors import Conflict, NotFound, TooMany
from tests.support.chats import profiled
from tests.support.kinds import kinds

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ABSENT = ("0" * 24, "x")


@pytest.fixture
def groups(database: Database) -> GroupRepository:
    return GroupRepository(database)


def names(found: Sequence[Any]) -> list[str]:
    return [each["name"] for each in found]


def tenants(database: Database, **fields: object) -> str:
    group = {"name": "of a tenant", "tenantId": "t", "source": "local", "memberIds": ["ada"], **fields}
    return str(database.collection("groups").insert_one(group).inserted_id)


class TestMade:
    def test_as_librechat_makes_them(self, groups: GroupRepository) -> None:
        said = {"name": "n", "description": "d", "email": "e", "avatar": "a"}
        made = groups.create(
            {**said, "source": "entra", "idOnTheSource": "i", "tenantId": "t", "_id": "x"}, ["b", "a", "b"]
        )
        assert kinds(made) == {
            **said,
            "_id": ObjectId,
            "source": "entra",
            "idOnTheSource": "i",
            "memberIds": ["b", "a"],
            "createdAt": datetime,
            "updatedAt": datetime,
            "__v": 0,
        }
        assert groups.get(str(made["_id"])) == made
        with pytest.raises(Conflict):
            groups.create({"name": "x", "source": "entra", "idOnTheSource": "i"}, [])

    def test_up_to_a_limit(self, groups: GroupRepository, database: Database) -> None:
        tenants(database)
        with patch.object(module, "MAX_MADE", 2):
            groups.create({"name": "a"}, [])
            groups.create({"name": "b"}, [])
            with pytest.raises(TooMany) as caught:
                groups.create({"name": "c"}, [])
        assert (caught.value.kind, caught.value.most) == ("groups", 2)

    def test_and_described(self, groups: GroupRepository, database: Database) -> None:
        identifier = str(groups.create({"name": "a", "source": "local", "email": "e"}, ["x", "y"])["_id"])
        database.collection("groups").update_one({}, {"$set": {"updatedAt": LONG_AGO}})
        with patch.object(module, "MAX_LISTED", 1):
            changed = groups.describe(identifier, {"name": "b", "source": "entra"})
        assert (changed["name"], changed["source"], changed["email"]) == ("b", "local", "e")
        assert changed["updatedAt"] > LONG_AGO
        assert changed["memberIds"] == ["x"]
        for other in (tenants(database), *ABSENT):
            with pytest.raises(NotFound):
                groups.describe(other, {"name": "b"})


class TestOfAUser:
    def test_go_by_the_directorys_id_or_the_users_own(
        self, groups: GroupRepository, database: Database
    ) -> None:
        groups.create({"name": "a", "source": "entra", "idOnTheSource": "i"}, ["at the directory"])
        groups.create({"name": "b"}, ["ada"])
        directorys, own = database.collection("groups").find().sort("name")
        assert groups.ids_of("ada", "at the directory") == [directorys["_id"]]
        assert groups.ids_of("ada", None) == [own["_id"]]
        assert groups.names_of("ada", "at the directory") == [str(directorys["_id"]), "a", "i"]
        assert groups.names_of("ada", None) == [str(own["_id"]), "b"]

    def test_are_not_more_than_count(self, groups: GroupRepository) -> None:
        for name in "abc":
            groups.create({"name": name}, ["ada"])
        with patch.object(module, "MAX_GROUPS", 2):
            assert len(groups.ids_of("ada", None)) == 2
            assert len(groups.names_of("ada", None)) == 4


class TestListed:
    @pytest.fixture(autouse=True)
    def made(self, groups: GroupRepository, database: Database) -> None:
        tenants(database, name="alpha builders of the north")
        groups.create({"name": "c", "source": "entra", "description": "Builders of the NORTH"}, [])
        groups.create({"name": "b", "source": "local", "email": "builders of the north@x"}, ["1", "2"])
        groups.create({"name": "a builders of the east", "source": "local"}, [])
        # Of equal names the older first.
        database.collection("groups").insert_one({"_id": ObjectId("f" * 24), "name": "b", "source": "x"})

    # The first is sought by the database alone, the second in what it finds, for it is long.
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (None, ["a builders of the east", "b", "b", "c"]),
            ("builders", ["a builders of the east", "b", "c"]),
            ("builders of the north", ["b", "c"]),
        ],
    )
    def test_by_name_in_pages(self, groups: GroupRepository, text: str | None, found: list[str]) -> None:
        rows, total = groups.list_page(text=text, source=None, offset=0, limit=9)
        assert (names(rows), total) == (found, len(found))
        rows, total = groups.list_page(text=text, source=None, offset=1, limit=1)
        assert (names(rows), total) == (found[1:2], len(found))

    def test_of_one_source_with_the_first_members(self, groups: GroupRepository) -> None:
        rows, total = groups.list_page(text=None, source="local", offset=0, limit=9)
        assert (names(rows), total) == (["a builders of the east", "b"], 2)
        for text in (None, "builders of the north"):
            with patch.object(module, "MAX_LISTED", 1):
                rows, _ = groups.list_page(text=text, source="local", offset=0, limit=9)
            assert rows[-1]["memberIds"] == ["1"]

    def test_in_one_session_by_which_it_is_ended(self, groups: GroupRepository, database: Database) -> None:
        for text, questions in ((None, 2), ("builders of the north", 1)):
            with profiled(database, "groups") as notes:
                groups.list_page(text=text, source=None, offset=0, limit=9)
            assert len(notes) == questions
            assert len({note["command"]["lsid"]["id"] for note in notes}) == 1

    def test_equal_names_in_the_order_of_their_ids(self, groups: GroupRepository) -> None:
        rows, _ = groups.list_page(text=None, source=None, offset=1, limit=2)
        assert [each["source"] for each in rows] == ["local", "x"]


class TestMembers:
    def test_are_told_in_pages(self, groups: GroupRepository, database: Database) -> None:
        identifier = str(groups.create({"name": "a"}, list("abcd"))["_id"])
        assert groups.member_ids(identifier, 1, 2) == (["b", "c"], 4)
        # As other programs may have left them.
        stored = database.collection("groups")
        odd = [str(stored.insert_one(each).inserted_id) for each in ({}, {"memberIds": ["a", 1]})]
        assert [groups.member_ids(each, 0, 9) for each in odd] == [([], 0), (["a"], 2)]
        for other in (tenants(database), *ABSENT):
            with pytest.raises(NotFound):
                groups.member_ids(other, 0, 9)

    def test_come_once_whatever_they_are_called(self, groups: GroupRepository, database: Database) -> None:
        identifier = str(groups.create({"name": "a"}, ["own"])["_id"])
        database.collection("groups").update_one({}, {"$set": {"updatedAt": LONG_AGO}})
        assert groups.add_member(identifier, ["directory", "own"])["updatedAt"] == LONG_AGO
        added = groups.add_member(identifier, ["new", "other"])
        assert added["memberIds"] == ["own", "new"]
        assert added["updatedAt"] > LONG_AGO
        for other in (tenants(database), *ABSENT):
            with pytest.raises(NotFound):
                groups.add_member(other, ["x"])

    def test_are_so_many_at_most(self, groups: GroupRepository) -> None:
        identifier = str(groups.create({"name": "a"}, ["1"])["_id"])
        with patch.object(module, "MAX_MEMBERS", 2):
            groups.add_member(identifier, ["2"])
            with pytest.raises(TooMany) as caught:
                groups.add_member(identifier, ["3"])
        assert (caught.value.kind, caught.value.most) == ("members", 2)

    def test_go_by_any_name(self, groups: GroupRepository, database: Database) -> None:
        identifier = str(groups.create({"name": "a"}, ["own", "directory", "left"])["_id"])
        database.collection("groups").update_one({}, {"$set": {"updatedAt": LONG_AGO}})
        removed = groups.remove_member(identifier, ["directory", "own"])
        assert removed["memberIds"] == ["left"]
        assert removed["updatedAt"] > LONG_AGO
        for other in (tenants(database), *ABSENT):
            with pytest.raises(NotFound):
                groups.remove_member(other, ["x"])


def test_one_that_goes_takes_what_is_its_own(groups: GroupRepository, database: Database) -> None:
    gone, left = (groups.create({"name": name}, ["1"]) for name in "ab")
    for name in ("systemgrants", "aclentries", "configs"):
        for number, each in enumerate((gone["_id"], str(gone["_id"]), left["_id"])):
            entry = {"principalType": "group", "principalId": each, "capability": str(number)}
            database.collection(name).insert_one(entry)
        database.collection(name).insert_one({"principalType": "user", "principalId": gone["_id"]})
    assert groups.delete(str(gone["_id"])) == gone
    for name in ("systemgrants", "aclentries", "configs"):
        kept = database.collection(name).find().sort("principalType")
        assert [(each["principalType"], each["principalId"]) for each in kept] == [
            ("group", left["_id"]),
            ("user", gone["_id"]),
        ]
    assert names(list(database.collection("groups").find())) == ["b"]
    for other in (tenants(database), str(gone["_id"]), *ABSENT):
        with pytest.raises(NotFound):
            groups.delete(other)
