from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.access.people import PeopleRepository, principal_in, principal_of
from storage.access.principals import EVERYBODY, GROUP, PUBLIC, ROLE, USER, Principal, stored_id, valid_now
from storage.core.database import Database
from tests.support.chats import new_owner
from tests.support.kinds import kinds

PRIVATE = {"password": "x", "memberIds": ["1", "2"], "permissions": {"MCP": {"USE": True}}}


@pytest.fixture
def people(database: Database) -> PeopleRepository:
    return PeopleRepository(database)


def put(database: Database, collection: str, **fields: Any) -> Any:
    fields = {"email": new_owner(), **fields} if collection == "users" else fields
    return database.collection(collection).insert_one({**PRIVATE, **fields}).inserted_id


def test_are_known_by_what_others_may_see(people: PeopleRepository, database: Database) -> None:
    seen = {"name": "n", "email": "e", "avatar": "a", "idOnTheSource": "i"}
    user = put(database, "users", **seen, username="u", provider="local", description="d")
    group = put(database, "groups", **seen, description="d", source="local", username="u")
    empty = database.collection("groups").insert_one({"name": "empty"}).inserted_id
    put(database, "roles", name="STAFF", description="d", email="e")
    put(database, "roles", name="OTHER", tenantId="t")
    wanted = [Principal(USER, user), Principal(GROUP, group), Principal(GROUP, empty)]
    wanted += [Principal(ROLE, name) for name in ("STAFF", "OTHER")]
    found = people.known([*wanted, EVERYBODY, Principal(USER, ObjectId())])
    assert {each: kinds(document) for each, document in found.items()} == {
        wanted[0]: {**seen, "_id": ObjectId, "username": "u", "provider": "local"},
        wanted[1]: {**seen, "_id": ObjectId, "description": "d", "source": "local", "memberCount": 2},
        wanted[2]: {"_id": ObjectId, "name": "empty", "memberCount": 0},
        wanted[3]: {"_id": ObjectId, "name": "STAFF", "description": "d"},
    }
    assert people.known([]) == {}


# The first is sought by the database alone, the second in what it finds, for it is long.
@pytest.mark.parametrize("text", ["LOVELACE", "lovelace, countess"])
def test_are_sought_where_each_kind_has_names(
    people: PeopleRepository, database: Database, text: str
) -> None:
    whole = "Lovelace, Countess"
    put(database, "users", name="c", email=f"{whole}@x")
    put(database, "users", name=whole, username="u")
    put(database, "users", name="b", username=whole)
    put(database, "users", name="other", avatar=whole)
    put(database, "groups", name="c", description=whole)
    put(database, "groups", name="b", email=whole)
    put(database, "groups", name="other", idOnTheSource=whole)
    put(database, "roles", name=whole, tenantId="t")
    put(database, "roles", name=f"b {whole}")
    put(database, "roles", name="other", description=whole)
    found = {kind: people.search(text, kind, 9) for kind in (USER, GROUP, ROLE)}
    assert {kind: [each["name"] for each in each_kind] for kind, each_kind in found.items()} == {
        USER: [whole, "b", "c"],
        GROUP: ["b", "c"],
        ROLE: [f"b {whole}"],
    }
    assert found[GROUP][0]["memberCount"] == 2
    assert "password" not in found[USER][0]
    assert [each["name"] for each in people.search(text, USER, 2)] == [whole, "b"]


def test_of_one_name_come_in_the_order_of_their_ids(people: PeopleRepository, database: Database) -> None:
    later, earlier = ObjectId("f" * 24), ObjectId("0" * 24)
    for identifier in (later, earlier):
        put(database, "users", _id=identifier, name="ada")
    assert [each["_id"] for each in people.search("ada", USER, 9)] == [earlier, later]


def test_are_named_by_clients_and_in_grants() -> None:
    identifier = ObjectId()
    assert principal_of(ROLE, "STAFF") == Principal("role", "STAFF")
    assert principal_of(USER, str(identifier)) == Principal("user", identifier)
    assert principal_of(GROUP, "x") is None
    assert stored_id(str(identifier)) == identifier
    assert stored_id("x") is None
    assert principal_in({"principalType": "user", "principalId": identifier}) == Principal(USER, identifier)
    assert principal_in({"principalType": "role", "principalId": "STAFF"}) == Principal(ROLE, "STAFF")
    assert principal_in({"principalType": "role", "principalId": 5}) == Principal(ROLE)


def test_have_the_fields_of_a_grant() -> None:
    assert Principal(PUBLIC) == EVERYBODY
    assert EVERYBODY.fields() == EVERYBODY.filter() == {"principalType": "public"}
    staff = {"principalType": "role", "principalId": "STAFF"}
    assert Principal(ROLE, "STAFF").filter() == staff
    assert Principal(ROLE, "STAFF").fields() == {**staff, "principalModel": "Role"}
    found = valid_now([EVERYBODY, Principal(ROLE, "STAFF")])
    moment = found.pop("expiredAt")["$not"]["$lte"]
    assert found == {"$or": [{"principalType": "public"}, staff]}
    assert abs(moment - datetime.now(UTC)) < timedelta(minutes=1)
