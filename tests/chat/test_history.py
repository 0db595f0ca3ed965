"""Branches of conversations."""

from collections.abc import Mapping
from typing import Any

import pytest

from echo.chat.context import Fit, Weighed
from echo.chat.history import (
    History,
    affordable,
    branch_of,
    joined,
    side_number,
    text_for_model,
    told_text,
    turns_of,
    weigh,
)
from echo.providers.chat import Attachment, Text, ToolCall, ToolResult, Turn
from storage.conversations.chats import ChatRepository
from storage.core.database import Database
from tests.support.chats import new_id, new_owner, put_conversation


def ids(*messages: tuple[str, str | None], end: str) -> list[str]:
    documents = [{"messageId": name, "parentMessageId": parent} for name, parent in messages]
    return [message["messageId"] for message in branch_of(documents, end)]


class TestBranch:
    def test_is_a_message_with_its_ancestors(self) -> None:
        assert ids(("a", None), ("b", "a"), ("c", "a"), ("d", "b"), end="d") == ["a", "b", "d"]
        assert ids(("a", None), ("b", "a"), ("c", "a"), end="c") == ["a", "c"]

    def test_begins_where_a_parent_is_missing(self) -> None:
        assert ids(("b", "gone"), ("c", "b"), end="c") == ["b", "c"]

    def test_of_nothing_is_nothing(self) -> None:
        assert ids(end="a") == []

    @pytest.mark.parametrize("parent", ["a", "b"])
    def test_ends_in_a_damaged_tree(self, parent: str) -> None:
        assert ids(("a", parent), ("b", "a"), end="b")[-1] == "b"


class TestWhatAModelIsTold:
    def test_of_answers_side_by_side_is_the_first(self) -> None:
        def part(text: str, agent: str, group: Any = 1) -> dict[str, Any]:
            return {"type": "text", "text": text, "agentId": agent, "groupId": group}

        content = [part("third", "m____2"), part("second", "m____1"), part("first", "m")]
        assert text_for_model({"content": content}) == "first"
        assert text_for_model({"content": content[:2]}) == "second"
        # What follows one another, and what belongs to no group, all counts.
        content = [part("one", "a", None), {"type": "text", "text": "two"}, part("three", "b", "x")]
        assert text_for_model({"content": content}) == "one\ntwo\nthree"
        content = [part("a", "m", 1), part("b", "m____1", 1), part("c", "n____1", 2)]
        assert text_for_model({"content": content}) == "a\nc"

    def test_has_the_passages_before_the_question(self) -> None:
        message = {"text": "Why?", "quotes": ["One\ntwo", "", 7, "Three"]}
        assert text_for_model(message) == "> One\n> two\n\n> Three\n\nWhy?"
        assert text_for_model({"text": "Why?", "quotes": "none"}) == "Why?"
        assert text_for_model({"content": ["odd", None]}) == ""


class TestReading:
    def test_the_newest_that_have_sixteen_mebibytes_are_afforded(self) -> None:
        branch = [{"messageId": name, "size": 6 * 1024 * 1024} for name in "abcd"]
        assert affordable(branch, ["a", "b", "c", "d"]) == ["c", "d"]
        assert affordable(branch, ["a", "b"]) == ["a", "b"]
        assert affordable([{"messageId": "a", "size": 17 * 1024 * 1024}], ["a"]) == []

    def test_of_unknown_size_they_are_afforded(self) -> None:
        branch: list[dict[str, Any]] = [{"messageId": "a", "size": 16 * 1024 * 1024}, {"messageId": "b"}]
        assert affordable(branch, ["a", "b", "elsewhere"]) == ["a", "b", "elsewhere"]

    def test_text_of_few_tokens_is_not_read_without_end(self, app_database: Database) -> None:
        owner = new_owner()
        conversation_id, parent = put_conversation(app_database, owner), None
        mine = {"user": owner, "conversationId": conversation_id, "tokenCount": 1}
        for number in range(4):
            name = new_id()
            tree = {"messageId": name, "parentMessageId": parent, "isCreatedByUser": number % 2 == 0}
            app_database.collection("messages").insert_one(
                {**mine, **tree, "text": str(number).ljust(6 << 20)}
            )
            parent = name
        chats = ChatRepository(app_database)
        branch = branch_of(chats.skeleton(owner, conversation_id), str(parent))
        history = History(chats, lambda _: 1, owner, conversation_id)
        messages, _ = history.read(branch, None, window=1000, system=0, reserved=0)
        assert [each["text"][0] for each in messages] == ["2", "3"]


