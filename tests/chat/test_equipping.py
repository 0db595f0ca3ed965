"""What a model is given before it is first asked."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from echo.chat.equipping import counted, equipped, read_by, shown
from echo.chat.prepared import Asking
from echo.providers.chat import ChatRequest, Text, Tool, ToolCall, ToolResult, Turn
from echo.tools.tool import Offer, RunPlace, RunTool, Wanted

NOBODY: Any = None
COUNTS = {"window": 1000, "budget": 900, "system": 5, "messages": 50, "before": 60, "count": 3}
TURNS = (
    Turn.of_text("user", "Old?"),
    Turn("assistant", (Text("Let me see."), ToolCall("c", "look", "{}"))),
    Turn("tool", (ToolResult("c", (Text("seen"),), name="look"),)),
    Turn.of_text("user", "New?"),
)
ASKING = Asking(
    NOBODY,
    ChatRequest("m", TURNS, system="Be."),
    None,
    COUNTS,
    "a",
    "openAI",
    wanted=Wanted(names=("look",)),
    placeholders={"USER": "ada"},
)
PLACE = RunPlace("ada", "c", "answer")
LOOK = RunTool(Tool("look", "Looks.", {"type": "object"}), NOBODY)
# As `shown` has it.
LOOK_TOKENS = len('{"name":"look","description":"Looks.","parameters":{"type":"object"}}')


async def count(text: str) -> int:
    return len(text)


def equip(offer: Offer, asking: Asking = ASKING) -> tuple[Any, Asking]:
    asked: list[Any] = []

    class Sources:
        async def offer(self, wanted: Wanted, place: RunPlace) -> Offer:
            asked.append((wanted, place))
            return offer

    sources: Any = Sources()
    made = asyncio.run(equipped(asking, sources, PLACE, count))
    assert asked == [(asking.wanted, replace(PLACE, placeholders=asking.placeholders))]
    return made


class TestWithoutTools:
    def test_earlier_calls_are_left_out(self) -> None:
        looped, asking = equip(Offer())
        texts = [(turn.role, turn.parts) for turn in asking.request.turns]
        assert texts == [
            ("user", (Text("Old?"),)),
            ("assistant", (Text("Let me see."),)),
            ("user", (Text("New?"),)),
        ]
        assert (asking.counts, asking.request.system) == (COUNTS, "Be.")
        assert (looped.request, looped.tools, looped.tokens, looped.room) == (asking.request, (), 55, 900)

    def test_the_model_may_still_be_told_something(self) -> None:
        looped, asking = equip(Offer(instructions=("Files: none.",)))
        assert asking.request.system == "Be.\n\nFiles: none."
        assert asking.counts == {**COUNTS, "system": 17, "tool_tokens": 0, "tools": 0}
        assert looped.tokens == 67


class TestWithTools:
    def test_they_are_counted(self) -> None:
        looped, asking = equip(Offer((LOOK, LOOK), ("One.", "Two.")))
        assert asking.request.system == "Be.\n\nOne.\n\nTwo."
        tools = 2 * LOOK_TOKENS
        assert asking.counts == {**COUNTS, "system": 15, "tool_tokens": tools, "tools": 2}
        assert (looped.tools, looped.tokens) == ((LOOK, LOOK), 65 + tools)
        assert asking.request.turns == TURNS

    def test_a_model_without_instructions_gets_those_of_its_tools(self) -> None:
        bare = replace(ASKING, request=replace(ASKING.request, system=None))
        assert equip(Offer((LOOK,), ("One.",)), bare)[1].request.system == "One."
        assert equip(Offer((LOOK,)), bare)[1].request.system is None

    def test_old_turns_make_room_for_them(self) -> None:
        for free, excess in ((LOOK_TOKENS, 0), (LOOK_TOKENS - 1, 1)):
            tight = replace(ASKING, counts={**COUNTS, "budget": 55 + free})
            looped, asking = equip(Offer((LOOK,)), tight)
            assert asking.counts["messages"] == 50 - excess
            assert [turn.text for turn in asking.request.turns if turn.role == "user"] == (
                ["New?"] if excess else ["Old?", "New?"]
            )
            assert looped.tokens == 55 + LOOK_TOKENS - excess

    def test_no_more_room_is_made_than_messages_take(self) -> None:
        tiny = replace(ASKING, counts={**COUNTS, "budget": 1})
        assert equip(Offer((LOOK,)), tiny)[1].counts["messages"] == 0


def test_other_turns_are_counted_anew() -> None:
    turns = (Turn.of_text("user", "four"), Turn("tool", (ToolResult("c", (Text("five5"),), name="look"),)))
    asking = replace(ASKING, request=replace(ASKING.request, turns=turns))
    found = asyncio.run(counted(asking, count))
    # With the end of a line between them, and three for the request.
    assert found.counts == {**COUNTS, "messages": 4 + 1 + 5 + 3}
    assert found.request == asking.request


def test_a_request_is_read_with_its_instructions() -> None:
    assert read_by(COUNTS) == 55


@pytest.mark.parametrize("parameters", [{"type": "object"}, {"default": {1, 2}}])
def test_a_tool_is_shown_as_json(parameters: dict[str, Any]) -> None:
    assert shown(Tool("look", "Looks.", parameters)).startswith('{"name":"look","description":"Looks.",')
