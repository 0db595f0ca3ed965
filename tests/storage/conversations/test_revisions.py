"""Changes of single parts of an answer, and branches of one of several agents."""

from typing import Any, ClassVar

import pytest

from storage.conversations.revisions import RevisionRepository
from storage.core.database import Database, Document
from storage.core.errors import NotFound, UnknownPart
from tests.support.chats import START, new_id, put_conversation, put_message
from tests.support.stored import messages_of, stored

CONTENT: list[Any] = [
    {"type": "text", "text": "four"},
    {"type": "think", "think": "thought"},
    {"type": "text", "text": {"value": "wrapped", "annotations": []}},
    {"type": "tool_call", "tool_call": "call"},
    {"type": "text", "text": 5},
    "no part",
    {"type": "text", "text": {"annotations": []}},
]


@pytest.fixture
def revisions(database: Database) -> RevisionRepository:
    return RevisionRepository(database)


def put_answer(database: Database, owner: str, **fields: Any) -> tuple[str, str]:
    """A conversation with a message of `CONTENT`; the ids of both."""
    conversation_id = put_conversation(database, owner)
    more = {"content": CONTENT, "tokenCount": 100, "_meiliIndex": True, "summary": "hidden", **fields}
    return conversation_id, put_message(database, owner, conversation_id, **more)


def message_of(database: Database, message_id: str) -> Document:
    (message,) = database.collection("messages").find({"messageId": message_id})
    return message


def changed(index: int, part: Any) -> list[Any]:
    return [*CONTENT[:index], part, *CONTENT[index + 1 :]]


