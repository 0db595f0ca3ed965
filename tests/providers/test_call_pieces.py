"""Calls of tools in the streams of OpenAI's protocol, also as servers write them that only resemble OpenAI's."""

import re
from typing import Any

import pytest

from echo.providers.call_pieces import known_id, made_id
from echo.providers.chat import Finished, Tool, ToolCallDelta
from tests.support.providers import CUT, event_stream, openai_server
from tests.support.providers import openai as support
from tests.support.providers.asking import Said, listen, request, settings_of

TOOLS = (Tool("look", parameters={"type": "object"}), Tool("wait"))


def hear(*choices: dict[str, Any], kind: str = "custom", tools: Any = TOOLS) -> Said:
    chunks = (support.chunk({}, [each]) for each in choices)
    # As JSON writes a character in two halves.
    halves = (each.replace(b"HIGH", rb"\ud83d").replace(b"LOW", rb"\ude00") for each in chunks)
    stream = event_stream(*halves, support.DONE)
    with openai_server(stream) as server:
        return listen(settings_of(kind, server.url), request(tools=tools))


def pieces(*deltas: Any, finish: str | None = "tool_calls") -> Said:
    """What is heard of these deltas' `tool_calls`, one chunk for each."""
    return hear(*(support.delta(tool_calls=each) for each in deltas), support.delta(finish))


def calls_of(said: Said) -> list[tuple[str | None, str]]:
    """The name of each call and its arguments, put together as a client does it; the ids are all different."""
    calls: list[list[Any]] = []
    ids = set()
    for event in said.events:
        if not isinstance(event, ToolCallDelta):
            continue
        if event.name is not None:
            assert event.index == len(calls)
            ids.add(event.id)
            calls.append([event.name, ""])
        else:
            assert event.id is None
        calls[event.index][1] += event.arguments
    assert len(ids) == len(calls)
    assert all(ids)
    return [(name, arguments) for name, arguments in calls]