class TestWeighing:
    def test_takes_the_stored_count(self) -> None:
        question = {"messageId": "a", "tokenCount": 7, "isCreatedByUser": True}
        assert weigh(question) == Weighed("a", 7, is_user=True)
        assert weigh({**question, "tokenCount": 0, "isCreatedByUser": False}) == Weighed(
            "a", 0, is_user=False
        )

    @pytest.mark.parametrize("count", [None, True, -1, 7.0, "7"])
    def test_takes_what_is_no_count_for_a_hundred(self, count: Any) -> None:
        assert weigh({"messageId": "a", "tokenCount": count}).tokens == 100
        assert weigh({"messageId": "a"}).tokens == 100


@pytest.mark.parametrize(
    ("agent_id", "number"), [("m", 0), ("m____0", 0), ("m____12", 12), ("m____1234", 0), ("m____1____2x", 0)]
)
def test_an_answerer_beside_others_has_its_number_at_the_end(agent_id: str, number: int) -> None:
    assert side_number(agent_id) == number


PICTURE = Attachment("x.png", "image/png", b"x")
CALLED: Mapping[str, Any] = {
    "type": "tool_call",
    "tool_call": {"id": "c", "name": "add", "args": '{"a":1}', "output": "3"},
}


def asked(name: str, text: str = "") -> dict[str, Any]:
    return {"messageId": name, "text": text, "isCreatedByUser": True}


def answered(name: str, *content: Any, **more: Any) -> dict[str, Any]:
    return {"messageId": name, "content": list(content), "isCreatedByUser": False, **more}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


class TestTurns:
    def test_are_the_sides_in_turn(self) -> None:
        messages = [asked("a", "One"), asked("b", "two"), answered("c", said("Three")), asked("d", "Four")]
        assert turns_of(messages, {"a": [PICTURE]}) == [
            Turn("user", (Text("One\n\ntwo"), PICTURE)),
            Turn("assistant", (Text("Three"),)),
            Turn("user", (Text("Four"),)),
        ]

    def test_are_none_of_errors_and_of_what_says_nothing(self) -> None:
        messages = [asked("a"), answered("b"), answered("c", said("Failed."), error=True), asked("d", "Hi")]
        assert turns_of(messages, {}) == [Turn("user", (Text("Hi"),))]

    def test_have_files_without_a_word(self) -> None:
        messages = [asked("a"), answered("b")]
        assert turns_of(messages, {"a": [PICTURE], "b": (PICTURE,)}) == [
            Turn("user", (PICTURE,)),
            Turn("assistant", (PICTURE,)),
        ]

    def test_have_calls_for_a_model_with_tools_only(self) -> None:
        messages = [asked("a", "Add"), answered("b", said("Well"), CALLED, said("Three."))]
        call, result = ToolCall("c", "add", '{"a":1}'), ToolResult("c", (Text("3"),), name="add")
        assert turns_of(messages, {}, with_tools=True)[1:] == [
            Turn("assistant", (Text("Well"), call)),
            Turn("tool", (result,)),
            Turn("assistant", (Text("Three."),)),
        ]
        assert turns_of(messages, {})[1:] == [Turn("assistant", (Text("Well\nThree."),))]

    def test_stay_apart_where_a_call_or_its_result_is_between(self) -> None:
        call = {"type": "tool_call", "tool_call": {**CALLED["tool_call"], "id": "c"}}
        turns = turns_of([answered("a", CALLED), answered("b", call)], {}, with_tools=True)
        assert [each.role for each in turns] == ["assistant", "tool", "assistant", "tool"]
        # No two calls have the same id.
        assert [each.id for turn in turns for each in turn.calls] == ["c", "call_1"]

    def test_of_one_side_are_one_with_all_that_goes_with_them(self) -> None:
        before = Turn.of_text("assistant", "One", [PICTURE])
        call = ToolCall("c", "add", "{}")
        assert joined(before, Turn("assistant", (Text("two"), call, PICTURE))) == Turn(
            "assistant", (Text("One\n\ntwo"), PICTURE, PICTURE, call)
        )

    def test_with_tools_of_answers_side_by_side_are_the_first_ones(self) -> None:
        beside = {"groupId": 1, "agentId": "m____1"}
        first = [{**CALLED, "groupId": 1, "agentId": "m"}, {**said("Mine"), "groupId": 1, "agentId": "m"}]
        turns = turns_of([answered("a", {**said("Theirs"), **beside}, *first)], {}, with_tools=True)
        assert [each.text for each in turns] == ["", "", "Mine"]


def test_everything_that_a_model_is_told_is_counted() -> None:
    message = answered("a", said("Well"), CALLED, said("Three."))
    assert told_text(message, with_tools=True) == 'Well\n3\nThree.\n{"a":1}'
    assert told_text(message, with_tools=False) == "Well\nThree."
    assert told_text(asked("a"), with_tools=True) == ""


