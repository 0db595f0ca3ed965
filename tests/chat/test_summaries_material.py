"""What a summary is made of, what it covers, and how it is stored; without a server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echo.chat.prepared import Asking
from echo.chat.summaries import (
    Boundary,
    Summarising,
    Summing,
    boundary_of,
    left_out,
    material_of,
    material_of_turns,
    part_of,
    retained_by,
    summary_text,
    summary_turn,
    uncovered,
    with_summary,
)
from echo.providers.chat import ChatRequest, Text, ToolResult, Turn

NOBODY: Any = None
HEADING = "A summary of the chat before this message:"
ASKING = Asking(NOBODY, ChatRequest("m", (), "fresh"), None, {}, "a", "openAI")
ONE, TWO = Turn.of_text("user", "One"), Turn.of_text("assistant", "Two")
OLDER = Turn.of_text("user", f"{HEADING}\n\nBefore.")


def summary(text: str = "So far.", retained: Any = None) -> dict[str, Any]:
    coverage = {} if retained is None else {"coverage": {"retainedFromMessageId": retained}}
    return {"type": "summary", "content": [{"type": "text", "text": text}], **coverage}


def message(name: str, *parts: Any, **more: Any) -> dict[str, Any]:
    return {"messageId": name, "content": list(parts), "isCreatedByUser": False, **more}


def asked(name: str, text: str) -> dict[str, Any]:
    return {"messageId": name, "text": text, "isCreatedByUser": True}


def said(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


class TestWhileAModelWorks:
    def test_is_of_the_turns_that_are_left_out(self) -> None:
        found = Summarising(ASKING, "q").of([ONE, TWO], used=1, window=1)
        assert found is not None
        assert (found.retained_from, found.messages, found.has_older, found.before) == ("q", 2, False, None)
        assert found.asking.request == ChatRequest(
            "m", (Turn.of_text("user", "User: One\n\nModel: Two"),), "fresh"
        )
        assert (found.asking.agent_id, found.asking.provider_name) == ("a", "openAI")

    def test_has_an_older_summary_wherever_it_is(self) -> None:
        found = Summarising(ASKING, "q").of([ONE, OLDER], used=1, window=1)
        assert found is not None
        # Without a prompt for that it is asked as for the first one.
        assert (found.has_older, found.version, found.asking.request.system) == (True, 2, "fresh")

    @pytest.mark.parametrize(
        ("trigger", "wanted"),
        [
            (("messages_to_refine", 2), True),
            (("messages_to_refine", 3), False),
            (("token_ratio", 0.9), True),
            (("token_ratio", 0.95), False),
            (("remaining_tokens", 10), True),
            (("remaining_tokens", 9), False),
        ],
    )
    def test_is_made_when_the_operator_says(self, trigger: Any, wanted: bool) -> None:
        how = Summarising(ASKING, "q", trigger=trigger)
        assert (how.of([ONE, TWO], used=90, window=100) is not None) is wanted

    def test_is_made_of_nothing_by_nobody(self) -> None:
        assert Summarising(ASKING, "q").of([], used=1, window=1) is None


class TestMaterial:
    def test_of_turns_says_who_said_what(self) -> None:
        results = Turn("tool", (ToolResult("c", (Text("3"),)), ToolResult("d", (Text("4"),))))
        silent = Turn("assistant", ())
        assert material_of_turns([ONE, TWO, silent, results]) == "User: One\n\nModel: Two\n\nTool: 3\n4"

    def test_of_turns_has_ten_thousand_characters_of_a_result(self) -> None:
        for chars, shown in ((10_000, 10_000), (10_001, 10_000)):
            turn = Turn("tool", (ToolResult("c", (Text("x" * chars),)),))
            assert len(material_of_turns([turn])) == len("Tool: ") + shown

    def test_is_its_newest_part(self) -> None:
        long = "a" * 400_000
        assert material_of_turns([ONE, Turn.of_text("user", long)]) == long
        assert material_of([asked("a", "One"), asked("b", long)]) == long

    def test_of_messages_says_who_said_what(self) -> None:
        messages = [asked("a", "One"), message("b", said("Two")), message("c"), asked("d", "Three")]
        assert material_of(messages) == "User: One\n\nModel: Two\n\nUser: Three"

    def test_of_messages_begins_with_the_older_summary_and_what_it_does_not_cover(self) -> None:
        messages = [asked("a", "One"), asked("b", "Two"), message("c", summary(retained="b"), said("Three"))]
        expected = f"{HEADING}\nSo far.\n\nUser: Two\n\nModel: Three"
        assert material_of(messages) == expected
        # The summary may stand in a message after them.
        boundary = Boundary("So far.", 1, "b", is_whole=True)
        assert material_of(messages[:2], boundary) == f"{HEADING}\nSo far.\n\nUser: Two"

    def test_is_all_that_is_not_covered(self) -> None:
        messages = [asked("a", "One"), asked("b", "Two")]
        for boundary, rest in (
            (None, messages),
            (Boundary("x", 1, None, is_whole=True), messages),
            (Boundary("x", 0, "gone", is_whole=False), messages),
            (Boundary("x", 0, "a", is_whole=True), messages),
            (Boundary("x", 1, "b", is_whole=True), messages[1:]),
        ):
            assert uncovered(messages, boundary) == rest


class TestStored:
    def test_the_newest_counts(self) -> None:
        branch = [
            message("a"),
            message("b", summary("Old.", "a")),
            message("c", summary("First.", "b"), summary("Newest.", "b"), said("x")),
            message("d", said("y")),
        ]
        assert boundary_of(branch) == Boundary("Newest.", 1, "b", is_whole=True)
        assert boundary_of(branch[:2]) == Boundary("Old.", 0, "a", is_whole=True)
        assert boundary_of([]) is None

    def test_one_without_words_does_not_count(self) -> None:
        branch = [message("a", summary("Old.", "a")), message("b", summary(" ", "b"))]
        assert boundary_of(branch) == Boundary("Old.", 0, "a", is_whole=True)

    def test_none_covers_its_own_message_or_what_comes_after(self) -> None:
        branch = [message("a"), message("b", summary("So far.", "c")), message("c")]
        assert boundary_of(branch) == Boundary("So far.", 1, "c", is_whole=True)

    @pytest.mark.parametrize(
        ("part", "retained"),
        [
            (summary(retained="b"), "b"),
            (summary(retained=""), None),
            (summary(retained=5), None),
            ({"coverage": "b"}, None),
            ({}, None),
        ],
    )
    def test_say_from_where_on_messages_are_sent(self, part: Any, retained: str | None) -> None:
        assert retained_by(part) == retained

    @pytest.mark.parametrize(
        ("part", "text"),
        [
            ({"content": [said("One "), 5, {"text": 7}, said("two ")]}, "One two"),
            ({"text": " Old."}, "Old."),
            ({"content": "odd", "text": "Old."}, "Old."),
            ({}, ""),
        ],
    )
    def test_say_what_their_texts_say(self, part: Any, text: str) -> None:
        assert summary_text(part) == text

    def test_leave_nothing_out_that_they_cover(self) -> None:
        branch = [message("a"), message("b")]
        whole, half = Boundary("x", 1, "b", is_whole=True), Boundary("x", 0, "b", is_whole=False)
        assert not left_out(branch, branch, None)
        assert left_out(branch, branch[1:], None)
        assert left_out(branch, branch[1:], half)
        assert not left_out(branch, branch[1:], whole)


class TestWhatIsTold:
    def test_to_a_model_is_one_turn_before_the_others(self) -> None:
        assert summary_turn("Before.") == OLDER
        assert with_summary([ONE, TWO], "Before.") == [OLDER, ONE, TWO]

    @pytest.mark.parametrize(("has_older", "version"), [(False, 1), (True, 2)])
    def test_by_the_part_of_an_answer(self, has_older: bool, version: int) -> None:
        summing = Summing(ASKING, "q", 3, has_older=has_older)
        part = part_of(summing, "So far.", 7, ("step", 2))
        made = datetime.fromisoformat(part.pop("createdAt"))
        assert datetime.now(UTC) - timedelta(minutes=5) < made <= datetime.now(UTC)
        assert part == {
            "type": "summary",
            "model": "m",
            "provider": "openAI",
            "content": [{"type": "text", "text": "So far."}],
            "tokenCount": 7,
            "summaryVersion": version,
            "boundary": {"messageId": "step", "contentIndex": 2},
            "coverage": {"retainedFromMessageId": "q"},
        }