def call(name: str | None = None, arguments: Any = None, **fields: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {**fields, "function": {key: value for key, value in function.items() if value is not None}}


LOOK = ("look", '{"at": 1}')
BOTH = [LOOK, ("wait", "{}")]
DEVIATIONS = {
    "as OpenAI": (
        [[call("look", "", index=0, id="a")], [call(None, '{"at"', index=0)], [call(None, ": 1}", index=0)]],
        [LOOK],
    ),
    "two one after the other": (
        [
            [call("look", '{"at"', index=0, id="a")],
            [call(None, ": 1}", index=0)],
            [call("wait", "{}", index=1, id="b")],
        ],
        BOTH,
    ),
    "in turns": (
        [
            [call("look", "", index=0, id="a"), call("wait", "", index=1, id="b")],
            [call(None, '{"at"', index=0), call(None, "{", index=1)],
            [call(None, ": 1}", index=0), call(None, "}", index=1)],
        ],
        BOTH,
    ),
    "in one piece": (
        [[call("look", '{"at": 1}', index=0, id="a"), call("wait", "{}", index=1, id="b")]],
        BOTH,
    ),
    "as an object": ([[call("look", {"at": 1}, index=0, id="a")]], [LOOK]),
    "without ids": ([[call("look", '{"at": 1}', index=0)], [call("wait", "{}", index=1)]], BOTH),
    "ids that are empty": (
        [[call("look", '{"at": 1}', index=0, id="")], [call("wait", "{}", index=1, id="")]],
        BOTH,
    ),
    "ids that are the same": (
        [[call("look", '{"at": 1}', index=0, id="a")], [call("wait", "{}", index=1, id="a")]],
        BOTH,
    ),
    "without an index": (
        [[call("look", '{"at"', id="a")], [call(None, ": 1}", id="a")], [call("wait", "{}", id="b")]],
        BOTH,
    ),
    "an index of null": (
        [
            [call("look", '{"at"', index=None, id="a")],
            [call(None, ": 1}", index=None)],
            [call("wait", "{}", index=None, id="b")],
        ],
        BOTH,
    ),
    "neither index nor id": ([[call("look", '{"at"')], [call(None, ": 1}")], [call("wait", "{}")]], BOTH),
    "neither index nor id, in turns": (
        [[call("look", '{"at"'), call("wait", "{")], [call(None, ": 1}"), call(None, "}")]],
        BOTH,
    ),
    "each with the index 0": (
        [[call("look", '{"at": 1}', index=0, id="a"), call("wait", "{}", index=0, id="b")]],
        BOTH,
    ),
    "each with the index 0 and no id": (
        [[call("look", '{"at": 1}', index=0)], [call("look", '{"at": 2}', index=0)]],
        [LOOK, ("look", '{"at": 2}')],
    ),
    "each with the index 0 and begun before its arguments": (
        [[call("look", "", index=0, id="a")], [call("look", '{"at": 1}', index=0, id="b")]],
        [("look", "{}"), LOOK],
    ),
    "with the name in each piece": (
        [
            [call("look", '{"at"', index=0, id="a")],
            [call("look", ": 1}", index=0, id="a")],
            [call("look", "", index=0, id="a")],
        ],
        [LOOK],
    ),
    "an id without an end": ([[call("wait", "{}", index=0, id="a" * 9000)]], [("wait", "{}")]),
    "the id first": ([[{"index": 0, "id": "a"}], [call("look", '{"at": 1}', index=0)]], [LOOK]),
    "without arguments": ([[call("wait", index=0, id="a")]], [("wait", "{}")]),
    "arguments that are blank": ([[call("wait", "", index=0, id="a")]], [("wait", "{}")]),
    "arguments of null": (
        [[{"index": 0, "id": "a", "function": {"name": "wait", "arguments": None}}]],
        [("wait", "{}")],
    ),
    "without a function around": (
        [[{"index": 0, "id": "a", "name": "look", "arguments": '{"at": 1}'}]],
        [LOOK],
    ),
    "broken JSON as it is": ([[call("look", '{"at":', index=0, id="a")]], [("look", '{"at":')]),
    "no calls at all": ([[call("look", '{"at": 1}', index=0, id="a")], [], None, [None, 3, "x"]], [LOOK]),
    "an index that is a text": (
        [[call("look", '{"at"', index="0", id="a")], [call(None, ": 1}", index="0")]],
        [LOOK],
    ),
}


class TestDeviations:
    @pytest.mark.parametrize(("deltas", "calls"), DEVIATIONS.values(), ids=DEVIATIONS)
    def test_are_put_together(self, deltas: list[Any], calls: list[Any]) -> None:
        said = pieces(*deltas)
        assert calls_of(said) == calls
        assert (said.error, said.events[-1]) == (None, Finished("tool_calls"))

    @pytest.mark.parametrize("finish", ["stop", "tool_calls", "function_call", "eos", "of_tomorrow"])
    def test_a_call_is_an_end_of_its_own(self, finish: str) -> None:
        said = pieces([call("wait", "{}", index=0, id="a")], finish=finish)
        assert said.events[-1] == Finished("tool_calls")

    def test_a_cut_off_call_says_so(self) -> None:
        assert pieces([call("look", "{", index=0, id="a")], finish="length").events[-1] == Finished("length")

    def test_a_mark_alone_ends_it_too(self) -> None:
        said = hear(support.delta(tool_calls=[call("wait", index=0, id="a")]))
        assert (calls_of(said), said.events[-1]) == ([("wait", "{}")], Finished("tool_calls"))

    def test_the_older_form(self) -> None:
        said = hear(
            support.delta(function_call={"name": "look", "arguments": ""}),
            support.delta(function_call={"arguments": '{"at": 1}'}),
            support.delta("function_call"),
        )
        assert (calls_of(said), said.events[-1]) == ([LOOK], Finished("tool_calls"))

    def test_a_message_in_the_place_of_deltas(self) -> None:
        first = {"message": {"tool_calls": [call("look", '{"at"', id="a")]}}
        whole = {"message": {"tool_calls": [call("look", '{"at": 1}', id="a")]}, "finish_reason": "stop"}
        assert calls_of(hear(first, whole)) == [LOOK]

    def test_a_message_that_repeats_the_deltas(self) -> None:
        told = [call("look", '{"at": 1}', index=0, id="a")]
        said = hear(
            {"delta": {"tool_calls": told}}, {"message": {"tool_calls": told}, "finish_reason": "stop"}
        )
        assert calls_of(said) == [LOOK]

    def test_a_signature_goes_with_the_call(self) -> None:
        signed = {"extra_content": {"google": {"thought_signature": "s"}}}
        said = pieces([call("wait", "{}", index=0, id="a", **signed)])
        assert said.events[0] == ToolCallDelta(0, "a", "wait", "{}", "s")

    def test_half_a_character_waits_for_its_other_half(self) -> None:
        said = pieces(
            [call("look", '{"at": "', index=0, id="a")],
            [call(None, "HIGH", index=0)],
            [call(None, 'LOW"}', index=0)],
        )
        assert calls_of(said) == [("look", '{"at": "😀"}')]

    def test_half_a_character_in_a_name_is_replaced(self) -> None:
        assert calls_of(pieces([call("waitHIGH", "{}", index=0, id="aLOW")])) == [("wait\ufffd", "{}")]

    def test_words_before_a_call_stay(self) -> None:
        said = hear(
            support.delta(content="Well"), support.delta("stop", tool_calls=[call("wait", "{}", id="a")])
        )
        assert (said.text, calls_of(said)) == ("Well", [("wait", "{}")])

    def test_too_many_are_no_answer(self) -> None:
        many = [[call("wait", "{}", index=index, id=str(index))] for index in range(200)]
        assert len(calls_of(pieces(*many))) == 128


class TestWithoutTools:
    def test_calls_are_passed_over(self) -> None:
        said = hear(
            support.delta(content="Hi", tool_calls=[call("look", "{}", index=0, id="a")]),
            support.delta("tool_calls"),
            tools=(),
        )
        assert (said.text, said.events[-1]) == ("Hi", Finished("other"))


LOOKING = [call("look", '{"at"', index=0, id="a")], [call(None, ": 1}", index=0)]
COUNTS = {"prompt_tokens": 5, "completion_tokens": 7}
ALIVE = b": keep-alive\n\n"


class TestStreams:
    """What public bugs of streams were about, with calls in the place of text."""

    @pytest.mark.parametrize(
        "between",
        [
            ALIVE,
            b"data:\n\n",
            support.chunk({}, []),
            support.chunk({}, [], usage=COUNTS),
            support.chunk({}, [support.delta()]),
            support.chunk({}, [support.delta(content=None, tool_calls=None)]),
            support.chunk({}, [support.delta(content="", tool_calls=[])]),
            b"data: {}\n\n",
        ],
    )
    def test_what_holds_nothing_disturbs_no_call(self, between: bytes) -> None:
        first, second = (support.chunk({}, [support.delta(tool_calls=each)]) for each in LOOKING)
        end = support.chunk({}, [support.delta("tool_calls")])
        stream = event_stream(between, first, between, second, between, end, between, support.DONE)
        with openai_server(stream) as server:
            said = listen(settings_of("custom", server.url), request(tools=TOOLS))
        assert (calls_of(said), said.events[-1]) == ([LOOK], Finished("tool_calls"))

    @pytest.mark.parametrize("end", [CUT, b"data: nonsense\n\n", b'data: {"error": {"code": 500}}\n\n'])
    def test_a_call_that_is_complete_stays_so(self, end: Any) -> None:
        pieces = [support.chunk({}, [support.delta("tool_calls", tool_calls=each)]) for each in LOOKING]
        with openai_server(event_stream(*pieces, end)) as server:
            said = listen(settings_of("custom", server.url), request(tools=TOOLS))
        assert (calls_of(said), said.error) == ([LOOK], None)

    def test_a_call_that_breaks_off_is_an_error(self) -> None:
        first = support.chunk({}, [support.delta(tool_calls=LOOKING[0])])
        with openai_server(event_stream(first, CUT)) as server:
            said = listen(settings_of("custom", server.url), request(tools=TOOLS))
        assert (said.error.code, len(server.chats)) == ("provider_failed", 1)


def test_a_made_id_is_a_secret_of_96_bits() -> None:
    both = made_id(), made_id()
    assert all(re.fullmatch("call_[0-9a-f]{24}", each) for each in both)
    assert both[0] != both[1]


@pytest.mark.parametrize(
    ("told", "known"),
    [("a", "a"), ("a" * 8000, "a" * 8000), ("a" * 8001, ""), ("", ""), (None, ""), (7, "")],
    ids=["short", "as long as may be", "too long", "empty", "null", "a number"],
)
def test_an_id_is_known_that_can_be_given_back(told: Any, known: str) -> None:
    assert known_id({"id": told}) == known


def test_two_ids_that_are_too_long_are_two() -> None:
    both = [call("wait", "{}", index=index, id="a" * 8001) for index in range(2)]
    made = [event.id for event in pieces(both).events if isinstance(event, ToolCallDelta) and event.name]
    assert len(set(made)) == 2
    assert all(re.fullmatch("call_[0-9a-f]{24}", str(each)) for each in made)
