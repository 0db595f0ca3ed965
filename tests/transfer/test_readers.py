"""Each program's export, as a neutral conversation; and what is no program's."""

from datetime import UTC, datetime
from typing import Any

import pytest

from echo.transfer.formats import conversations_of
from echo.transfer.model import ImportedConversation, ImportedMessage, NotAConversation
from tests.transfer.conftest import sample
from tests.transfer.test_values import ANYTHING


def read(value: Any) -> ImportedConversation:
    (conversation,) = conversations_of(value)
    return conversation


def by_id(conversation: ImportedConversation) -> dict[str, ImportedMessage]:
    return {message.source_id: message for message in conversation.messages}


class TestChatGPT:
    def test_a_conversation(self) -> None:
        conversation = read(sample("chatgpt.json")[0])
        assert conversation.format == "chatgpt"
        assert conversation.source_id == "6632a1b2-0000-8000-9000-00000000cafe"
        assert (conversation.title, conversation.endpoint, conversation.model) == (
            "Tides on the moon",
            "openAI",
            "o3",
        )
        assert conversation.created_at == datetime(2024, 5, 1, 16, 35, 11, 530000, tzinfo=UTC)
        assert conversation.settings == {"isArchived": True}

    def test_what_nobody_said_is_passed_over(self) -> None:
        conversation = read(sample("chatgpt.json")[0])
        assert conversation.passed_over == {
            "root": None,
            "system": "root",
            "context": "system",
            "thoughts": "question",
            "recap": "thoughts",
        }

    def test_thoughts_are_a_part_of_what_follows(self) -> None:
        code = by_id(read(sample("chatgpt.json")[0]))["code"]
        assert code.content == (
            {"type": "think", "think": "Looking at gravity\nThe earth pulls on the moon."},
            {"type": "text", "text": "```python\nprint(384_400 / 60)\n```"},
        )

    def test_thoughts_that_nothing_follows_are_an_answer(self) -> None:
        value = sample("chatgpt.json")[0]
        value["mapping"]["thoughts"]["children"] = []
        for name in ("recap", "code", "output", "answer", "picture"):
            del value["mapping"][name]
        thoughts = by_id(read(value))["thoughts"]
        assert (thoughts.text, [part["type"] for part in thoughts.content]) == ("", ["think"])

    def test_texts(self) -> None:
        messages = by_id(read(sample("chatgpt.json")[0]))
        assert {name: message.text for name, message in messages.items()} == {
            "question": "Are there tides on the moon?",
            "code": "```python\nprint(384_400 / 60)\n```",
            "output": "```\n6406.67\n```",
            "answer": "Yes:\n\nsolid ones.",
            "other-answer": "Small ones.",
            "picture": "[image]\n\nWhat is this?",
        }

    def test_who_said_it(self) -> None:
        messages = by_id(read(sample("chatgpt.json")[0]))
        said = {name: (message.is_user, message.sender) for name, message in messages.items()}
        assert said["question"] == (True, "User")
        assert said["answer"] == (False, "o3")
        assert said["other-answer"] == (False, "GPT-4o")
        assert said["output"] == (False, "python")
        assert messages["other-answer"].model == "gpt-4o"

    def test_an_old_one_without_an_id_goes_by_its_root(self) -> None:
        conversation = read(sample("chatgpt.json")[1])
        assert (conversation.source_id, conversation.title) == ("r", "")


class TestClaude:
    def test_a_conversation(self) -> None:
        conversation = read(sample("claude.json")[0])
        assert (conversation.format, conversation.title, conversation.endpoint) == (
            "claude",
            "Bread without yeast",
            "anthropic",
        )
        assert conversation.updated_at == datetime(2025, 3, 29, 12, 59, 41, 658000, tzinfo=UTC)

    def test_a_tree_and_an_empty_message_in_it(self) -> None:
        conversation = read(sample("claude.json")[0])
        assert {each.source_id: each.parent for each in conversation.messages} == {
            "m1": "00000000-0000-4000-8000-000000000000",
            "m2": "m1",
            "m4": "m3",
        }
        assert conversation.passed_over == {"m3": "m1"}

    def test_attachments_are_in_the_text(self) -> None:
        question = by_id(read(sample("claude.json")[0]))["m1"]
        assert question.text == (
            "How do I bake without yeast?\n\n[attachment: list.txt]\nFlour\nSoda\n\n[file: oven.png]"
        )
        assert question.content == ()

    def test_thoughts_and_tools_are_parts(self) -> None:
        answer = by_id(read(sample("claude.json")[0]))["m2"]
        assert [part["type"] for part in answer.content] == ["think", "tool_call", "text"]
        assert answer.content[1]["tool_call"]["output"] == "Three recipes."
        assert '"soda bread"' in answer.content[1]["tool_call"]["args"]
        assert answer.text == "Use soda."

    def test_without_parents_it_is_one_thread(self) -> None:
        conversation = read(sample("claude.json")[1])
        assert [each.parent for each in conversation.messages] == [None, "n1"]
        assert [each.text for each in conversation.messages] == ["Hello", "Hello to you"]


