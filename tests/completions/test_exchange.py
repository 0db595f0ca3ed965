"""What is kept of requests with tools."""

from echo.completions.answers import Answer
from echo.completions.exchange import said_in
from echo.providers.chat import (
    ReasoningDelta,
    RefusalDelta,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Turn,
)
from storage.conversations.exchanges import Said


def count(text: str) -> int:
    return len(text.split())


def test_a_call_its_result_and_what_follows_are_one_answer() -> None:
    turns = (
        Turn.of_text("user", "How is it"),
        Turn("assistant", (Text("Let me look"), ToolCall("a", "look", '{"at": 1}'))),
        Turn("tool", (ToolResult("a", (Text("sunny"),)), ToolResult("unknown", (Text("lost"),)))),
        Turn.of_text("system", "Be brief"),
    )
    answer = Answer()
    for event in (
        ReasoningDelta("hm"),
        TextDelta("Sun"),
        TextDelta("ny"),
        ToolCallDelta(0, "b", "wait", "{}"),
    ):
        answer.take(event)
    call = {"type": "tool_call", "progress": 1}
    assert said_in(turns, answer.first, count) == [
        Said("user", "How is it", 3),
        Said(
            "assistant",
            "",
            3 + (1 + 2 + 1) + 1 + 1 + (1 + 1),
            [
                {"type": "text", "text": "Let me look"},
                {
                    "type": "tool_call",
                    "tool_call": {"id": "a", "name": "look", "args": '{"at": 1}', "output": "sunny", **call},
                },
                {"type": "think", "think": "hm"},
                {"type": "text", "text": "Sunny"},
                {
                    "type": "tool_call",
                    "tool_call": {"id": "b", "name": "wait", "args": "{}", "output": "", **call},
                },
            ],
        ),
    ]


def test_words_alone_are_a_text() -> None:
    answer = Answer()
    answer.take(RefusalDelta("I cannot."))
    turns = (Turn.of_text("assistant", "Hi"), Turn.of_text("user", "Do"), Turn.of_text("assistant", "Well,"))
    assert said_in(turns, answer.first, count) == [
        Said("assistant", "Hi", 1),
        Said("user", "Do", 1),
        Said("assistant", "Well,\nI cannot.", 3),
    ]
