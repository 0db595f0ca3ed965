"""Which events tell what a model says, and in which order."""

from typing import Any

import pytest

from echo.providers.chat import (
    Citation,
    Cited,
    Logprobs,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
)
from echo.responses.items import unseal
from echo.responses.output import Output

TEXT = [
    "output_item.added 0",
    "content_part.added 0",
    "output_text.delta 0",
    "output_text.delta 0",
    "output_text.done 0",
    "content_part.done 0",
    "output_item.done 0",
]
REASONED = [
    "output_item.added 0",
    "content_part.added 0",
    "reasoning_text.delta 0",
    "reasoning_text.done 0",
    "content_part.done 0",
    "output_item.done 0",
]
SUMMARIZED = [
    "output_item.added 0",
    "reasoning_summary_part.added 0",
    "reasoning_summary_text.delta 0",
    "reasoning_summary_text.done 0",
    "reasoning_summary_part.done 0",
    "output_item.done 0",
]
CALLED = ["output_item.added 0", "function_call_arguments.delta 0"]
CALL_DONE = ["function_call_arguments.done 0", "output_item.done 0"]
CITED = [
    "output_item.added 0",
    "content_part.added 0",
    "output_text.delta 0",
    "output_text.annotation.added 0",
]


def at(index: int, events: list[str]) -> list[str]:
    """The same events of a later item."""
    return [event.replace(" 0", f" {index}") for event in events]


def told(*said: Any, summarized: bool = False, status: str = "completed") -> tuple[list[str], list[Any]]:
    """The events by name and item, and the items in the end."""
    output = Output(summarized=summarized)
    events = [event for each in said for event in output.take(each)]
    events += output.close(status)
    names = [f"{event['type'].removeprefix('response.')} {event['output_index']}" for event in events]
    return names, output.items


class TestOrder:
    @pytest.mark.parametrize(
        ("said", "events"),
        [
            ((), []),
            ((TextDelta("a"), TextDelta("b")), TEXT),
            ((ReasoningDelta("h"), TextDelta("a"), TextDelta("b")), [*REASONED, *at(1, TEXT)]),
            (
                (TextDelta("a"), TextDelta("b"), ToolCallDelta(0, "c", "f", "{}")),
                [*TEXT, *at(1, [*CALLED, *CALL_DONE])],
            ),
            # Calls that grow side by side.
            (
                (
                    ToolCallDelta(0, "c", "f", "{"),
                    ToolCallDelta(1, "d", "g", "{}"),
                    ToolCallDelta(0, arguments="}"),
                ),
                [*CALLED, *at(1, CALLED), CALLED[1], *CALL_DONE, *at(1, CALL_DONE)],
            ),
            ((TextDelta("a"), Cited(Citation("https://a"))), [*CITED, *TEXT[-3:]]),
            (
                (TextDelta("a"), RefusalDelta("no")),
                [
                    *TEXT[:3],
                    *TEXT[4:6],
                    "content_part.added 0",
                    "refusal.delta 0",
                    "refusal.done 0",
                    *TEXT[-2:],
                ],
            ),
            ((ReasoningSignature(redacted="x"),), ["output_item.added 0", "output_item.done 0"]),
            (
                (ReasoningDelta("h"), ReasoningSignature("s"), ReasoningDelta("i"), ReasoningSignature("t")),
                [*REASONED, *at(1, REASONED)],
            ),
        ],
    )
    def test_of_events(self, said: Any, events: list[str]) -> None:
        assert told(*said)[0] == events

    def test_of_a_summary(self) -> None:
        events, [item] = told(ReasoningDelta("Hm."), summarized=True)
        assert events == SUMMARIZED
        assert item["summary"] == [{"type": "summary_text", "text": "Hm."}]
        assert "content" not in item


class TestItems:
    def test_are_whole_in_the_end(self) -> None:
        _, [thought, said, call] = told(
            ReasoningDelta("H"),
            ReasoningDelta("m."),
            ReasoningSignature("sig", format="anthropic"),
            TextDelta("It "),
            TextDelta("is."),
            ToolCallDelta(0, "call_1", "f", '{"a"', signature="thought"),
            ToolCallDelta(0, arguments=":1}"),
        )
        assert thought["content"] == [{"type": "reasoning_text", "text": "Hm."}]
        assert unseal(thought["encrypted_content"]) == {"signature": "sig", "format": "anthropic"}
        text = {"type": "output_text", "text": "It is.", "annotations": [], "logprobs": []}
        assert (said["role"], said["status"], said["content"]) == ("assistant", "completed", [text])
        assert (call["call_id"], call["name"], call["arguments"]) == ("call_1", "f", '{"a":1}')
        assert call["extra_content"] == {"google": {"thought_signature": "thought"}}

    def test_that_are_cut_off_say_so_of_the_last_alone(self) -> None:
        calls = (ToolCallDelta(0, "c", "f", "{}"), ToolCallDelta(1, "d", "g", "{"))
        _, items = told(TextDelta("a"), *calls, status="incomplete")
        assert [item["status"] for item in items] == ["completed", "completed", "incomplete"]

    def test_say_where_a_source_belongs(self) -> None:
        _, [item] = told(
            TextDelta("It is."), Cited(Citation("https://a", "A")), Cited(Citation("https://b", "B", 0, 2))
        )
        places = [
            (note["url"], note["start_index"], note["end_index"])
            for note in item["content"][0]["annotations"]
        ]
        assert places == [("https://a", 6, 6), ("https://b", 0, 2)]

    def test_say_how_likely_tokens_were(self) -> None:
        likely = {"token": "a", "logprob": -0.1, "bytes": None, "top_logprobs": []}
        _, [item] = told(TextDelta("a"), Logprobs([likely]))
        assert item["content"][0]["logprobs"] == [likely]
