"""A model's answer in OpenAI's words: each event's piece, and the whole that the pieces come to."""

import base64
from typing import Any

import pytest

from echo.completions.answers import Answer, Message, joined, logprobs_object
from echo.providers.chat import (
    AudioDelta,
    Citation,
    Cited,
    Event,
    Finished,
    Logprobs,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)


def message(*events: Event) -> tuple[list[Any], Message]:
    """What each event tells, and what they come to."""
    made = Message()
    return [made.take(each) for each in events], made


class TestText:
    def test_is_told_by_pieces(self) -> None:
        told, made = message(TextDelta("a"), ReasoningDelta("t"), TextDelta("b"), ReasoningDelta("u"))
        assert told == [
            {"content": "a"},
            {"reasoning_content": "t"},
            {"content": "b"},
            {"reasoning_content": "u"},
        ]
        assert made.message == {
            "role": "assistant",
            "content": "ab",
            "refusal": None,
            "reasoning_content": "tu",
        }
        assert (made.whole_text, made.words, made.logprobs) == ("ab", "ab", None)

    def test_of_nothing_is_empty(self) -> None:
        assert Message().message == {"role": "assistant", "content": "", "refusal": None}
        assert message(Usage(1, 1))[0] == [None]

    def test_of_a_refusal_is_none(self) -> None:
        told, made = message(RefusalDelta("n"), RefusalDelta("o"))
        assert told == [{"refusal": "n"}, {"refusal": "o"}]
        assert made.message == {"role": "assistant", "content": None, "refusal": "no"}
        assert made.words == "no"
        made.take(TextDelta("a"))
        assert made.message["content"] == "a"
        assert made.words == "a"


class TestCalls:
    def test_are_put_together_by_their_index(self) -> None:
        told, made = message(
            ToolCallDelta(1, "c1", "wait", "{"),
            ToolCallDelta(0, "c0", "look", "", signature="s0"),
            ToolCallDelta(1, arguments="}"),
            ToolCallDelta(0, arguments="{}", signature="s1"),
        )
        signed = [
            {"extra_content": {"google": {"thought_signature": signature}}} for signature in ("s0", "s1")
        ]
        assert told == [
            {
                "tool_calls": [
                    {
                        "index": 1,
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "wait", "arguments": "{"},
                    }
                ]
            },
            {
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "c0",
                        "type": "function",
                        **signed[0],
                        "function": {"name": "look", "arguments": ""},
                    }
                ]
            },
            {"tool_calls": [{"index": 1, "function": {"arguments": "}"}}]},
            {"tool_calls": [{"index": 0, **signed[1], "function": {"arguments": "{}"}}]},
        ]
        assert made.tool_calls == (ToolCall("c0", "look", "{}"), ToolCall("c1", "wait", "{}"))
        assert made.message == {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [
                {
                    "id": "c0",
                    "type": "function",
                    **signed[1],
                    "function": {"name": "look", "arguments": "{}"},
                },
                {"id": "c1", "type": "function", "function": {"name": "wait", "arguments": "{}"}},
            ],
        }

    def test_without_id_and_name_have_empty_ones(self) -> None:
        told, made = message(ToolCallDelta(0))
        assert told[0]["tool_calls"][0]["id"] == ""
        assert told[0]["tool_calls"][0]["function"] == {"name": "", "arguments": ""}
        assert made.tool_calls == (ToolCall("", "", ""),)


class TestReasoning:
    def test_is_signed_from_where_no_signature_has_followed(self) -> None:
        told, made = message(
            ReasoningDelta("a"),
            ReasoningDelta("b"),
            ReasoningSignature("s1", format="f"),
            ReasoningDelta("c"),
            ReasoningSignature("s2"),
            ReasoningSignature(redacted="", format="f"),
            ReasoningSignature(),
        )
        details = [
            {"type": "reasoning.text", "text": "ab", "signature": "s1", "format": "f"},
            {"type": "reasoning.text", "text": "c", "signature": "s2"},
            {"type": "reasoning.encrypted", "data": "", "format": "f"},
            {"type": "reasoning.text", "text": "", "signature": ""},
        ]
        assert [each["reasoning_details"] for each in told if "reasoning_details" in each] == [
            [each] for each in details
        ]
        assert made.message["reasoning_details"] == details
        assert made.message["reasoning_content"] == "abc"


