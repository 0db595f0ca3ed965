"""An answer as a `chat.completion`, and as its chunks."""

import json
from typing import Any

import pytest

from echo.completions.asking import Question
from echo.completions.service import CompletionTeller
from echo.errors import BadGateway
from echo.providers.chat import ChatRequest, Finished, Logprobs, TextDelta, Usage


def teller(**more: Any) -> CompletionTeller:
    return CompletionTeller(Question("e/m", (), **more))


def read(frames: Any) -> list[Any]:
    """What each frame tells; the mark at the end as it is."""
    said = [frame.removeprefix(b"data: ").removesuffix(b"\n\n") for frame in frames]
    return [json.loads(each) if each != b"[DONE]" else each for each in said]


def choices(frames: Any) -> list[Any]:
    return [each["choices"] for each in read(frames)]


@pytest.mark.parametrize(("n", "indexes"), [(None, [0]), (1, [0]), (3, [0, 1, 2])])
def test_begins_with_each_answers_role(n: int | None, indexes: list[int]) -> None:
    assert choices(teller().begun(ChatRequest("m", (), n=n))) == [
        [
            {
                "index": index,
                "delta": {"role": "assistant", "content": ""},
                "logprobs": None,
                "finish_reason": None,
            }
        ]
        for index in indexes
    ]


def test_tells_of_each_event_which_answer_it_is_of() -> None:
    telling = teller()
    assert choices(telling.told(TextDelta("a", 1))) == [
        [{"index": 1, "delta": {"content": "a"}, "logprobs": None, "finish_reason": None}]
    ]
    likely = {"content": [7], "refusal": None}
    assert choices(telling.told(Logprobs([7], choice=1))) == [
        [{"index": 1, "delta": {}, "logprobs": likely, "finish_reason": None}]
    ]
    assert choices(telling.told(Usage(1, 1))) == []
    assert telling.answer.said[1].logprobs == likely


def test_ends_each_answer_and_the_first_one_last() -> None:
    telling = teller()
    for each in (TextDelta("a"), TextDelta("b", 1), Finished("length", ("content_filter",)), Usage(2, 3)):
        list(telling.told(each))
    other, first, usage, done = read(telling.ended("c1", Usage(2, 3)))
    assert (other["choices"][0]["index"], other["choices"][0]["finish_reason"]) == (1, "content_filter")
    assert (first["choices"][0]["index"], first["choices"][0]["finish_reason"]) == (0, "length")
    assert ("conversation_id" in other, first["conversation_id"]) == (False, "c1")
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 5)
    assert done == b"[DONE]"
    assert len(read(telling.ended(None, None))) == 3


def test_says_what_went_wrong_and_nothing_after_it() -> None:
    [said] = read(teller().failed(BadGateway()))
    assert said["error"]["code"] == "provider_failed"


def test_is_whole() -> None:
    telling = teller(include_usage=True)
    assert (telling.counts, teller().counts, telling.silent) == (True, False, b": still working\n\n")
    telling.take(TextDelta("a"))
    whole = telling.whole("c1", Usage(2, 3))
    assert (whole["model"], whole["object"], whole["conversation_id"]) == ("e/m", "chat.completion", "c1")
    assert whole["choices"][0]["message"]["content"] == "a"
    assert whole["usage"] == {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
