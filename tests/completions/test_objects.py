"""OpenAI's objects of our events."""

import json
import re
from typing import Any

from echo.completions.answers import Answer
from echo.completions.objects import Completion, counted, error_frame, model_list, usage_object
from echo.errors import BadGateway
from echo.providers.chat import Finished, Logprobs, TextDelta, ToolCallDelta, Usage


def count(text: str) -> int:
    return len(text.split())


def read(frame: bytes) -> Any:
    """What a frame tells."""
    assert (frame[:6], frame[-2:]) == (b"data: ", b"\n\n")
    return json.loads(frame[6:])


class TestUsage:
    def test_is_the_providers_where_it_counts(self) -> None:
        answer = Answer()
        answer.take(Usage(5, 1))
        answer.take(Usage(5, 9))
        assert usage_object(counted(answer, ["x"], count)) == {
            "prompt_tokens": 5,
            "completion_tokens": 9,
            "total_tokens": 14,
        }

    def test_is_counted_where_the_provider_does_not(self) -> None:
        answer = Answer()
        answer.take(TextDelta("one two three"))
        assert usage_object(counted(answer, ["one", "two words"], count)) == {
            "prompt_tokens": 3,
            "completion_tokens": 3,
            "total_tokens": 6,
        }

    def test_of_calls_is_that_of_their_arguments(self) -> None:
        answer = Answer()
        for each in (TextDelta("one"), TextDelta("two three", 1), ToolCallDelta(0, "c", "f", "four five")):
            answer.take(each)
        assert counted(answer, [], count) == Usage(0, 5)

    def test_tells_what_was_cached_and_what_was_thought(self) -> None:
        assert usage_object(Usage(9, 7, 4, 3, 2)) == {
            "prompt_tokens": 9,
            "completion_tokens": 7,
            "total_tokens": 16,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        }


class TestFinish:
    def test_of_an_unknown_reason_is_a_stop(self) -> None:
        answer = Answer()
        answer.take(Finished("other"))
        assert answer.finish_reason() == "stop"


class TestCompletion:
    def test_has_every_answer_with_its_end(self) -> None:
        answer = Answer()
        for each in (TextDelta("b", 1), TextDelta("a"), Logprobs([1]), Finished("length", ("stop",))):
            answer.take(each)
        made = Completion("e/m")
        whole = made.whole(answer, {"total_tokens": 3}, "c1")
        assert re.fullmatch("chatcmpl-[0-9a-f]{32}", whole.pop("id"))
        assert isinstance(whole.pop("created"), int)
        message = {"role": "assistant", "refusal": None}
        assert whole == {
            "model": "e/m",
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {**message, "content": "a"},
                    "logprobs": {"content": [1], "refusal": None},
                    "finish_reason": "length",
                },
                {
                    "index": 1,
                    "message": {**message, "content": "b"},
                    "logprobs": None,
                    "finish_reason": "stop",
                },
            ],
            "usage": {"total_tokens": 3},
            "conversation_id": "c1",
        }
        assert "conversation_id" not in made.whole(answer, {}, None)

    def test_has_chunks_of_the_same_name(self) -> None:
        made = Completion("e/m")
        head = {**made.whole(Answer(), {}, None), "object": "chat.completion.chunk"}
        head = {name: head[name] for name in ("id", "created", "model", "object")}
        assert read(made.chunk({"content": "a"})) == {
            **head,
            "choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": None, "finish_reason": None}],
        }
        assert read(made.chunk({}, "stop", "c1", index=2, logprobs={"content": [1]})) == {
            **head,
            "choices": [
                {"index": 2, "delta": {}, "logprobs": {"content": [1]}, "finish_reason": "stop"},
            ],
            "conversation_id": "c1",
        }
        assert read(made.usage_chunk({"total_tokens": 3})) == {
            **head,
            "choices": [],
            "usage": {"total_tokens": 3},
        }

    def test_two_have_different_ids(self) -> None:
        first, second = (Completion("m").whole(Answer(), {}, None)["id"] for _ in range(2))
        assert first != second

    def test_line_ends_in_a_text_do_not_end_a_frame(self) -> None:
        frame = Completion("m").chunk({"content": "a\n\ndata: [DONE]\n\n\u2028b"})
        assert frame.count(b"\n") == 2
        assert json.loads(frame[6:])["choices"][0]["delta"]["content"] == "a\n\ndata: [DONE]\n\n\u2028b"


def test_an_error_frame_says_what_openais_clients_read() -> None:
    assert json.loads(error_frame(BadGateway())[6:]) == {
        "error": {
            "message": "The provider did not give a usable answer.",
            "type": "server_error",
            "param": None,
            "code": "provider_failed",
        }
    }


def test_a_list_of_models_names_the_endpoint() -> None:
    assert model_list([("a", "b/c")])["data"] == [
        {"id": "a/b/c", "object": "model", "created": 0, "owned_by": "a"}
    ]
