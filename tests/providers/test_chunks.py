"""The quick way of most chunks, which hold one more piece of text: it says what the long way says."""

import json
from typing import Any

import pytest

from echo.providers.chat import Finished, ReasoningDelta, TextDelta, Usage
from echo.providers.chunks import ChunkReader, counted, spoken
from echo.providers.failures import ProviderFailure
from echo.providers.sse import ServerEvent


def chunk(delta: Any, **choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]}


def events(*chunks: Any, slow: bool = False, **options: Any) -> list[Any]:
    """What a reader makes of chunks; a slow one looks at everything, as `more` is no field of a piece of text."""
    reader = ChunkReader(**options)
    said: list[Any] = []
    for each in chunks:
        sent = json.loads(json.dumps(each))
        for choice in sent["choices"] if slow else ():
            choice["more"] = 1
        said += reader.read(ServerEvent(b"", json.dumps(sent).encode()))
    return [*said, *reader.end(), reader.finish, reader.called]


FIRST = chunk({"role": "assistant", "content": "Hel"})


@pytest.mark.parametrize(
    "options", [{}, {"tags": True}, {"answers": 2}, {"logprobs": True}, {"several": True}]
)
@pytest.mark.parametrize(
    "second",
    [
        chunk({"content": "lo"}),
        chunk({"content": "lo", "role": "assistant"}),
        chunk({"content": "lo"}, finish_reason="stop"),
        chunk({"content": "lo"}, index=1),
        chunk({"content": "lo"}, index=None),
        chunk({"content": "lo"}, index=False),
        chunk({"content": ""}),
        chunk({"content": None}),
        chunk({"content": [{"type": "text", "text": "lo"}]}),
        chunk({"content": "lo", "reasoning_content": "why"}),
        chunk({"content": "lo", "tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}),
        chunk({"content": "lo", "refusal": "no"}),
        chunk({"content": "\ud83d"}),
        {**chunk({"content": "lo"}), "usage": {"prompt_tokens": 3, "completion_tokens": 2}},
        {"choices": [chunk({"content": "lo"})["choices"][0], chunk({"content": "x"}, index=1)["choices"][0]]},
    ],
    ids=lambda each: json.dumps(each)[13:70],
)
def test_says_what_the_long_way_says(second: dict[str, Any], options: dict[str, Any]) -> None:
    last = chunk({"content": "!"})
    assert events(FIRST, second, last, **options) == events(FIRST, second, last, slow=True, **options)


def test_is_taken_from_the_second_piece_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, plain = ChunkReader(), chunk({"content": "lo", "role": "assistant"}, logprobs=None)
    reader.read(ServerEvent(b"", json.dumps(FIRST).encode()))
    monkeypatch.setattr(reader, "_read", None)
    assert reader.read(ServerEvent(b"", json.dumps(plain).encode())) == [TextDelta("lo")]


def test_of_pieces_of_text() -> None:
    said = events(FIRST, chunk({"content": "lo"}), chunk({}, finish_reason="stop"), tags=True)
    assert said == [TextDelta("Hel"), TextDelta("lo"), "stop", False]


def test_of_marked_reasoning_that_is_cut_anywhere() -> None:
    pieces = ["<thi", "nk>wh", "y</th", "ink>", "so"]
    said = events(*(chunk({"content": piece}) for piece in pieces), tags=True)
    assert said[:-2] == [ReasoningDelta("wh"), ReasoningDelta("y"), TextDelta("so")]


def test_an_error_beside_text_is_an_error() -> None:
    with pytest.raises(ProviderFailure):
        events(FIRST, {**chunk({"content": "lo"}), "error": {"message": "broken"}})


def test_the_types_of_events_are_told() -> None:
    said = events(FIRST, {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
    assert Usage(3, 2) in said
    assert not any(isinstance(each, Finished) for each in said)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            [Usage(9, 7, 4, 3, 2)],
        ),
        # DeepSeek's.
        ({"prompt_tokens": 9, "completion_tokens": 7, "prompt_cache_hit_tokens": 5}, [Usage(9, 7, 5)]),
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 4},
                "prompt_cache_hit_tokens": 5,
            },
            [Usage(9, 7, 4)],
        ),
        ({"prompt_tokens": 9}, [Usage(9, 0)]),
        ({}, []),
        (None, []),
    ],
)
def test_the_tokens_of_each_kind_are_told(counts: Any, told: list[Usage]) -> None:
    assert counted(counts) == told


