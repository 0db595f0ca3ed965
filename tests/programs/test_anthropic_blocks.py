"""A provider's events as Anthropic's blocks: what follows what, and what each block comes to."""

from typing import Any

import pytest

from echo.programs.anthropic.asking import read_messages
from echo.programs.anthropic.blocks import Blocks
from echo.programs.anthropic.carrying import MARK, unpacked
from echo.programs.anthropic.telling import MessageTeller, usage_object
from echo.providers.chat import (
    ChatRequest,
    Event,
    Finished,
    Reasoning,
    ReasoningDelta,
    ReasoningSignature,
    RefusalDelta,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Usage,
)

DONE = Finished("stop")
CALLS = Finished("tool_calls")


def told(*events: Event) -> tuple[list[str], list[Any]]:
    """What a stream says, in short, and the blocks of the whole."""
    blocks = Blocks()
    made = [each for event in events for each in blocks.take(event)]
    return [short(each) for each in made], blocks.content


def short(event: Any) -> str:
    match event["type"]:
        case "content_block_start":
            return f"+{event['index']} {event['content_block']['type']}"
        case "content_block_stop":
            return f"-{event['index']}"
    delta = dict(event["delta"])
    kind = delta.pop("type").removesuffix("_delta")
    return f"{event['index']} {kind} {next(iter(delta.values()))}"


def call(index: int, arguments: str = "", signature: str | None = None) -> ToolCallDelta:
    """The beginning of a call."""
    return ToolCallDelta(index, f"id{index}", f"tool{index}", arguments, signature)


def more(index: int, arguments: str, signature: str | None = None) -> ToolCallDelta:
    return ToolCallDelta(index, arguments=arguments, signature=signature)


TEXT = ["+0 text", "0 text Hi", "-0"]
ORDERS: dict[str, tuple[list[Event], list[str]]] = {
    "text": ([TextDelta("Hi"), Usage(1, 2), DONE], TEXT),
    "a refusal is text": ([RefusalDelta("Hi"), DONE], TEXT),
    "nothing": ([DONE], []),
    "thinking that is signed, then text": (
        [
            ReasoningDelta("a"),
            ReasoningDelta("b"),
            ReasoningSignature("s", format="anthropic"),
            TextDelta("Hi"),
            DONE,
        ],
        [
            *("+0 thinking", "0 thinking a", "0 thinking b", "0 signature s", "-0"),
            *("+1 text", "1 text Hi", "-1"),
        ],
    ),
    "thinking that nobody signs": (
        [ReasoningDelta("a"), TextDelta("Hi"), DONE],
        ["+0 thinking", "0 thinking a", "-0", "+1 text", "1 text Hi", "-1"],
    ),
    "thinking that is not shown": (
        [ReasoningSignature("s", format="anthropic"), DONE],
        ["+0 thinking", "0 signature s", "-0"],
    ),
    "thinking that is encrypted": (
        [ReasoningSignature(redacted="r", format="anthropic"), TextDelta("Hi"), DONE],
        ["+0 redacted_thinking", "-0", "+1 text", "1 text Hi", "-1"],
    ),
    "calls one after the other": (
        [TextDelta("Hi"), call(0), more(0, '{"a":'), more(0, "1}"), call(1, "{}"), CALLS],
        [
            *TEXT,
            *("+1 tool_use", '1 input_json {"a":', "1 input_json 1}", "-1"),
            *("+2 tool_use", "2 input_json {}", "-2"),
        ],
    ),
    "calls whose pieces come in turns": (
        [call(0, '{"a":'), call(1, '{"b":'), more(0, "1}"), more(1, "2}"), CALLS],
        [
            *("+0 tool_use", '0 input_json {"a":', "0 input_json 1}", "-0"),
            *("+1 tool_use", '1 input_json {"b":', "1 input_json 2}", "-1"),
        ],
    ),
    "three calls at once": (
        [call(0, "{"), call(1, "{}"), call(2, "{}"), more(0, "}"), CALLS],
        [
            *("+0 tool_use", "0 input_json {", "0 input_json }", "-0"),
            *("+1 tool_use", "1 input_json {}", "-1", "+2 tool_use", "2 input_json {}", "-2"),
        ],
    ),
    "a call that is never whole": (
        [call(0, "{"), call(1, "{}"), TextDelta("Hi"), CALLS],
        [
            *("+0 tool_use", "0 input_json {", "-0", "+1 tool_use", "1 input_json {}", "-1"),
            *("+2 text", "2 text Hi", "-2"),
        ],
    ),
}


