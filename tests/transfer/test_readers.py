"""Each program's export, as a neutral conversation; and what is no program's."""

from datetime import UTC, datetime
from typing import Any

import pytest

from echo.transfer.formats import conversations_of
from echo.transfer.marks import without_marks
from echo.transfer.model import ImportedConversation, ImportedMessage, NotAConversation
from tests.support.growth import grows_no_faster
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

    def test_thoughts_that_end_in_a_recap_are_an_answer(self) -> None:
        value = sample("chatgpt.json")[0]
        value["mapping"]["recap"]["children"] = []
        for name in ("code", "output", "answer", "picture"):
            del value["mapping"][name]
        conversation = read(value)
        recap = by_id(conversation)["recap"]
        assert recap.content == (
            {"type": "think", "think": "Looking at gravity\nThe earth pulls on the moon."},
        )
        assert (recap.is_user, recap.parent, conversation.passed_over["thoughts"]) == (
            False,
            "thoughts",
            "question",
        )

    def test_without_children_it_is_the_same(self) -> None:
        value = sample("chatgpt.json")[0]
        for node in value["mapping"].values():
            del node["children"]
        assert read(value) == read(sample("chatgpt.json")[0])

    def test_without_children_thoughts_at_an_end_are_an_answer_and_others_are_not(self) -> None:
        value = sample("chatgpt.json")[0]
        for node in value["mapping"].values():
            del node["children"]
        assert "thoughts" not in by_id(read(value))
        for name in ("recap", "code", "output", "answer", "picture"):
            del value["mapping"][name]
        assert by_id(read(value))["thoughts"].content

    def test_without_parents_the_children_tell_them(self) -> None:
        value = sample("chatgpt.json")[0]
        for node in value["mapping"].values():
            del node["parent"]
        assert read(value) == read(sample("chatgpt.json")[0])

    def test_one_thought_above_many_answers_is_in_one_of_them(self) -> None:
        """Or a small file would become a large account."""
        value = sample("chatgpt.json")[0]
        for number in range(3):
            value["mapping"][f"more-{number}"] = {**value["mapping"]["code"], "id": f"more-{number}"}
        messages = read(value).messages
        assert sum(part["type"] == "think" for each in messages for part in each.content) == 1

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("Rain. \ue200cite\ue202turn0search1\ue201", "Rain."),
            ("Rain \ue200cite\ue202turn0search1\ue202turn0news2\ue201, says one.", "Rain, says one."),
            (
                "\ue203Rain\ue204 \ue200filecite\ue202turn0file0\ue202L1-L2\ue201falls\ue206.",
                "Rainfalls.",
            ),
            ('By \ue200entity\ue202["people","Ada Lovelace","mathematician"]\ue201.', "By Ada Lovelace."),
            ("See \ue200url\ue202The news\ue202https://example.com\ue201.", "See The news."),
            ("See \ue200known\ue201.", "See [The news](https://example.com)."),
            ("See \ue200known\ue201, \ue200known\ue201.", "See [The news](https://example.com),."),
            ("Cut \ue200cite\ue202turn0", "Cut citeturn0"),
            ("Loose \ue201\ue202", "Loose "),
            ("\ue200\ue200a\ue201", ""),
            ("\ue200entity\ue202[1\ue201None", "None"),
        ],
    )
    def test_citation_marks_are_shown_or_left_out(self, text: str, shown: str) -> None:
        value = sample("chatgpt.json")[0]
        answer = value["mapping"]["answer"]["message"]
        answer["content"]["parts"] = [text + "\n\nEnd"]
        answer["metadata"]["content_references"] = [
            {"matched_text": "\ue200known\ue201", "alt": "[The news](https://example.com)"},
            {"matched_text": 5, "alt": []},
            "?",
        ]
        assert by_id(read(value))["answer"].text == shown + "\n\nEnd"

    def test_an_answer_of_marks_alone_is_none(self) -> None:
        value = sample("chatgpt.json")[0]
        value["mapping"]["answer"]["message"]["content"]["parts"] = ["\ue200i\ue202turn0image0\ue201"]
        assert "answer" in read(value).passed_over

    def test_symbols_of_a_users_font_stay(self) -> None:
        value = sample("chatgpt.json")[0]
        value["mapping"]["question"]["message"]["content"]["parts"] = ["My prompt: \ue201 \ue202"]
        assert by_id(read(value))["question"].text == "My prompt: \ue201 \ue202"

    @pytest.mark.parametrize("piece", ["\ue200", "\ue200cite", " \ue200\ue202", "\ue200known\ue201"])
    def test_many_marks_take_time_in_proportion(self, piece: str) -> None:
        def work(count: int) -> None:
            references = [{"matched_text": "\ue200known\ue201", "alt": "x"}] * (count // 10)
            without_marks(piece * count, references, is_user=False)

        assert grows_no_faster(work, lambda size: size, 50_000)

    def test_another_programs_mapping_is_none(self) -> None:
        value = sample("chatgpt.json")[0]
        for node in value["mapping"].values():
            node["message"] = {"says": "Hello"}
        with pytest.raises(NotAConversation, match="no form that is known"):
            read(value)

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

    def content(self, *parts: dict[str, Any]) -> ImportedMessage:
        value = sample("claude.json")[1]
        value["chat_messages"][1]["content"] = list(parts)
        return read(value).messages[1]

    def outputs(self, *parts: dict[str, Any]) -> list[tuple[str, str]]:
        calls = [part["tool_call"] for part in self.content(*parts).content]
        assert len({call["id"] for call in calls}) == len(calls)
        return [(call["name"], call["output"]) for call in calls]

    def test_each_tool_without_an_id_has_its_own_result(self) -> None:
        search, fetch = (
            {"type": "tool_use", "name": "search"},
            {"type": "tool_use", "name": "fetch", "id": None},
        )
        found = {"type": "tool_result", "name": "search", "content": "found", "tool_use_id": None}
        more = {"type": "tool_result", "content": [{"type": "text", "text": "more"}]}
        fetched = {"type": "tool_result", "name": "fetch", "content": "fetched"}
        assert self.outputs(search, found, fetch, fetched) == [("search", "found"), ("fetch", "fetched")]
        assert self.outputs(search, fetch, fetched, found) == [("search", "found"), ("fetch", "fetched")]
        assert self.outputs(search, search, found, more) == [("search", "found"), ("search", "more")]
        assert self.outputs(fetch, search, fetched, more) == [("fetch", "fetched"), ("search", "more")]

    def test_a_result_without_its_call_is_kept(self) -> None:
        result = {"type": "tool_result", "name": "search", "content": "found", "tool_use_id": "t1"}
        assert self.outputs(result) == [("search", "found")]

    def test_two_results_of_one_call_are_both_kept(self) -> None:
        call = {"type": "tool_use", "name": "search", "id": "t1"}
        results = ({"type": "tool_result", "content": text, "tool_use_id": "t1"} for text in ("one", "two"))
        assert self.outputs(call, *results) == [("search", "one\ntwo")]

    def test_what_a_search_found_is_named(self) -> None:
        call = {"type": "tool_use", "name": "web_search", "id": "t1"}
        pages = [{"type": "knowledge", "title": "Bread", "url": "https://example.com/bread", "text": None}]
        result = {"type": "tool_result", "content": pages, "tool_use_id": "t1"}
        assert self.outputs(call, result) == [("web_search", "Bread https://example.com/bread")]

    @pytest.mark.parametrize("field", ["text", "transcript"])
    def test_a_voice_note_is_what_was_understood_of_it(self, field: str) -> None:
        message = self.content({"type": "voice_note", "title": "Bread", field: "How do I bake?"})
        assert (message.text, message.content) == ("How do I bake?", ())

    def test_without_parents_it_is_one_thread(self) -> None:
        conversation = read(sample("claude.json")[1])
        assert [each.parent for each in conversation.messages] == [None, "n1"]
        assert [each.text for each in conversation.messages] == ["Hello", "Hello to you"]


class TestDeepSeek:
    def test_a_conversation(self) -> None:
        conversation = read(sample("deepseek.json")[0])
        assert (conversation.format, conversation.source_id, conversation.title) == (
            "deepseek",
            "3f0a9c1e-7d52-4b7e-9a11-0c5d2e8f6b01",
            "Ferns in winter",
        )
        assert (conversation.endpoint, conversation.model) == ("deepseek", "deepseek-chat")
        assert conversation.created_at == datetime(2025, 11, 3, 9, 15, tzinfo=UTC)
        assert conversation.updated_at == datetime(2025, 11, 3, 9, 20, 5, tzinfo=UTC)

    def test_a_tree_and_what_is_passed_over(self) -> None:
        conversation = read(sample("deepseek.json")[0])
        assert {each.source_id: each.parent for each in conversation.messages} == {
            "1": "root",
            "2": "1",
            "4": "3",
            "5": "1",
        }
        assert conversation.passed_over == {"root": None, "3": "2"}

    def test_who_said_what(self) -> None:
        messages = by_id(read(sample("deepseek.json")[0]))
        assert {name: (each.is_user, each.text) for name, each in messages.items()} == {
            "1": (True, "Which ferns stay green?\n\n[file: garden.pdf]"),
            "2": (False, "The holly fern."),
            "4": (True, "Thanks"),
            "5": (False, "Some do."),
        }
        assert (messages["2"].sender, messages["2"].model, messages["1"].model) == (
            "DeepSeek",
            "deepseek-reasoner",
            None,
        )
        assert messages["2"].created_at == datetime(2025, 11, 3, 9, 15, 9, 500000, tzinfo=UTC)

    def test_thoughts_are_a_part(self) -> None:
        messages = by_id(read(sample("deepseek.json")[0]))
        assert messages["2"].content == (
            {"type": "think", "think": "Evergreen ferns."},
            {"type": "text", "text": "The holly fern."},
        )
        assert messages["1"].content == ()

    def test_an_older_one_without_fragments(self) -> None:
        conversation = read(sample("deepseek.json")[1])
        assert [(each.is_user, each.text) for each in conversation.messages] == [
            (True, "Hello"),
            (False, "Hello to you"),
            (True, "Bye"),
        ]
        assert conversation.messages[1].content[0] == {"type": "think", "think": "A greeting."}

    def test_without_an_id_it_is_none(self) -> None:
        with pytest.raises(NotAConversation, match="no id"):
            read({**sample("deepseek.json")[0], "id": ""})


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
        "name",
        [
            "chatgpt.json",
            "claude.json",
            "deepseek.json",
            "librechat.json",
            "librechat-list.json",
            "chatbotui.json",
        ],
    )
    def test_in_any_place_breaks_nothing(self, name: str) -> None:
        for place in places(sample(name)):
            for value in ANYTHING:
                changed = put(sample(name), place, value)
                # Of a list, each is read by itself: the others are as they were.
                each = changed[place[0]] if isinstance(changed, list) else changed
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
