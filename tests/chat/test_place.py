"""Where in a conversation a run stands: which question, after which messages, into which answer."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from echo.chat.place import Place, Places, branch_of_answer, parts_of
from echo.chat.request import Asked, Edited
from storage.core.errors import NotFound, UnknownParent
from tests.support.chats import NO_PARENT

CONTENT = [{"type": "text", "text": "Yes."}, {"type": "think", "think": "Hm."}]
# A question with two answers; the second has been asked about.
STORED: list[dict[str, Any]] = [
    {
        "messageId": "q1",
        "text": "One?",
        "tokenCount": 3,
        "files": [{"file_id": "f"}],
        "isCreatedByUser": True,
    },
    {"messageId": "a1", "parentMessageId": "q1", "content": CONTENT, "attachments": [{"file_id": "g"}]},
    {"messageId": "a2", "parentMessageId": "q1", "content": "odd", "text": "No."},
    {"messageId": "q2", "parentMessageId": "a2", "text": "", "content": [{"type": "text", "text": "Two?"}]},
]


class Chats:
    """The messages of Ada's conversation `c`."""

    def __init__(self) -> None:
        self.rows = [
            {"parentMessageId": NO_PARENT, "isCreatedByUser": each["messageId"].startswith("q"), **each}
            for each in STORED
        ]
        self.named: list[int] = []

    @staticmethod
    def _check(owner: str, conversation_id: str) -> None:
        assert (owner, conversation_id) == ("ada", "c")

    def skeleton(self, owner: str, conversation_id: str, named: int) -> list[dict[str, Any]]:
        self._check(owner, conversation_id)
        self.named.append(named)
        return self.rows

    def contents(self, owner: str, conversation_id: str, ids: Sequence[str]) -> dict[str, Any]:
        self._check(owner, conversation_id)
        return {each["messageId"]: each for each in self.rows if each["messageId"] in ids}

    def answer(self, owner: str, conversation_id: str, message_id: str) -> dict[str, Any]:
        return dict(self.contents(owner, conversation_id, [message_id])[message_id])


@pytest.fixture
def chats() -> Chats:
    return Chats()


def find(chats: Any, conversation: dict[str, Any] | None = None, **asked: Any) -> Place:
    held = {"conversationId": "c", "named": 2} if conversation is None else conversation
    return Places(chats, "ada", held).find(Asked(**asked))


def branch(place: Place) -> list[str]:
    return [each["messageId"] for each in place.branch]


class TestANewQuestion:
    def test_comes_after_the_message_that_it_names(self, chats: Chats) -> None:
        place = find(chats, text="Why?", parent_message_id="a1")
        assert branch(place) == ["q1", "a1"]
        question = dict(place.question)
        assert uuid.UUID(question.pop("messageId")) != uuid.UUID(place.answer_id)
        assert question == {
            "parentMessageId": "a1",
            "sender": "User",
            "text": "Why?",
            "isCreatedByUser": True,
        }
        assert (place.is_new_question, place.before, place.is_edited, place.attachments) == (
            True,
            None,
            False,
            (),
        )
        assert chats.named == [2]

    def test_comes_after_the_last_message_where_it_names_none(self, chats: Chats) -> None:
        place = find(chats, {"conversationId": "c"})
        assert (place.question["parentMessageId"], branch(place)) == ("q2", ["q1", "a2", "q2"])
        assert chats.named == [0]

    def test_begins_a_conversation(self, chats: Chats) -> None:
        place = find(chats, {})
        assert (place.question["parentMessageId"], branch(place), chats.named) == (NO_PARENT, [], [])
        assert branch(find(chats, parent_message_id=NO_PARENT)) == []
        chats.rows = []
        assert find(chats).question["parentMessageId"] == NO_PARENT

    def test_of_an_unknown_message_is_refused(self, chats: Chats) -> None:
        with pytest.raises(UnknownParent):
            find(chats, parent_message_id="a9")


