"""Groups of prompts: whoever asks has been let in; what is asked is found, counted and changed."""

from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.core.errors import InvalidDocument, NotFound
from storage.library.prompt_groups import PromptGroupRepository, Wanted
from tests.support.chats import START, new_owner
from tests.support.threads import THREADS, together


@pytest.fixture
def groups(database: Database) -> PromptGroupRepository:
    return PromptGroupRepository(database)


@pytest.fixture
def owner() -> str:
    return new_owner()


def create(groups: PromptGroupRepository, owner: str, **fields: Any) -> dict[str, Any]:
    return groups.create(
        owner, {"name": "Sayer", **fields}, group=ObjectId(), production=ObjectId(), author_name="Ada"
    )


class TestCreate:
    def test_stores_what_librechat_reads(
        self, groups: PromptGroupRepository, owner: str, database: Database
    ) -> None:
        made = create(groups, owner, command="say", category=None, author="forged", numberOfGenerations=9)
        assert made == {
            "_id": made["_id"],
            "author": ObjectId(owner),
            "authorName": "Ada",
            "name": "Sayer",
            "oneliner": "",
            "category": "",
            "command": "say",
            "productionId": made["productionId"],
            "numberOfGenerations": 0,
            "createdAt": made["createdAt"],
            "updatedAt": made["createdAt"],
            "__v": 0,
        }
        assert database.collection("promptgroups").find_one({"_id": made["_id"]}) == made
        assert groups.get(made["_id"]) == made
        assert (groups.count(owner), groups.count(new_owner())) == (1, 0)


def test_one_is_found_by_its_key(groups: PromptGroupRepository, owner: str) -> None:
    made = [create(groups, owner) for _ in range(3)]
    assert [groups.get(each["_id"]) for each in made] == made
    assert [groups.delete(made[1]["_id"]) for _ in range(2)] == [1, 0]
    assert groups.read([each["_id"] for each in made])[0]["_id"] == made[0]["_id"]
    assert groups.count(owner) == 2
    with pytest.raises(NotFound):
        groups.get(made[1]["_id"])


class TestPlaces:
    def put(self, database: Database, **fields: Any) -> ObjectId:
        identifier: ObjectId = database.collection("promptgroups").insert_one(dict(fields)).inserted_id
        return identifier

    def test_the_most_used_come_first_then_the_last_changed_then_the_oldest(
        self, groups: PromptGroupRepository, database: Database
    ) -> None:
        later = START + timedelta(minutes=1)
        ids = [
            self.put(database, numberOfGenerations=uses, updatedAt=moment)
            for uses, moment in ((0, START), (None, START), (1, START), (1, later), (0, None))
        ]
        found = [place.id for place in groups.places(ids, Wanted())]
        assert found == [ids[index] for index in (3, 2, 0, 1, 4)]

    def test_only_of_those_that_are_named(self, groups: PromptGroupRepository, database: Database) -> None:
        first, _ = self.put(database, name="a"), self.put(database, name="a")
        assert [place.id for place in groups.places([first, ObjectId()], Wanted())] == [first]
        assert groups.places([], Wanted()) == []

    def test_by_each_filter(self, groups: PromptGroupRepository, database: Database, owner: str) -> None:
        author = ObjectId(owner)
        ids = [
            self.put(database, name="Écrire", category="idea", author=author),
            self.put(database, name="Read", category="", author=author),
            self.put(database, name=5, author=ObjectId()),
        ]

        def found(**wanted: str) -> list[int]:
            return sorted(ids.index(place.id) for place in groups.places(ids, Wanted(**wanted)))

        assert found(name="ecr") == [0]
        assert found(name="5") == []
        assert found(category="idea") == [0]
        assert found(category="") == [1, 2]
        assert found(author=owner) == [0, 1]
        assert found(not_author=owner) == [2]
        assert found(author=owner, category="") == [1]

    def test_a_name_that_is_no_text_is_refused(self, groups: PromptGroupRepository) -> None:
        with pytest.raises(InvalidDocument):
            groups.places([], Wanted(name="\ud800"))


class TestRead:
    def test_in_the_order_of_the_ids_without_those_that_are_gone(
        self, groups: PromptGroupRepository, owner: str
    ) -> None:
        first, second = (create(groups, owner)["_id"] for _ in range(2))
        rows = groups.read([second, ObjectId(), first])
        assert [row["_id"] for row in rows] == [second, first]

    def test_productions(self, groups: PromptGroupRepository, owner: str, database: Database) -> None:
        made = create(groups, owner)
        bare = database.collection("promptgroups").insert_one({"productionId": None}).inserted_id
        assert groups.productions([made["_id"], bare]) == {made["_id"]: made["productionId"]}


class TestChange:
    def test_only_what_is_named_and_may_be(self, groups: PromptGroupRepository, owner: str) -> None:
        made = create(groups, owner, command="say", category="idea")
        changed = groups.update(made["_id"], {"name": "Teller", "command": None, "author": "forged"})
        del made["command"]
        assert changed == made | {"name": "Teller", "updatedAt": changed["updatedAt"]}
        assert changed["updatedAt"] >= made["updatedAt"]

    def test_each_use_counts(self, groups: PromptGroupRepository, owner: str) -> None:
        group = create(groups, owner)["_id"]
        assert sorted(together(lambda _: groups.use(group))) == list(range(1, THREADS + 1))

    def test_the_version_in_use(self, groups: PromptGroupRepository, owner: str) -> None:
        made, second, third = create(groups, owner), ObjectId(), ObjectId()
        groups.put_in_production(made["_id"], second, instead_of=third)
        assert groups.get(made["_id"])["productionId"] == made["productionId"]
        groups.put_in_production(made["_id"], second, instead_of=made["productionId"])
        assert groups.get(made["_id"])["productionId"] == second
        groups.put_in_production(made["_id"], third)
        assert groups.get(made["_id"])["productionId"] == third

    def test_of_one_that_is_not_there(self, groups: PromptGroupRepository, owner: str) -> None:
        group = create(groups, owner)["_id"]
        assert groups.delete(group) == 1
        assert groups.delete(group) == 0
        for ask in (groups.get, groups.use, lambda gone: groups.update(gone, {"name": "x"})):
            with pytest.raises(NotFound):
                ask(group)