class TestEditPart:
    @pytest.mark.parametrize(
        ("index", "part"),
        [
            (0, {"type": "text", "text": "$new one"}),
            (1, {"type": "think", "think": "$new one"}),
            (2, {"type": "text", "text": {"value": "$new one", "annotations": []}}),
        ],
    )
    def test_changes_the_text_of_that_part(
        self, revisions: RevisionRepository, database: Database, ada: str, index: int, part: Any
    ) -> None:
        conversation_id, message_id = put_answer(database, ada)
        given = revisions.edit_part(
            ada, conversation_id, message_id, index, text="$new one", count_tokens=len
        )
        assert (given["messageId"], given["content"]) == (message_id, changed(index, part))
        assert "summary" not in given
        message = message_of(database, message_id)
        assert message["content"] == changed(index, part)
        before = len({0: "four", 1: "thought", 2: "wrapped"}[index])
        assert message["tokenCount"] == 100 - before + 8
        assert message["_meiliIndex"] is False
        assert message["createdAt"] == START
        assert stored(database, ada, conversation_id)["updatedAt"] == message["updatedAt"] > START

    @pytest.mark.parametrize(("tokens", "expected"), [(2, 8), (4, 8), (5.0, 9), (None, None), ("x", "x")])
    def test_the_count_is_never_below_that_of_the_new_text(
        self, revisions: RevisionRepository, database: Database, ada: str, tokens: Any, expected: Any
    ) -> None:
        conversation_id, message_id = put_answer(database, ada, tokenCount=tokens)
        revisions.edit_part(ada, conversation_id, message_id, 0, text="eight ch", count_tokens=len)
        assert message_of(database, message_id)["tokenCount"] == expected

    @pytest.mark.parametrize("index", [3, 4, 5, 6, 7, -1, -7])
    def test_what_has_no_text_is_unknown(
        self, revisions: RevisionRepository, database: Database, ada: str, index: int
    ) -> None:
        conversation_id, message_id = put_answer(database, ada)
        before = message_of(database, message_id)
        with pytest.raises(UnknownPart):
            revisions.edit_part(ada, conversation_id, message_id, index, text="x", count_tokens=len)
        assert message_of(database, message_id) == before
        assert stored(database, ada, conversation_id)["updatedAt"] == START

    @pytest.mark.parametrize("content", [None, "text", {"0": CONTENT[0]}, []])
    def test_a_message_without_parts_has_none(
        self, revisions: RevisionRepository, database: Database, ada: str, content: Any
    ) -> None:
        conversation_id, message_id = put_answer(database, ada, content=content)
        with pytest.raises(UnknownPart):
            revisions.edit_part(ada, conversation_id, message_id, 0, text="x", count_tokens=len)

    def test_one_that_somebody_else_has_changed_is_unknown(
        self, revisions: RevisionRepository, database: Database, ada: str
    ) -> None:
        conversation_id, message_id = put_answer(database, ada)

        def count(text: str) -> int:
            # Between the reading and the writing; a transaction would begin anew, and find the other text.
            if text == "four":
                database.collection("messages").update_one(
                    {"messageId": message_id}, {"$set": {"content.0.text": "theirs"}}
                )
            return len(text)

        if database._has_transactions:
            revisions.edit_part(ada, conversation_id, message_id, 0, text="mine", count_tokens=count)
            assert message_of(database, message_id)["tokenCount"] == 100 - len("theirs") + len("mine")
        else:
            with pytest.raises(UnknownPart):
                revisions.edit_part(ada, conversation_id, message_id, 0, text="mine", count_tokens=count)
            assert message_of(database, message_id)["content"][0]["text"] == "theirs"

    def test_another_owners_is_not_found(
        self, revisions: RevisionRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, message_id = put_answer(database, ada)
        other, _ = put_answer(database, ada)
        before = message_of(database, message_id)
        for owner, conversation, message in (
            (bob, conversation_id, message_id),
            (ada, other, message_id),
            (ada, conversation_id, new_id()),
        ):
            with pytest.raises(NotFound):
                revisions.edit_part(owner, conversation, message, 0, text="x", count_tokens=len)
        assert message_of(database, message_id) == before


class TestTextOf:
    def test_is_what_a_message_says_and_where(
        self, revisions: RevisionRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, message_id = put_answer(database, ada, text="all")
        given = revisions.text_of(ada, message_id)
        del given["_id"]
        assert given == {
            "messageId": message_id,
            "conversationId": conversation_id,
            "text": "all",
            "content": CONTENT,
        }
        for owner, wanted in ((bob, message_id), (ada, new_id())):
            with pytest.raises(NotFound):
                revisions.text_of(owner, wanted)


class TestReplaceText:
    @pytest.mark.parametrize(("index", "before"), [(None, "all"), (0, "four")])
    def test_puts_one_text_in_place_of_another(
        self, revisions: RevisionRepository, database: Database, ada: str, index: int | None, before: str
    ) -> None:
        conversation_id, message_id = put_answer(database, ada, text="all")
        read = revisions.text_of(ada, message_id)
        given = revisions.replace_text(ada, read, index, before, "new")
        message = message_of(database, message_id)
        assert (given["text"], given["content"]) == (message["text"], message["content"])
        assert message["text"] == ("new" if index is None else "all")
        assert message["content"] == (
            CONTENT if index is None else changed(0, {"type": "text", "text": "new"})
        )
        assert (message["tokenCount"], message["_meiliIndex"]) == (100, False)
        assert stored(database, ada, conversation_id)["updatedAt"] == message["updatedAt"] > START
        # Not what it was by now.
        with pytest.raises(UnknownPart):
            revisions.replace_text(ada, read, index, before, "newer")

    def test_another_owners_stays(
        self, revisions: RevisionRepository, database: Database, ada: str, bob: str
    ) -> None:
        _, message_id = put_answer(database, ada, text="all")
        read = revisions.text_of(ada, message_id)
        with pytest.raises(UnknownPart):
            revisions.replace_text(bob, read, None, "all", "new")
        assert message_of(database, message_id)["text"] == "all"


class TestBranch:
    SAID: ClassVar[list[Any]] = [
        {"type": "text", "text": "one", "agentId": "a1", "groupId": 1},
        {"type": "text", "text": "two", "agentId": "a2", "groupId": 1},
        "no part",
        {"type": "text", "text": "more", "agentId": "a1"},
    ]

    def test_what_one_agent_said_is_an_answer_of_its_own(
        self, revisions: RevisionRepository, database: Database, ada: str
    ) -> None:
        conversation_id, message_id = put_answer(
            database, ada, content=self.SAID, sender="Team", isCreatedByUser=False, parent="p"
        )
        before = message_of(database, message_id)
        made = revisions.branch(ada, message_id, "a1")
        assert made["content"] == [{"type": "text", "text": "one"}, {"type": "text", "text": "more"}]
        assert (made["parentMessageId"], made["sender"]) == ("p", "Team")
        _, message = messages_of(database, ada, conversation_id)
        assert message == made
        assert message["messageId"] != message_id
        assert message_of(database, message_id) == before
        conversation = stored(database, ada, conversation_id)
        assert conversation["messages"] == [made["_id"]]
        assert conversation["updatedAt"] == made["updatedAt"]

    def test_of_nobody_who_said_something_is_unknown(
        self, revisions: RevisionRepository, database: Database, ada: str, bob: str
    ) -> None:
        conversation_id, message_id = put_answer(database, ada, content=self.SAID)
        with pytest.raises(UnknownPart):
            revisions.branch(ada, message_id, "a3")
        for owner, wanted in ((bob, message_id), (ada, new_id())):
            with pytest.raises(NotFound):
                revisions.branch(owner, wanted, "a1")
        assert len(messages_of(database, ada, conversation_id)) == 1
        assert database.collection("messages").count_documents({"user": bob}) == 0


def test_the_project_is_told_of_the_change(
    revisions: RevisionRepository, database: Database, ada: str
) -> None:
    conversation_id, message_id = put_answer(database, ada)
    key = database.collection("chatprojects").insert_one({"user": ada, "name": "P"}).inserted_id
    database.collection("conversations").update_one(
        {"conversationId": conversation_id}, {"$set": {"chatProjectId": str(key)}}
    )
    revisions.edit_part(ada, conversation_id, message_id, 0, text="new", count_tokens=len)
    project = database.collection("chatprojects").find_one({"_id": key}) or {}
    assert project["lastConversationId"] == conversation_id
    assert project["lastConversationAt"] == message_of(database, message_id)["updatedAt"]