class TestAnotherAnswer:
    @pytest.mark.parametrize(
        "named",
        [
            {"parent_message_id": "q1"},
            # The answer that is made anew.
            {"parent_message_id": "a1"},
            {"parent_message_id": "q2", "override_parent_message_id": "q1"},
        ],
    )
    def test_is_to_the_question_that_is_there(self, chats: Chats, named: dict[str, str]) -> None:
        place = find(chats, is_regenerate=True, text="ignored", **named)
        assert branch(place) == ["q1"]
        assert place.question == {
            "messageId": "q1",
            "parentMessageId": NO_PARENT,
            "tokenCount": 3,
            "files": [{"file_id": "f"}],
            "sender": "User",
            "text": "One?",
            "isCreatedByUser": True,
        }
        assert (place.is_new_question, place.before, place.is_edited) == (False, None, False)
        assert uuid.UUID(place.answer_id)

    def test_has_the_text_of_a_question_in_parts(self, chats: Chats) -> None:
        place = find(chats, is_regenerate=True, parent_message_id="q2")
        assert (place.question["text"], place.question["parentMessageId"]) == ("Two?", "a2")
        assert branch(place) == ["q1", "a2", "q2"]

    @pytest.mark.parametrize("named", [None, "a9", ""])
    def test_of_no_question_is_refused(self, chats: Chats, named: str | None) -> None:
        with pytest.raises(UnknownParent):
            find(chats, is_regenerate=True, parent_message_id=named)

    def test_of_a_question_that_was_deleted_a_moment_ago_is_not_found(self, chats: Chats) -> None:
        chats.contents = lambda *_: {}  # type: ignore[method-assign]
        with pytest.raises(NotFound):
            find(chats, is_regenerate=True, parent_message_id="q1")


class TestAnEditedAnswer:
    def edit(self, chats: Chats, index: int, kind: str, answer: str = "a1") -> Place:
        edited = Edited(index, kind, "New")
        return find(
            chats, is_regenerate=True, parent_message_id="q1", response_message_id=answer, edited=edited
        )

    @pytest.mark.parametrize(
        ("index", "kind", "parts"),
        [
            (0, "text", [{"type": "text", "text": "New"}, CONTENT[1]]),
            (1, "think", [CONTENT[0], {"type": "think", "think": "New"}]),
            # What is not that, or not there, stays.
            (0, "think", CONTENT),
            (2, "text", CONTENT),
        ],
    )
    def test_goes_on_as_its_reader_has_changed_it(
        self, chats: Chats, index: int, kind: str, parts: list[Any]
    ) -> None:
        place = self.edit(chats, index, kind)
        assert (place.before, place.is_edited, place.is_new_question) == (parts, True, False)
        assert branch(place) == ["q1"]
        assert place.answer_id != "a1"
        assert chats.rows[1]["content"] == CONTENT

    def test_that_is_not_there_is_not_found(self, chats: Chats) -> None:
        with pytest.raises(NotFound):
            self.edit(chats, 0, "text", "a9")


class TestAnAnswerThatGoesOn:
    @pytest.mark.parametrize("named", ["a1", "a1_"])
    def test_keeps_its_id_its_parts_and_what_stands_beside_them(self, chats: Chats, named: str) -> None:
        place = find(chats, is_continued=True, response_message_id=named)
        assert (branch(place), place.answer_id, place.question["messageId"]) == (["q1", "a1"], "a1", "q1")
        assert (place.before, place.is_edited, place.attachments) == (CONTENT, False, ({"file_id": "g"},))

    def test_of_an_old_conversation_is_one_text(self, chats: Chats) -> None:
        place = find(chats, is_continued=True, response_message_id="a2")
        assert (place.before, place.attachments) == ([{"type": "text", "text": "No."}], ())

    @pytest.mark.parametrize("named", [None, "", "a9", "q1", "q2", "q2_"])
    def test_is_an_answer(self, chats: Chats, named: str | None) -> None:
        with pytest.raises(NotFound):
            find(chats, is_continued=True, response_message_id=named)

    def test_without_a_question_cannot_go_on(self, chats: Chats) -> None:
        chats.rows[1]["parentMessageId"] = NO_PARENT
        with pytest.raises(NotFound):
            find(chats, is_continued=True, response_message_id="a1")


def test_an_answer_whose_own_id_ends_so_is_found_by_it(chats: Chats) -> None:
    chats.rows.append({"messageId": "a1_", "parentMessageId": "q2"})
    found = branch_of_answer(Asked(response_message_id="a1_"), chats.rows)
    assert [each["messageId"] for each in found] == ["q1", "a2", "q2", "a1_"]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        (
            {"content": [{"type": "text", "text": "a"}, "odd", None], "text": "b"},
            [{"type": "text", "text": "a"}],
        ),
        ({"content": [], "text": "b"}, [{"type": "text", "text": "b"}]),
        ({"content": {"a": 1}, "text": ""}, []),
        ({}, []),
    ],
)
def test_the_parts_of_an_answer_are_what_is_stored_or_its_text(message: Any, parts: list[Any]) -> None:
    assert parts_of(message) == parts
