"""Bookmarks: what the tests of the handlers do not reach."""

from collections.abc import Iterator

import pytest

from storage.conversations.deletions import DeletionRepository
from storage.conversations.tags import TagRepository
from storage.core.database import Database
from storage.core.errors import NotFound, TooMany
from tests.support.chats import new_id, new_owner, profiled, put_conversation, shared_database
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
