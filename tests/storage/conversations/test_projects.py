"""Projects and their counters: what the tests of the handlers do not reach."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository
from storage.conversations.deletions import DeletionRepository
from storage.conversations.exchanges import ExchangeRepository, Origin, Said
from storage.conversations.projects import ProjectRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import BrokenCursor, NotFound, TooMany
from storage.core.repository import now
from tests.support.chats import (
    START,
    every_page,
    new_id,
    new_owner,
    profiled,
    put_conversation,
    shared_database,
)
from tests.support.kinds import kinds
from tests.support.patience import noted_seconds
from tests.support.threads import together

MOST = 30


@pytest.fixture(scope="module")
def database(mongo_uri: str) -> Iterator[Database]:
    with shared_database(mongo_uri) as database:
        yield database


@pytest.fixture
def projects(database: Database) -> ProjectRepository:
    return ProjectRepository(database, MOST)


@pytest.fixture
def ada() -> str:
    return new_owner()


def make(projects: ProjectRepository, owner: str, name: str = "Garden") -> str:
    return str(projects.create(owner, name=name)["_id"])


def counters(projects: ProjectRepository, owner: str, project_id: str) -> tuple[int, Any, str | None]:
    found = projects.get(owner, project_id)
    return found["conversationCount"], found["lastConversationAt"], found["lastConversationId"]


def begun(**more: Any) -> Begun:
    question = {"messageId": new_id(), "parentMessageId": "p", "text": "Why?", "isCreatedByUser": True}
    answer = {"messageId": new_id(), "parentMessageId": question["messageId"], "isCreatedByUser": False}
    return Begun(question, answer, {"endpoint": "Fake"}, **more)


class TestChats:
    def test_one_that_begins_in_a_project_is_counted(
        self, projects: ProjectRepository, database: Database, ada: str
    ) -> None:
        project_id, conversation_id = make(projects, ada), new_id()
        chats, first = ChatRepository(database), begun(new=True, project_id=project_id)
        chats.begin(ada, conversation_id, first)
        count, moment, last = counters(projects, ada, project_id)
        assert (count, last) == (1, conversation_id)
        finished = chats.finish(ada, conversation_id, str(first.answer["messageId"]), {"text": "So."})
        assert finished["chatProjectId"] == project_id
        assert counters(projects, ada, project_id) == (1, finished["updatedAt"], conversation_id)
        assert finished["updatedAt"] >= moment
        put_conversation(database, ada, chatProjectId=project_id)
        chats.begin(ada, conversation_id, begun())
        assert counters(projects, ada, project_id)[0] == 2

    def test_what_is_kept_of_the_other_protocol_is_counted(
        self, projects: ProjectRepository, database: Database, ada: str
    ) -> None:
        exchanges, project_id = ExchangeRepository(database), make(projects, ada)
        said, origin = [Said("user", "Why?", 1)], Origin("openAI", "gpt-4o")
        conversation_id = exchanges.begin(ada, said, origin).conversation_id
        projects.assign(ada, conversation_id, project_id)
        before = counters(projects, ada, project_id)[1]
        last = database.collection("messages").find_one({"conversationId": conversation_id})
        assert last is not None
        exchanges.add(ada, conversation_id, said, origin, parent=last["messageId"])
        assert counters(projects, ada, project_id)[1] > before


class TestWhatIsCounted:
    def test_is_what_a_page_of_the_project_shows(
        self, projects: ProjectRepository, database: Database, ada: str
    ) -> None:
        project_id = make(projects, ada)
        of_project = {"chatProjectId": project_id}
        put_conversation(database, ada, **of_project, isArchived=True)
        put_conversation(database, ada, **of_project, isTemporary=True)
        put_conversation(database, ada, **of_project, expiredAt=START)
        put_conversation(database, new_owner(), **of_project)
        kept = {"isTemporary": False, "expiredAt": now() + timedelta(days=1)}
        put_conversation(database, ada, **of_project, **kept)
        last = put_conversation(database, ada)
        projects.assign(ada, last, project_id)
        assert counters(projects, ada, project_id) == (2, START, last)

    def test_one_without_a_change_counts_by_its_beginning(
        self, projects: ProjectRepository, database: Database, ada: str
    ) -> None:
        project_id = make(projects, ada)
        first = put_conversation(database, ada, updatedAt=None)
        projects.assign(ada, first, project_id)
        assert counters(projects, ada, project_id) == (1, START, first)

    def test_eight_at_once_are_all_counted(
        self, projects: ProjectRepository, database: Database, ada: str
    ) -> None:
        project_id = make(projects, ada)
        conversations = [put_conversation(database, ada) for _ in range(8)]
        together(lambda number: projects.assign(ada, conversations[number], project_id))
        assert counters(projects, ada, project_id)[0] == 8
        together(lambda number: projects.assign(ada, conversations[number], None))
        assert counters(projects, ada, project_id) == (0, None, None)


class TestOne:
    def test_is_written_as_librechat_does(self, projects: ProjectRepository, ada: str) -> None:
        made = projects.create(ada, name="Garden", description="Plants")
        assert kinds(made) == {
            "_id": ObjectId,
            "name": "Garden",
            "description": "Plants",
            "user": ada,
            "conversationCount": 0,
            "lastConversationAt": None,
            "lastConversationId": None,
            "createdAt": datetime,
            "updatedAt": datetime,
            "__v": 0,
        }
        assert projects.create(ada, name="x")["description"] == ""
        assert projects.get(ada, str(made["_id"])) == made

    def test_is_its_owners(self, projects: ProjectRepository, database: Database, ada: str) -> None:
        bob, conversation_id = new_owner(), put_conversation(database, ada)
        for project_id in (make(projects, bob), "0" * 24, "x"):
            for act in (
                lambda each=project_id: projects.get(ada, each),
                lambda each=project_id: projects.update(ada, each, name="n"),
                lambda each=project_id: projects.update(ada, each),
                lambda each=project_id: projects.delete(ada, each),
                lambda each=project_id: projects.assign(ada, conversation_id, each),
            ):
                with pytest.raises(NotFound):
                    act()
        with pytest.raises(NotFound):
            projects.assign(bob, conversation_id, None)

    def test_changes_in_what_is_said(self, projects: ProjectRepository, database: Database, ada: str) -> None:
        made = projects.create(ada, name="Garden", description="Plants")
        project_id = str(made["_id"])
        database.collection("chatprojects").update_one({"_id": made["_id"]}, {"$set": {"updatedAt": START}})
        assert projects.update(ada, project_id)["updatedAt"] == START
        renamed = projects.update(ada, project_id, name="House")
        assert renamed == {**made, "name": "House", "updatedAt": renamed["updatedAt"]}
        assert renamed["updatedAt"] > START
        assert projects.update(ada, project_id, description="")["description"] == ""
        assert projects.get(ada, project_id)["name"] == "House"

    def test_that_goes_leaves_its_conversations(
        self, projects: ProjectRepository, database: Database, ada: str
    ) -> None:
        gone, left = make(projects, ada), make(projects, ada)
        inside = [put_conversation(database, ada, chatProjectId=gone) for _ in range(2)]
        other = put_conversation(database, ada, chatProjectId=left)
        bobs = put_conversation(database, new_owner(), chatProjectId=gone)
        assert projects.delete(ada, gone) == 2
        stored = database.collection("conversations")
        found = [stored.find_one({"conversationId": each}) or {} for each in (*inside, other, bobs)]
        assert [each.get("chatProjectId") for each in found] == [None, None, left, gone]
        assert "chatProjectId" not in found[0]
        with pytest.raises(NotFound):
            projects.get(ada, gone)

    def test_that_goes_has_the_time_of_what_takes_long(
        self, projects: ProjectRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project_id = make(projects, ada)
        with noted_seconds(database, monkeypatch) as noted:
            projects.delete(ada, project_id)
        assert noted == [60.0]

    def test_of_a_conversation_is_told_before_and_after(
        self, projects: ProjectRepository, database: Database, ada: str
    ) -> None:
        first, second = make(projects, ada), make(projects, ada)
        conversation_id = put_conversation(database, ada)
        moves = [projects.assign(ada, conversation_id, each) for each in (first, second, None)]
        assert [(each.before, each.after) for each in moves] == [
            (None, first),
            (first, second),
            (second, None),
        ]
        assert [each.conversation.get("chatProjectId") for each in moves] == [first, second, None]
        assert moves[0].conversation["conversationId"] == conversation_id
        assert counters(projects, ada, first) == counters(projects, ada, second) == (0, None, None)


class TestListPage:
    # The first is sought by the database alone, the second in what it finds, for it is long.
    @pytest.mark.parametrize("search", ["GARDEN", "garden of roses"])
    def test_finds_names_and_descriptions(self, projects: ProjectRepository, ada: str, search: str) -> None:
        for name, description in (("Garden of roses", ""), ("x", "My garden of roses"), ("House", "Home")):
            projects.create(ada, name=name, description=description)
        projects.create(new_owner(), name="Garden of roses")
        page = projects.list_page(ada, limit=9, search=search, sort_by="name", newest_first=False)
        assert [each["name"] for each in page.items] == ["Garden of roses", "x"]

    @pytest.mark.parametrize("sort_by", ["name", "createdAt", "lastConversationAt"])
    @pytest.mark.parametrize("newest_first", [True, False])
    def test_pages_in_ties_and_without_dates(
        self, projects: ProjectRepository, database: Database, ada: str, sort_by: str, newest_first: bool
    ) -> None:
        database.collection("chatprojects").insert_many(
            {
                "name": "ab"[number % 2],
                "user": ada,
                "createdAt": START,
                "lastConversationAt": None if number % 3 else START + timedelta(days=number % 2),
            }
            for number in range(20)
        )
        with profiled(database, "chatprojects") as notes:
            found = [
                row["_id"]
                for page in every_page(
                    lambda cursor: projects.list_page(
                        ada, limit=3, cursor=cursor, sort_by=sort_by, newest_first=newest_first
                    )
                )
                for row in page
            ]
        stored = database.collection("chatprojects").find({"user": ada})
        direction = -1 if newest_first else 1
        assert found == [each["_id"] for each in stored.sort([(sort_by, direction), ("_id", direction)])]
        assert len(found) == 20
        assert not [note for note in notes if "hasSortStage" in note]

    def test_a_cursor_belongs_to_one_list(self, projects: ProjectRepository, ada: str) -> None:
        make(projects, ada), make(projects, ada)
        cursor = projects.list_page(ada, limit=1, sort_by="name").next_cursor
        for other in ({"sort_by": "createdAt"}, {"newest_first": False}, {"search": "x"}):
            with pytest.raises(BrokenCursor):
                projects.list_page(ada, limit=1, cursor=cursor, **{"sort_by": "name", **other})


def test_a_large_one_is_counted_only_where_a_conversation_comes_or_goes(
    projects: ProjectRepository, database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.conversations.counts.FEW", 2)
    project_id = make(projects, ada)
    ids = [put_conversation(database, ada, chatProjectId=project_id, isArchived=False) for _ in range(3)]
    wrong = {"$set": {"conversationCount": 7}}
    database.collection("chatprojects").update_one({"user": ada}, wrong)
    threads = ThreadRepository(database)
    message = threads.post(ada, ids[1], text="Hello", sender="user", token_count=1)
    assert counters(projects, ada, project_id) == (7, message["createdAt"], ids[1])
    DeletionRepository(database).delete(ada, ids[0])
    assert counters(projects, ada, project_id) == (2, message["createdAt"], ids[1])
    database.collection("chatprojects").update_one({"user": ada}, {"$set": {"conversationCount": 1}})
    threads.post(ada, ids[1], text="Hello again", sender="user", token_count=1)
    assert counters(projects, ada, project_id)[0] == 2


def test_nobody_makes_more(projects: ProjectRepository, ada: str) -> None:
    for _ in range(MOST):
        make(projects, ada)
    with pytest.raises(TooMany, match="30 projects"):
        make(projects, ada)
