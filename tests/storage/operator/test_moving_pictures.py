"""Records that say where pictures are: of users, agents with their versions, and assistants."""

from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.operator import moving_pictures as module
from storage.operator.moving_pictures import MovablePicture, MovingPictures

OWNER = ObjectId("a" * 24)


@pytest.fixture
def moving(database: Database) -> MovingPictures:
    return MovingPictures(database)


def put(database: Database, name: str, **fields: Any) -> ObjectId:
    identifier = ObjectId()
    unique = {"email": str(identifier), "id": str(identifier), "assistant_id": str(identifier)}
    database.collection(name).insert_one({"_id": identifier, **unique, **fields})
    return identifier


def at(address: str, source: str | None = None) -> dict[str, str]:
    return {"filepath": address} | ({"source": source} if source else {})


class TestWhatIsFound:
    def test_is_a_users_own_address(self, moving: MovingPictures, database: Database) -> None:
        made = put(database, "users", avatar="/images/a.png?manual=true")
        for avatar in (None, "", 7, {"filepath": "/x"}):
            put(database, "users", avatar=avatar)
        put(database, "users")
        assert list(moving.each()) == [
            MovablePicture("users", made, "/images/a.png?manual=true", owner=str(made), source=None)
        ]

    def test_are_all_addresses_of_an_agent_each_once(
        self, moving: MovingPictures, database: Database
    ) -> None:
        versions = [{"avatar": at("/one", "s3")}, {"avatar": at("/two")}, {"name": "x"}, "x", {"avatar": "x"}]
        both = put(database, "agents", avatar=at("/one", "local"), versions=versions)
        # The picture of a version may be all that is left.
        of_version = put(database, "agents", avatar=None, versions=[{"avatar": at("/three", "s3")}])
        put(database, "agents", avatar=None, versions="x")
        put(database, "agents", avatar=at(""))
        assert list(moving.each()) == [
            MovablePicture("agents", both, "/one", None, "local"),
            MovablePicture("agents", both, "/two", None, "local"),
            MovablePicture("agents", of_version, "/three", None, "s3"),
        ]

    def test_is_an_assistants_with_whose_it_is(self, moving: MovingPictures, database: Database) -> None:
        made = put(database, "assistants", avatar=at("/one", "s3"), user=OWNER)
        put(database, "assistants", user=OWNER)
        assert list(moving.each()) == [MovablePicture("assistants", made, "/one", "a" * 24, "s3")]

    def test_is_found_in_the_order_of_ids_however_many_there_are(
        self, moving: MovingPictures, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "PORTION", 2)
        for number in range(5):
            put(database, "users", avatar=f"/{number}")
            put(database, "agents", avatar=at(f"/agent-{number}"))
        found = [each.address for each in moving.each()]
        assert found == [*(f"/{number}" for number in range(5)), *(f"/agent-{number}" for number in range(5))]


class TestMoving:
    def test_changes_a_users_address_if_it_is_that_one(
        self, moving: MovingPictures, database: Database
    ) -> None:
        put(database, "users", avatar="/one")
        put(database, "users", avatar="/one")
        first, second = moving.each()
        assert moving.move(first, "/new", "s3")
        assert not moving.move(first, "/newer", "s3")
        assert [each.address for each in moving.each()] == ["/new", "/one"]
        assert moving.move(second, "/new", "s3")

    def test_changes_an_agents_own_and_that_of_its_versions(
        self, moving: MovingPictures, database: Database
    ) -> None:
        versions = [{"avatar": at("/one", "local"), "name": "x"}, {"avatar": at("/two", "local")}]
        put(database, "agents", avatar={**at("/one", "local"), "width": 5}, versions=versions)
        other = put(database, "agents", avatar=at("/one", "local"))
        picture = next(moving.each())
        assert moving.move(picture, "/new", "s3")
        assert not moving.move(picture, "/newer", "s3")
        row = database.collection("agents").find_one({"_id": picture.id}) or {}
        assert row["avatar"] == {**at("/new", "s3"), "width": 5}
        assert row["versions"] == [{"avatar": at("/new", "s3"), "name": "x"}, {"avatar": at("/two", "local")}]
        left = database.collection("agents").find_one({"_id": other}) or {}
        assert left["avatar"] == at("/one", "local")

    def test_changes_what_only_a_version_has(self, moving: MovingPictures, database: Database) -> None:
        made = put(database, "agents", avatar=None, versions=[{"avatar": at("/one", "local")}])
        [picture] = moving.each()
        assert moving.move(picture, "/new", "s3")
        row = database.collection("agents").find_one({"_id": made}) or {}
        assert (row["avatar"], row["versions"]) == (None, [{"avatar": at("/new", "s3")}])

    def test_changes_nothing_of_what_has_gone(self, moving: MovingPictures, database: Database) -> None:
        for name in ("users", "assistants"):
            put(database, name, avatar="/one" if name == "users" else at("/one"), user=OWNER)
        pictures = list(moving.each())
        for name in ("users", "assistants"):
            database.collection(name).delete_many({})
        assert [moving.move(each, "/new", "s3") for each in pictures] == [False, False]
