"""OpenAI's objects of our events."""

import json

from echo.completions.answers import Answer
from echo.completions.objects import Completion, counted, error_frame, model_list, usage_object
from echo.errors import BadGateway
from echo.providers.chat import Finished, TextDelta, Usage


def count(text: str) -> int:
    return len(text.split())


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


class TestFinish:
    def test_of_an_unknown_reason_is_a_stop(self) -> None:
        answer = Answer()
        answer.take(Finished("other"))
        assert answer.finish_reason() == "stop"


class TestCompletion:
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