@pytest.mark.parametrize(("events", "expected"), ORDERS.values(), ids=ORDERS)
def test_blocks_follow_each_other(events: list[Event], expected: list[str]) -> None:
    assert told(*events)[0] == expected


def test_the_whole_says_the_same() -> None:
    _, content = told(
        ReasoningDelta("hm"),
        ReasoningSignature("s", format="anthropic"),
        TextDelta("Hi "),
        TextDelta("you"),
        call(0, '{"a":'),
        more(0, "1}"),
        call(1, "[1"),
        CALLS,
    )
    assert content == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "Hi you"},
        {"type": "tool_use", "id": "id0", "name": "tool0", "input": {"a": 1}},
        {"type": "tool_use", "id": "id1", "name": "tool1", "input": {"INVALID_JSON": "[1"}},
    ]


class TestSignaturesOfOthers:
    """What other providers sign comes back to them, in the order in which it stood."""

    def back(self, *events: Event) -> tuple[Any, ...]:
        _, content = told(*events)
        return read_messages(None, [{"role": "assistant", "content": content}])[1][0].parts

    @pytest.mark.parametrize("late", [False, True])
    def test_of_calls(self, late: bool) -> None:
        first = (call(0, "{}"), more(0, "", "sig")) if late else (call(0, "{}", "sig"),)
        assert self.back(*first, call(1, "{}"), CALLS) == (
            ToolCall("id0", "tool0", "{}", "sig"),
            ToolCall("id1", "tool1", "{}"),
        )

    def test_of_thinking_and_of_text(self) -> None:
        signed = ReasoningSignature("sig", format="google")
        assert self.back(ReasoningDelta("hm"), signed, TextDelta("Hi"), signed, DONE) == (
            Reasoning("hm", "sig", format="google"),
            Text("Hi"),
            Reasoning("", "sig", format="google"),
        )

    def test_of_what_is_encrypted(self) -> None:
        encrypted = ReasoningSignature(redacted="r", format="openai-responses-v1")
        assert self.back(encrypted, TextDelta("Hi"), DONE)[0] == Reasoning(
            redacted="r", format="openai-responses-v1"
        )

    @pytest.mark.parametrize("text", [MARK, f"{MARK}%", f"{MARK}WzFd", f"{MARK}eyJhIjox", f"{MARK}ünï"])
    def test_what_is_broken_is_nothing(self, text: str) -> None:
        assert unpacked(text) == {}


@pytest.mark.parametrize(
    ("end", "reason", "sequence"),
    [
        (Finished("stop"), "end_turn", None),
        (Finished("stop", stop_sequence="END"), "stop_sequence", "END"),
        (Finished("length"), "max_tokens", None),
        (Finished("content_filter"), "refusal", None),
        (Finished("tool_calls"), "tool_use", None),
        (Finished("other"), "end_turn", None),
    ],
)
def test_why_it_ended(end: Finished, reason: str, sequence: str | None) -> None:
    blocks = Blocks()
    blocks.take(end)
    assert blocks.ending == {"stop_reason": reason, "stop_sequence": sequence}


def test_tokens_of_a_cache_are_counted_apart() -> None:
    assert usage_object(Usage(100, 7, cached_tokens=60, cache_written=30, reasoning_tokens=5)) == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 5},
    }


class TestStreams:
    def test_begin_with_the_tokens_if_they_are_known(self) -> None:
        teller = MessageTeller("m")
        assert list(teller.begun(ChatRequest("m", ()))) == []
        [first] = teller.told(Usage(11, 1))
        assert first.startswith(b"event: message_start\n")
        assert b'"input_tokens":11' in first

    def test_are_kept_alive_by_a_comment_and_then_by_pings(self) -> None:
        teller = MessageTeller("m")
        assert teller.silent.startswith(b":")
        list(teller.told(TextDelta("a")))
        assert teller.silent == b'event: ping\ndata: {"type":"ping"}\n\n'

    def test_of_nothing_begin_and_end(self) -> None:
        frames = list(MessageTeller("m").ended(None, Usage(3, 0)))
        assert [frame.split(b"\n")[0] for frame in frames] == [
            b"event: message_start",
            b"event: message_delta",
            b"event: message_stop",
        ]