class TestSeveralAnswers:
    def read(self, *choices: dict[str, Any], answers: int = 3) -> ChunkReader:
        reader = ChunkReader(answers=answers)
        for each in choices:
            reader.read(ServerEvent(b"", json.dumps({"choices": [each]}).encode()))
        return reader

    def test_have_all_ended_when_the_last_has(self) -> None:
        ends = [
            {"index": 2, "finish_reason": "content_filter"},
            {"index": 0, "finish_reason": "stop"},
            {"index": 1, "finish_reason": "length"},
        ]
        reader = self.read(*ends[:2])
        assert (reader.finish, reader.others) == (None, ())
        reader = self.read(*ends)
        assert (reader.finish, reader.others, reader.reason) == ("stop", ("length", "content_filter"), "stop")

    def test_that_have_not_told_a_reason_end_with_the_stream(self) -> None:
        reader = self.read({"index": 1, "finish_reason": "length"})
        reader.end()
        assert (reader.finish, reader.others) == ("other", ("length", "other"))
        reader = self.read({"index": 0, "delta": {"content": "a"}})
        reader.end()
        assert reader.finish is None

    def test_are_told_apart(self) -> None:
        reader = ChunkReader(answers=2)
        chunk = {
            "choices": [
                {"index": index, "delta": {"content": f"text {index}"}} for index in (0, 1, 2, -1, "1")
            ]
        }
        assert reader.read(ServerEvent(b"", json.dumps(chunk).encode())) == [
            TextDelta("text 0", 0),
            TextDelta("text 1", 1),
        ]


@pytest.mark.parametrize("place", ["delta", "message"])
@pytest.mark.parametrize("call", [{"tool_calls": [{"index": 0}]}, {"function_call": {"name": ""}}])
def test_a_call_is_noted_wherever_it_stands(place: str, call: dict[str, Any]) -> None:
    reader = ChunkReader()
    assert reader.called is False
    chunk = {"choices": [{"index": 0, place: call}]}
    reader.read(ServerEvent(b"", json.dumps(chunk).encode()))
    assert reader.called is True


@pytest.mark.parametrize("word", ["error", "abort", "insufficient_system_resource"])
def test_an_end_that_is_none_is_a_failure_of_its_own_kind(word: str) -> None:
    with pytest.raises(ProviderFailure) as failed:
        events({"choices": [{"index": 0, "delta": {}, "finish_reason": word}]})
    assert (failed.value.kind, failed.value.transient) == (f"finish_{word}", True)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("rate_limit_exceeded", "provider_limited"),
        ("insufficient_quota", "provider_limited"),
        ("invalid_api_key", "provider_refused_key"),
        ("authentication_error", "provider_refused_key"),
        ("context_length_exceeded", "provider_refused"),
        ("invalid_request_error", "provider_refused"),
        ("server_error", "provider_failed"),
        ("of_tomorrow", "provider_failed"),
    ],
)
def test_an_error_means_what_its_kind_says(kind: str, code: str) -> None:
    with pytest.raises(ProviderFailure) as failed:
        events({"choices": [], "error": {"code": kind}})
    assert (failed.value.error.code, failed.value.kind) == (code, kind)


def test_the_text_of_parts_is_told_with_their_thoughts() -> None:
    content = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"text": "m"}, {"other": 1}]},
        {"type": "thinking", "thinking": "no list"},
        {"type": "text", "text": "Hel"},
        {"type": "text", "text": "lo"},
    ]
    assert spoken({"content": content, "refusal": "no"}) == ("Hello", "hm", "no")
    assert spoken({"content": "a", "reasoning": "b", "refusal": None}) == ("a", "b", "")
    assert spoken({"content": "a", "reasoning_content": "c", "reasoning": "b"}) == ("a", "c", "")
