"""The quick way of most chunks, which hold one more piece of text: it says what the long way says."""

import json
from typing import Any

import pytest

from echo.providers.chat import Finished, ReasoningDelta, TextDelta, Usage
from echo.providers.chunks import ChunkReader
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
