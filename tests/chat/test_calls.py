"""Stored calls of tools, as models are told of them."""

from typing import Any

import pytest

from echo.chat.calls import (
    arguments_text,
    has_calls,
    is_call,
    kind_of,
    turns_of_parts,
    with_own_ids,
    without_calls,
)
from echo.chat.history import joined
from echo.providers.chat import Attachment, Text, ToolCall, ToolResult, Turn


def part(call_id: Any = "c", name: Any = "add", **more: Any) -> dict[str, Any]:
    return {
        "type": "tool_call",
        "tool_call": {"id": call_id, "name": name, "args": "{}", "output": "3", **more},
    }


def text(said: Any) -> dict[str, Any]:
    return {"type": "text", "text": said}


def call(call_id: str = "c", name: str = "add", arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id, name, arguments)


def result(call_id: str = "c", said: str = "3", *, failed: bool = False, name: str = "add") -> ToolResult:
    return ToolResult(call_id, (Text(said),), failed, name)


class TestTurns:
    def test_have_a_call_and_its_result_after_what_was_said(self) -> None:
        parts = [
            {"type": "think", "think": "Hm."},
            text("So"),
            text({"value": "it is:"}),
            part(),
            part("d", "sub", args={"a": 1}, output="", runStepStatus="failed"),
            text("Three."),
            None,
            text(""),
        ]
        assert list(turns_of_parts(parts)) == [
            Turn("assistant", (Text("So\nit is:"), call(), call("d", "sub", '{"a":1}'))),
            Turn(
                "tool",
                (
                    result(),
                    result("d", "The call was ended before it came to a result.", failed=True, name="sub"),
                ),
            ),
            Turn("assistant", (Text("Three."),)),
        ]

    def test_begin_anew_after_a_message_of_the_users(self) -> None:
        parts = [
            text("A"),
            {"type": "steer", "steer": "Wait"},
            text("B"),
            {"type": "steer", "steer": ""},
            text("C"),
        ]
        assert list(turns_of_parts(parts)) == [
            Turn("assistant", (Text("A"),)),
            Turn.of_text("user", "Wait"),
            Turn("assistant", (Text("B"),)),
            Turn("assistant", (Text("C"),)),
        ]

    @pytest.mark.parametrize("odd", [{"id": 5}, {"output": None}, {"args": None}, {"output": 5, "args": 5}])
    def test_take_what_stands_there(self, odd: dict[str, Any]) -> None:
        said, answered = turns_of_parts([part(call_id=odd.pop("id", "c"), **odd)])
        assert said.parts == (call("" if said.calls[0].id == "" else "c"),)
        assert answered.parts[0].call_id == said.calls[0].id  # type: ignore[union-attr]

    def test_have_results_of_a_bounded_length(self) -> None:
        *_, answered = turns_of_parts([part(output="x" * 400_001)])
        [given] = answered.parts
        assert isinstance(given, ToolResult)
        assert 300_000 < len(given.content[0].text) <= 400_000  # type: ignore[union-attr]


class TestKinds:
    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            (part(), "tool_call"),
            (part(name="lc_transfer_to_b"), None),
            (part(name="oauth_mcp_files"), None),
            (part(name=""), None),
            (part(name="a b"), None),
            (part(name="é"), None),
            (part(name="x" * 64), "tool_call"),
            (part(name="x" * 65), None),
            ({"type": "tool_call"}, None),
            (text("a"), "text"),
            ({"type": 5}, None),
            ("text", None),
        ],
    )
    def test_are_of_what_providers_take(self, value: Any, kind: str | None) -> None:
        assert kind_of(value) == kind
        assert has_calls([text("x"), value]) == (kind == "tool_call")

    def test_of_steers_are_more_than_words(self) -> None:
        assert has_calls([{"type": "steer"}])
        assert not has_calls(None)
        assert not has_calls({"type": "steer"})
        assert not is_call("add")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"a": "é"}, '{"a":"é"}'),
        ({"a": object()}, "{}"),
        ('{"a":1}', '{"a":1}'),
        ("half \ud800", "half ?"),
        ("", "{}"),
        (None, "{}"),
        (5, "{}"),
        ("x" * 100_000, "x" * 100_000),
        ("x" * 100_001, "{}"),
    ],
)
def test_arguments_are_a_text_of_bounded_length(args: Any, expected: str) -> None:
    assert arguments_text(args) == expected


class TestOwnIds:
    def test_are_made_where_they_are_taken_or_none(self) -> None:
        odd = "é" * 3
        turns = [
            Turn.of_text("user", "Hi"),
            Turn("assistant", (Text("a"), call("x"), call(""), call(odd), call("y" * 40))),
            Turn("tool", (result("x"), result(""), result(odd), result("y" * 40))),
            Turn("assistant", (call("x"), call("y" * 41), call("call_8"))),
            Turn("tool", (result("x"), result("y" * 41), result("call_8"))),
        ]
        made = with_own_ids(turns)
        assert made[0] == turns[0]
        first = ["x", "call_1", "call_2", "y" * 40]
        assert made[1].parts == (Text("a"), *map(call, first))
        assert made[2].parts == tuple(map(result, first))
        second = ["call_4", "call_5", "call_8"]
        assert made[3].parts == tuple(map(call, second))
        assert made[4].parts == tuple(map(result, second))
        assert [each.role for each in made] == [each.role for each in turns]

    def test_are_none_that_another_call_has(self) -> None:
        turns = [Turn("assistant", (call("call_1"), call("")))]
        assert [each.id for each in with_own_ids(turns)[0].calls] == ["call_1", "call_1_"]


def test_without_tools_only_words_are_left_and_no_side_speaks_twice() -> None:
    turns = [
        Turn("user", (Text("a"),)),
        Turn("assistant", (call(),)),
        Turn("tool", (result(),)),
        Turn("assistant", (Text("b"), call())),
        Turn("tool", (result(),)),
        Turn("assistant", (Text("c"),)),
        Turn("user", (Text("d"),)),
    ]
    assert without_calls(turns) == [
        Turn("user", (Text("a"),)),
        Turn("assistant", (Text("b"), Text("c"))),
        Turn("user", (Text("d"),)),
    ]


def test_two_turns_of_one_side_are_one() -> None:
    picture = Attachment("x.png", "image/png", b"x")
    first = Turn("user", (Text("a"), picture))
    assert joined(first, Turn("user", (Text("b"), picture))) == Turn(
        "user", (Text("a\n\nb"), picture, picture)
    )
    assert joined(Turn("assistant", ()), Turn("assistant", (Text("b"), call()))) == Turn(
        "assistant", (Text("b"), call())
    )
    assert joined(Turn("assistant", ()), Turn("assistant", (call(),))) == Turn("assistant", (call(),))
