"""Items that programs give back, as turns."""

from typing import Any

import pytest

from echo.errors import Unprocessable
from echo.providers.chat import Reasoning, Text, ToolCall, ToolResult, Turn
from echo.responses.items import ItemReader, as_items, seal


def read(*items: Any) -> tuple[list[str], tuple[Turn, ...]]:
    reader = ItemReader()
    turns = reader.read(items, "input")
    return reader.system, turns


CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
RESULT = {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "noon"}]}


class TestTurns:
    def test_what_a_model_says_together_is_one(self) -> None:
        sealed = seal("s", None, "anthropic")
        thought = {
            "type": "reasoning",
            "summary": [],
            "content": [{"text": "Hm."}],
            "encrypted_content": sealed,
        }
        said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Well"}]}
        system, turns = read({"role": "user", "content": "Hi"}, thought, said, CALL, RESULT)
        assert system == []
        assert turns == (
            Turn("user", (Text("Hi"),)),
            Turn(
                "assistant",
                (Reasoning("Hm.", "s", None, "anthropic"), Text("Well"), ToolCall("c", "f", "{}")),
            ),
            Turn("tool", (ToolResult("c", (Text("noon"),), name="f"),)),
        )

    def test_the_system_comes_first_or_in_its_place(self) -> None:
        system, turns = read(
            {"role": "developer", "content": "A"},
            {"role": "user", "content": "Hi"},
            {"role": "system", "content": "B"},
        )
        assert (system, [turn.role for turn in turns]) == (["A"], ["user", "system"])

    @pytest.mark.parametrize("sealed", [None, "", "gAAAAB", "e30=", "WzFd", "eyJzaWduYXR1cmUiOjF9", "é"])
    def test_reasoning_of_others_is_not_given_back(self, sealed: Any) -> None:
        assert read({"type": "reasoning", "summary": [], "encrypted_content": sealed}) == ([], ())

    @pytest.mark.parametrize(
        ("item", "place"),
        [
            ({"role": "user"}, "input.0"),
            ({"content": "x"}, "input.0"),
            ({"type": "function_call", "name": "f"}, "input.0"),
            ({"type": "function_call_output", "output": "x"}, "input.0.call_id"),
            ({"type": "web_search_call"}, "input.0.type"),
            ({"type": "item_reference", "id": "x"}, "input.0.type"),
            ({"role": "user", "content": [{"type": "input_audio"}]}, "input.0.content.0.type"),
            ({"role": "user", "content": [{"type": "input_image", "file_id": "x"}]}, "input.0.content.0"),
            (
                {"role": "user", "content": [{"type": "input_file", "file_url": "https://a"}]},
                "input.0.content.0.file_url",
            ),
            ({"role": "user", "content": [{"type": "input_image"}]}, "input.0.content.0.image_url"),
        ],
    )
    def test_what_is_not_understood_is_refused(self, item: Any, place: str) -> None:
        with pytest.raises(Unprocessable) as caught:
            read(item)
        assert [error.field for error in caught.value.errors] == [place]


def test_a_text_is_a_message() -> None:
    [item] = as_items("Hi")
    assert item == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
