"""Calls of tools, by every kind of provider, in streams that are good, odd and broken."""

import json
from typing import Any

import pytest

from echo.providers.chat import Finished, TextDelta, Tool, ToolCallDelta, Usage
from tests.support.providers import RENDER, SERVERS, Answer, Reply, event_stream
from tests.support.providers.asking import Said, listen, request, settings_of
from tests.support.providers.replies import Called
from tests.support.providers.server import CUT

MODELS = {"anthropic": "claude-haiku-4-5", "google": "gemini-2.5-pro"}
WHOLE = '{"place": "Kyïv 😀"}'
CALLS = (Called("weather", ('{"pla', 'ce": "Ky', 'ïv 😀"}'), "call_a"), Called("time", ("{}",), "call_b"))
REPLY = Reply(["See."], calls=CALLS)
kinds = pytest.mark.parametrize("kind", SERVERS)


def hear(kind: str, behaviour: Any, tools: tuple[Tool, ...] = (Tool("weather"), Tool("time"))) -> Said:
    with SERVERS[kind](behaviour) as server:
        return listen(settings_of(kind, server.url), request(model=MODELS.get(kind, "gpt-4o"), tools=tools))


def changed(change: Any, kind: str) -> Any:
    """A stream of that kind whose bytes the function has changed."""

    def behave(received: Any) -> Answer:
        pieces = RENDER[kind](REPLY, received).pieces
        return event_stream(*change(b"".join(piece for piece in pieces if isinstance(piece, bytes))))

    return behave


def called(said: Said) -> list[tuple[str | None, str | None, Any]]:
    """The calls, put together by their numbers."""
    made: dict[int, list[ToolCallDelta]] = {}
    for event in said.events:
        if isinstance(event, ToolCallDelta):
            made.setdefault(event.index, []).append(event)
    assert list(made) == sorted(made)
    assert all(piece.id is None and piece.name is None for pieces in made.values() for piece in pieces[1:])
    whole = (("".join(piece.arguments for piece in pieces), pieces[0]) for pieces in made.values())
    return [(first.id, first.name, json.loads(text)) for text, first in whole]


def is_good(said: Said) -> bool:
    assert (said.text, said.error, said.events[-1]) == ("See.", None, Finished("tool_calls"))
    return called(said) == [("call_a", "weather", json.loads(WHOLE)), ("call_b", "time", {})]


@kinds
class TestEveryKind:
    def test_are_told_piece_by_piece(self, kind: str) -> None:
        assert is_good(hear(kind, REPLY))

    def test_alone_are_an_answer(self, kind: str) -> None:
        said = hear(kind, Reply([], calls=CALLS[:1]))
        assert (said.text, said.events[-1]) == ("", Finished("tool_calls"))

    @pytest.mark.parametrize(
        "alive",
        [b": keep-alive\n\n", b"data:\n\n", b"data: \r\n\r\n", b"event: ping\ndata:\n\n", b"data: {}\n\n"],
    )
    def test_survive_signs_of_life(self, kind: str, alive: bytes) -> None:
        assert is_good(hear(kind, Reply(["See."], calls=CALLS, between=[alive])))

    def test_survive_any_cutting(self, kind: str) -> None:
        for size in (1, 13, 1_000_000):
            cut = changed(lambda whole, n=size: [whole[at : at + n] for at in range(0, len(whole), n)], kind)
            assert is_good(hear(kind, cut))

    def test_survive_what_comes_after_the_end(self, kind: str) -> None:
        after = b"data: [DONE]\n\ndata: nonsense\n\n\xff\n\n"
        assert is_good(hear(kind, changed(lambda whole: [whole + after], kind)))

    def test_break_off_with_what_came(self, kind: str) -> None:
        said = hear(kind, Reply(["See."], calls=CALLS, cut=True))
        assert (said.text, said.error.code) == ("See.", "provider_failed")
        assert not any(isinstance(event, Finished) for event in said.events)
        first = next(event for event in said.events if isinstance(event, ToolCallDelta))
        assert (first.index, first.id, first.name) == (0, "call_a", "weather")

    def test_beyond_many_are_passed_over(self, kind: str) -> None:
        many = tuple(Called("time", id=f"c{index}") for index in range(130))
        said = hear(kind, Reply([], calls=many))
        assert [call_id for call_id, _, _ in called(said)] == [f"c{index}" for index in range(128)]
        assert said.events[-1] == Finished("tool_calls")

    def test_nobody_asked_for_are_not_told(self, kind: str) -> None:
        said = hear(kind, REPLY, tools=())
        assert TextDelta("See.") in said.events
        assert called(said) == []
        assert said.events[-1] == Finished("other" if kind != "google" else "stop")

    def test_cached_tokens_are_counted_apart(self, kind: str) -> None:
        said = hear(kind, Reply(["See."], calls=CALLS, usage=(11, 7), cached=4, thought=3))
        assert said.usage == Usage(11, 7, cached_tokens=4, reasoning_tokens=3)


@kinds
def test_no_call_is_lost_where_the_end_is_no_more_than_the_end_of_the_connection(kind: str) -> None:
    """Once the model has said why it ended, nothing that happens to the connection takes a call away."""

    def late(received: Any) -> Answer:
        pieces = list(RENDER[kind](REPLY, received).pieces)
        kept = pieces[:-1] if kind != "google" else pieces
        return event_stream(*kept, CUT)

    assert is_good(hear(kind, late))