class TestLibreChat:
    def test_a_conversation(self) -> None:
        conversation = read(sample("librechat.json"))
        assert (conversation.format, conversation.title) == ("librechat", "Names for a cat")
        assert (conversation.endpoint, conversation.model) == ("openAI", "gpt-4-turbo")
        assert conversation.settings == {
            "temperature": 0.8,
            "top_p": 1,
            "resendFiles": True,
            "promptPrefix": "Be kind.",
            "tags": ["cats", "names"],
        }

    def test_a_tree(self) -> None:
        conversation = read(sample("librechat.json"))
        assert {each.source_id: each.parent for each in conversation.messages} == {
            "9501f99d-0001": None,
            "9501f99d-0002": "9501f99d-0001",
            "9501f99d-0003": "9501f99d-0002",
            "9501f99d-0004": "9501f99d-0001",
        }

    def test_a_list(self) -> None:
        conversation = read(sample("librechat-list.json"))
        assert {each.source_id: each.parent for each in conversation.messages} == {
            "l1": None,
            "l2": "l1",
            "l3": "l1",
        }

    def test_a_messages_tree(self) -> None:
        value = sample("librechat.json")
        value["messagesTree"] = value.pop("messages")
        assert len(read(value).messages) == 4

    def test_an_answer(self) -> None:
        answer = by_id(read(sample("librechat.json")))["9501f99d-0002"]
        assert answer.content == (
            {"type": "think", "think": "Something short."},
            {"type": "text", "text": "Mia."},
        )
        assert answer.extra == {
            "finish_reason": "stop",
            "feedback": {"rating": "thumbsUp", "tag": "clear_well_written", "text": "Lovely"},
        }

    def test_a_tree_of_any_depth(self) -> None:
        value = sample("librechat.json")
        node: dict[str, Any] = {"messageId": "m0", "text": "0", "children": []}
        for number in range(1, 20_000):
            node = {"messageId": f"m{number}", "text": str(number), "children": [node]}
        value["messages"] = [node]
        assert len(read(value).messages) == 20_000

    def test_without_an_id_it_is_none(self) -> None:
        with pytest.raises(NotAConversation, match="conversationId"):
            read({**sample("librechat.json"), "conversationId": ["x"]})


class TestChatbotUI:
    def test_a_history(self) -> None:
        conversation = read(sample("chatbotui.json"))
        assert (conversation.format, conversation.title, conversation.model) == ("chatbotui", "Soup", "gpt-4")
        assert conversation.settings == {"temperature": 0.5, "promptPrefix": "You cook."}
        assert [(each.is_user, each.text, each.parent) for each in conversation.messages] == [
            (True, "How much salt?", None),
            (False, "A pinch.", "#0"),
            (True, "Thanks", "#1"),
        ]


class TestAnythingElse:
    @pytest.mark.parametrize("value", ANYTHING, ids=lambda value: repr(value)[:20])
    def test_is_none(self, value: Any) -> None:
        with pytest.raises(NotAConversation):
            list(conversations_of(value))

    @pytest.mark.parametrize(
        "name", ["chatgpt.json", "claude.json", "librechat.json", "librechat-list.json", "chatbotui.json"]
    )
    def test_in_any_place_breaks_nothing(self, name: str) -> None:
        for place in places(sample(name)):
            for value in ANYTHING:
                changed = put(sample(name), place, value)
                for each in changed if isinstance(changed, list) else [changed]:
                    try:
                        found = list(conversations_of(each))
                    except NotAConversation:
                        continue
                    check(found)


def check(conversations: list[ImportedConversation]) -> None:
    for conversation in conversations:
        assert isinstance(conversation.source_id, str)
        assert isinstance(conversation.title, str | None)
        for message in conversation.messages:
            assert isinstance(message.text, str)
            assert isinstance(message.sender, str)
            assert isinstance(message.source_id, str)
            assert isinstance(message.parent, str | None)


def places(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [prefix] if prefix else []
    for name, child in items:
        found += places(child, (*prefix, name))
    return found


def put(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    target = value
    for name in place[:-1]:
        target = target[name]
    target[place[-1]] = new
    return value
