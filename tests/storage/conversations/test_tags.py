"""Bookmarks: what the tests of the handlers do not reach."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from bson import ObjectId

from storage.conversations.deletions import DeletionRepository
from storage.conversations.tags import TagRepository
from storage.core.database import Database
from storage.core.errors import Conflict, NotFound, TooMany
from tests.support.chats import new_id, new_owner, profiled, put_conversation, shared_database
from tests.support.kinds import kinds
from tests.support.patience import noted_seconds
from tests.support.threads import together

MOST = 20


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def tags(database: Database) -> TagRepository:
    return TagRepository(database, MOST)


@pytest.fixture
def ada() -> str:
    return new_owner()


def counts(tags: TagRepository, owner: str) -> dict[str, int]:
    return {each["tag"]: each["count"] for each in tags.list(owner)}


class TestAtOnce:
    def test_eight_make_the_same_one_once(self, tags: TagRepository, ada: str) -> None:
        made = together(lambda _: tags.create(ada, "work")["_id"])
        assert len(set(made)) == 1
        assert counts(tags, ada) == {"work": 0}

    def test_changes_of_eight_conversations_are_counted(
        self, tags: TagRepository, database: Database, ada: str
    ) -> None:
        conversations = [put_conversation(database, ada) for _ in range(8)]
        together(lambda number: tags.assign(ada, conversations[number], ["work"]))
        assert counts(tags, ada) == {"work": 8}
        deletions = DeletionRepository(database)

        def change(number: int) -> None:
            if number % 2:
                deletions.delete(ada, conversations[number])
            else:
                tags.assign(ada, conversations[number], [])

        together(change)
        assert counts(tags, ada) == {"work": 0}


class TestPlaces:
    def places(self, tags: TagRepository, owner: str) -> list[tuple[str, int]]:
        return [(each["tag"], each["position"]) for each in tags.list(owner)]

    def test_a_new_one_is_written_as_librechat_does(self, tags: TagRepository, ada: str) -> None:
        first, second = tags.create(ada, "a"), tags.create(ada, "b", description="B")
        assert kinds(second) == {
            "_id": ObjectId,
            "tag": "b",
            "user": ada,
            "count": 0,
            "position": 2,
            "description": "B",
            "createdAt": datetime,
            "updatedAt": datetime,
            "__v": 0,
        }
        assert (first["position"], "description" in first) == (1, False)
        assert tags.create(ada, "b", description="other") == second
        assert tags.get(ada, "b") == second
        with pytest.raises(NotFound):
            tags.get(new_owner(), "b")

    @pytest.mark.parametrize(
        ("tag", "position", "order"),
        [("d", 2, "adbce"), ("b", 4, "acdbe"), ("c", 3, "abcde"), ("a", 5, "bcdea")],
    )
    def test_one_that_moves_makes_room(
        self, tags: TagRepository, ada: str, tag: str, position: int, order: str
    ) -> None:
        bob = new_owner()
        for each in "abcde":
            tags.create(ada, each)
            tags.create(bob, each)
        before = tags.get(ada, tag)
        moved = tags.update(ada, tag, position=position, description="D")
        assert moved == {**before, "position": position, "description": "D", "updatedAt": moved["updatedAt"]}
        assert self.places(tags, ada) == [(each, number) for number, each in enumerate(order, 1)]
        assert self.places(tags, bob) == [(each, number) for number, each in enumerate("abcde", 1)]

    def test_those_after_one_that_goes_move_up(
        self, tags: TagRepository, database: Database, ada: str
    ) -> None:
        bob, conversation_id = new_owner(), put_conversation(database, ada)
        for each in "abc":
            tags.create(ada, each, conversation_id=conversation_id)
            tags.create(bob, each)
        gone = tags.delete(ada, "b")
        assert (gone["tag"], gone["position"], gone["count"]) == ("b", 2, 1)
        assert self.places(tags, ada) == [("a", 1), ("c", 2)]
        assert self.places(tags, bob) == [("a", 1), ("b", 2), ("c", 3)]
        stored = database.collection("conversations").find_one({"conversationId": conversation_id}) or {}
        assert stored["tags"] == ["a", "c"]

    def test_a_list_leaves_out_what_has_no_name(
        self, tags: TagRepository, database: Database, ada: str
    ) -> None:
        database.collection("conversationtags").insert_one({"user": ada, "position": 0})
        tags.create(ada, "a")
        assert self.places(tags, ada) == [("a", 1)]


class TestNames:
    def test_of_conversations_change_with_the_bookmark(
        self, tags: TagRepository, database: Database, ada: str
    ) -> None:
        one, both, another = (put_conversation(database, ada) for _ in range(3))
        bobs = put_conversation(database, new_owner(), tags=["a"])
        for conversation_id, names in ((one, ["x", "a"]), (both, ["a", "b"]), (another, ["x"])):
            tags.assign(ada, conversation_id, names)
        tags.delete(ada, "b")
        database.collection("conversations").update_one(
            {"conversationId": both}, {"$set": {"tags": ["a", "b"]}}
        )
        renamed = tags.update(ada, "a", new_tag="b")
        assert (renamed["tag"], tags.get(ada, "b")["count"]) == ("b", 2)
        stored = database.collection("conversations")
        found = [
            (stored.find_one({"conversationId": each}) or {})["tags"] for each in (one, both, another, bobs)
        ]
        assert found == [["x", "b"], ["b"], ["x"], ["a"]]
        with pytest.raises(Conflict) as caught:
            tags.update(ada, "b", new_tag="x")
        assert caught.value.field == "tag"
        with pytest.raises(NotFound):
            tags.update(new_owner(), "b", position=1)

    def test_stay_where_the_new_name_is_taken(
        self, tags: TagRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conversation_id = put_conversation(database, ada)
        tags.assign(ada, conversation_id, ["a"])
        tags.create(ada, "b")
        # As on a single server: nothing is taken back there.
        monkeypatch.setattr(database, "_has_transactions", False)
        with pytest.raises(Conflict):
            tags.update(ada, "a", new_tag="b")
        stored = database.collection("conversations").find_one({"conversationId": conversation_id}) or {}
        assert stored["tags"] == ["a"]

    def test_are_given_once_to_ones_own(self, tags: TagRepository, database: Database, ada: str) -> None:
        conversation_id = put_conversation(database, ada)
        assert tags.assign(ada, conversation_id, ["b", "a", "b"]) == ["b", "a"]
        assert tags.assign(ada, conversation_id, ["a", "c"]) == ["a", "c"]
        assert counts(tags, ada) == {"b": 0, "a": 1, "c": 1}
        tags.create(ada, "new", conversation_id=conversation_id)
        assert counts(tags, ada)["new"] == 1
        bob = new_owner()
        for act in (
            lambda: tags.create(bob, "x", conversation_id=conversation_id),
            lambda: tags.assign(bob, conversation_id, ["x"]),
        ):
            with pytest.raises(NotFound):
                act()
        assert tags.list(bob) == []


class TestBounds:
    def test_nobody_makes_more(self, tags: TagRepository, database: Database, ada: str) -> None:
        conversation_id = put_conversation(database, ada)
        with pytest.raises(TooMany, match="20 bookmarks"):
            tags.assign(ada, conversation_id, [str(number) for number in range(MOST + 1)])
        assert len(tags.list(ada)) == MOST
        tags.create(new_owner(), "another's")


class TestACountThatWasWrong:
    @pytest.mark.parametrize("wrong", [-3, 7, None])
    def test_is_right_after_the_next_change(
        self, tags: TagRepository, database: Database, ada: str, wrong: int | None
    ) -> None:
        tags.assign(ada, put_conversation(database, ada), ["work"])
        database.collection("conversationtags").update_one({"user": ada}, {"$set": {"count": wrong}})
        tags.assign(ada, put_conversation(database, ada), ["work"])
        assert counts(tags, ada) == {"work": 2}


class TestDelete:
    def test_of_nothing_changes_nothing(self, tags: TagRepository, ada: str) -> None:
        tags.create(ada, "work")
        with pytest.raises(NotFound):
            tags.delete(ada, "fun")
        with pytest.raises(NotFound):
            tags.assign(ada, new_id(), ["work"])
        assert counts(tags, ada) == {"work": 0}


def test_a_change_in_all_conversations_has_the_time_of_what_takes_long(
    tags: TagRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags.create(ada, "work")
    with noted_seconds(database, monkeypatch) as noted:
        tags.update(ada, "work", new_tag="fun")
        tags.delete(ada, "fun")
    assert noted == [60.0, 60.0]


def test_conversations_are_found_by_an_index(tags: TagRepository, database: Database, ada: str) -> None:
    for number in range(10):
        conversation_id = put_conversation(database, ada)
        if number == 0:
            tags.assign(ada, conversation_id, ["rare"])
    with profiled(database, "conversations") as notes:
        tags.update(ada, "rare", new_tag="scarce")
        tags.delete(ada, "scarce")
    assert len(notes) >= 4
    assert all("COLLSCAN" not in note.get("planSummary", "") for note in notes)
    assert sum(note.get("docsExamined", 0) for note in notes) <= 4