class TestSources:
    def test_are_annotations(self) -> None:
        told, made = message(
            TextDelta("a"), Cited(Citation("http://x", "X", start=0, end=1)), Cited(Citation("http://y"))
        )
        annotations = [
            {
                "type": "url_citation",
                "url_citation": {"url": "http://x", "title": "X", "start_index": 0, "end_index": 1},
            },
            {"type": "url_citation", "url_citation": {"url": "http://y", "title": ""}},
        ]
        assert told[1:] == [{"annotations": [each]} for each in annotations]
        assert made.message["annotations"] == annotations


class TestSound:
    def test_is_told_by_pieces_and_one_at_the_end(self) -> None:
        first, second = (base64.b64encode(each).decode() for each in (b"one", b"four"))
        told, made = message(
            AudioDelta("audio_1", first, "He"), AudioDelta(data=second), AudioDelta(None, "", "llo", 9)
        )
        assert told == [
            {"audio": {"id": "audio_1", "data": first, "transcript": "He"}},
            {"audio": {"data": second}},
            {"audio": {"transcript": "llo", "expires_at": 9}},
        ]
        whole = base64.b64encode(b"onefour").decode()
        assert made.message == {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "audio": {"id": "audio_1", "data": whole, "transcript": "Hello", "expires_at": 9},
        }
        assert (made.transcript, made.words) == ("Hello", "Hello")

    def test_may_have_no_name(self) -> None:
        _, made = message(AudioDelta(transcript="a"))
        assert made.message["audio"] == {"id": "", "data": "", "transcript": "a", "expires_at": 0}

    @pytest.mark.parametrize(
        ("pieces", "whole"),
        [
            ([], ""),
            (["no base64!"], "no base64!"),
            (["YQ==", "Yg=="], "YWI="),
            (["YQ", "Yg=="], "YQYg=="),
        ],
    )
    def test_is_joined_where_each_piece_is_padded(self, pieces: list[str], whole: str) -> None:
        assert joined(pieces) == whole


class TestLikelihood:
    def test_is_of_text_and_refusal_apart(self) -> None:
        answer = Answer()
        for each in (Logprobs([1]), Logprobs((), [2]), Logprobs([3])):
            assert answer.take(each) is None
        assert answer.first.logprobs == {"content": [1, 3], "refusal": [2]}

    @pytest.mark.parametrize(
        ("likely", "told"),
        [
            (Logprobs(), None),
            (Logprobs([1]), {"content": [1], "refusal": None}),
            (Logprobs((), (2,)), {"content": None, "refusal": [2]}),
        ],
    )
    def test_is_null_where_nothing_is_known(self, likely: Logprobs, told: Any) -> None:
        assert logprobs_object(likely) == told


class TestSeveral:
    def test_are_told_apart(self) -> None:
        answer = Answer()
        told = [
            answer.take(each)
            for each in (TextDelta("b", 1), TextDelta("a"), RefusalDelta("no", 2), Logprobs([1], choice=1))
        ]
        assert told == [(1, {"content": "b"}), (0, {"content": "a"}), (2, {"refusal": "no"}), None]
        assert {index: each.words for index, each in answer.said.items()} == {0: "a", 1: "b", 2: "no"}
        assert (answer.first.words, answer.whole_text) == ("a", "a")
        assert answer.said[1].logprobs == {"content": [1], "refusal": None}

    def test_end_each_for_a_reason(self) -> None:
        answer = Answer()
        assert (answer.finish_reason(), answer.usage) == ("stop", None)
        assert answer.take(Finished("length", ("content_filter", "other"))) is None
        assert [answer.finish_reason(index) for index in range(4)] == [
            "length",
            "content_filter",
            "stop",
            "stop",
        ]
        assert answer.take(Usage(1, 2)) is None
        assert answer.usage == Usage(1, 2)