class Stored:
    """What `ChatRepository` has of two questions and an answer; which were read."""

    def __init__(self) -> None:
        self.read: list[Any] = []
        self.messages = {
            "a": asked("a", "one"),
            "b": answered("b", said("Two"), CALLED),
            "c": asked("c", "three"),
        }

    def contents(self, *asked_for: Any) -> dict[str, Any]:
        self.read.append(asked_for)
        return {name: self.messages[name] for name in asked_for[2] if name in self.messages}


def row(name: str, tokens: int, **more: Any) -> dict[str, Any]:
    return {"messageId": name, "tokenCount": tokens, "isCreatedByUser": name != "b", **more}


ROWS = [row("a", 20), row("b", 30), row("c", 40)]
LAST = Weighed("d", 5, is_user=True)


class TestWhatFits:
    def history(self, stored: Any, tokens: Any = len) -> History:
        return History(stored, tokens, "ada", "chat")

    def test_is_read_and_counted_again(self) -> None:
        stored = Stored()
        found, fitted = self.history(stored).read(ROWS, LAST, window=200, system=10, reserved=20, share=0.9)
        assert found == list(stored.messages.values())
        assert stored.read == [("ada", "chat", ["a", "b", "c"])]
        # The letters of what is said, three tokens for each message, and three for the request.
        messages = (3 + 3) + (3 + 3) + (5 + 3) + (5 + 3) + 3
        # Before it was cut the stored counts were all that was known.
        assert fitted == Fit(["a", "b", "c", "d"], 200, 162, 10, messages, 20 + 30 + 40 + 3 * 3 + 5)

    def test_counts_calls_where_the_model_has_tools(self) -> None:
        history = self.history(Stored())
        sizes = [
            history.read(ROWS, LAST, window=1000, system=0, reserved=0, with_tools=with_tools)[1].messages
            for with_tools in (False, True)
        ]
        assert sizes[1] - sizes[0] == len('\n3\n{"a":1}')

    def test_is_chosen_by_the_stored_counts_and_cut_by_the_own_ones(self) -> None:
        stored = Stored()
        room: Any = {"window": 80, "system": 0, "reserved": 0, "share": 1.0}
        found, fitted = self.history(stored).read(ROWS, LAST, **room)
        assert ([each["messageId"] for each in found], fitted.ids) == (["c"], ["c", "d"])
        assert stored.read == [("ada", "chat", ["c"])]
        # The text has more tokens than were stored.
        found, fitted = self.history(stored, lambda text: 90).read(ROWS, LAST, **room)
        assert (found, fitted.ids) == ([], ["d"])

    def test_may_end_with_what_is_stored_and_lack_what_is_gone(self) -> None:
        stored = Stored()
        del stored.messages["b"]
        found, fitted = self.history(stored).read(ROWS, None, window=1000, system=0, reserved=0)
        assert ([each["messageId"] for each in found], fitted.ids) == (["a", "c"], ["a", "c"])
        assert fitted.before == 20 + 30 + 40 + 3 * 3

    def test_leaves_half_of_the_window_for_the_answer_at_most(self) -> None:
        _, fitted = self.history(Stored()).read(ROWS, LAST, window=200, system=0, reserved=1000)
        assert fitted.budget == 95

    def test_is_not_read_again_where_all_of_it_was_read_with_the_branch(self) -> None:
        stored = Stored()
        whole = [{**each, **stored.messages[each["messageId"]], "whole": True} for each in ROWS]
        found, _ = self.history(stored).read(whole, LAST, window=1000, system=0, reserved=0)
        assert (found, stored.read) == (whole, [])
        self.history(stored).read([*whole[:2], ROWS[2]], LAST, window=1000, system=0, reserved=0)
        assert stored.read == [("ada", "chat", ["a", "b", "c"])]


class TestWhatIsBefore:
    def test_is_all_up_to_the_first_that_is_kept(self) -> None:
        stored = Stored()
        history = History(stored, len, "ada", "chat")  # type: ignore[arg-type]
        assert history.before(ROWS, ROWS[2:]) == [stored.messages["a"], stored.messages["b"]]
        assert history.before(ROWS, ROWS) == []

    def test_is_everything_where_nothing_is_kept_or_it_is_not_there(self) -> None:
        stored = Stored()
        history = History(stored, len, "ada", "chat")  # type: ignore[arg-type]
        assert history.before(ROWS, []) == list(stored.messages.values())
        assert history.before(ROWS, [row("x", 1)]) == list(stored.messages.values())

    def test_is_no_more_than_may_be_read_and_lacks_what_is_gone(self) -> None:
        stored = Stored()
        del stored.messages["b"]
        history = History(stored, len, "ada", "chat")  # type: ignore[arg-type]
        sizes = [row("a", 1, size=16 * 1024 * 1024), row("b", 1, size=1), row("c", 1, size=1)]
        assert history.before(sizes, []) == [stored.messages["c"]]
        assert stored.read == [("ada", "chat", ["b", "c"])]
