"""How answers end: good ones stay good whatever surrounds their end, and empty ones say why they are."""

import json
from typing import Any

import pytest

from echo.providers.chat import Finished, ReasoningDelta, TextDelta, Usage
from tests.support.providers import CUT, RENDER, SERVERS, Answer, Reply, event_stream, openai_server
from tests.support.providers import anthropic as anthropic_support
from tests.support.providers import google as google_support
from tests.support.providers import openai as openai_support
from tests.support.providers.asking import Said, listen, request, settings_of

MODEL = "gpt-4o"
kinds = pytest.mark.parametrize("kind", SERVERS)
FILTERED = "The model refused to answer, or the provider's content filter withheld the answer."
TOOL = "The model asked for a tool instead of answering, and there are none here."
NOTHING = "The model ended without an answer."
GARBAGE = b"data: nonsense\n\n"


def hear(kind: str, behaviour: Any, **settings: Any) -> Said:
    with SERVERS[kind](behaviour) as server:
        return listen(settings_of(kind, server.url, **settings), request(model=MODEL))


def changed(kind: str, change: Any, reply: Reply | None = None) -> Said:
    """A stream of that kind whose bytes the function has changed."""

    def behave(received: Any) -> Answer:
        whole = b"".join(RENDER[kind](reply or Reply(), received).pieces)
        return event_stream(*change(whole))

    return hear(kind, behave)


def is_good(said: Said) -> bool:
    assert (said.text, said.error) == ("Hello wörld.", None)
    return said.events[-1] == Finished("stop")


@kinds
class TestGoodEnd:
    @pytest.mark.parametrize("alive", [b"data:\n\n", b"data: \r\n\r\n", b"event: ping\ndata:\n\n"])
    def test_survives_empty_data_as_a_sign_of_life(self, kind: str, alive: bytes) -> None:
        assert is_good(changed(kind, lambda whole: [alive + alive, whole]))
        assert is_good(hear(kind, Reply(between=[alive])))

    @pytest.mark.parametrize("in_one_piece", [True, False])
    @pytest.mark.parametrize(
        "after",
        [
            b"data: [DONE]\n\n",
            b"data: [DONE]\n\ndata: [DONE]\n\n",
            b"data: [DONE]\n\n" + GARBAGE,
            b"data: {}\n\n" + GARBAGE,
            b'data: {"error": {"code": 500, "type": "server_error", "status": "INTERNAL"}}\n\n',
            b"<html>nonsense</html>\n\n\xff\n\n",
            b"data: " + b"[" * 2000 + b"\n\n",
        ],
    )
    def test_survives_whatever_comes_after(self, kind: str, after: bytes, in_one_piece: bool) -> None:
        assert is_good(changed(kind, lambda whole: [whole + after] if in_one_piece else [whole, after, CUT]))

    def test_survives_an_error_between_the_reason_and_the_mark_of_the_end(self, kind: str) -> None:
        def with_garbage(whole: bytes) -> list[Any]:
            for mark in (b"data: [DONE]", b"event: message_stop"):
                whole = whole.replace(mark, GARBAGE + mark)
            return [whole]

        assert is_good(changed(kind, with_garbage))

    def test_is_not_read_beyond(self, kind: str) -> None:
        """Text after the mark of the end is none of the answer's."""
        more = b"".join(RENDER["openai"](Reply(["more"]), _streaming()).pieces)
        said = changed(kind, lambda whole: [whole + b"data: [DONE]\n\n" + more])
        assert is_good(said)


def test_openais_mark_may_stand_for_anthropics() -> None:
    stop = anthropic_support.event("message_stop")
    assert is_good(changed("anthropic", lambda whole: [whole.replace(stop, b"data: [DONE]\n\n")]))


def test_openais_mark_alone_ends_an_answer() -> None:
    said = raw(choice(delta={"content": "Hi"}), openai_support.DONE)
    assert (said.text, said.error, said.events[-1]) == ("Hi", None, Finished("other"))


def test_usage_after_the_reason_is_taken() -> None:
    said = raw(choice(delta={"content": "Hi"}), END, openai_support.chunk({}, [], usage=COUNTS), GARBAGE)
    assert (said.usage, said.events[-1]) == (Usage(5, 7), Finished("stop"))


COUNTS = {"prompt_tokens": 5, "completion_tokens": 7}


def choice(**fields: Any) -> bytes:
    """A chunk with exactly these fields in its choice."""
    return openai_support.chunk({}, [fields])


END = choice(index=0, delta={}, finish_reason="stop")


def raw(*pieces: Any, **settings: Any) -> Said:
    return hear("custom", event_stream(*pieces), **settings)


class TestOnlyChoice:
    @pytest.mark.parametrize(
        "indexes", [(None, None), ("0", "0"), (1, 1), (0, 1), (7, 8), (True, 2), ([], {}), (0.0, -1)]
    )
    def test_is_taken_whatever_its_index(self, indexes: Any) -> None:
        one, two = indexes
        said = raw(
            choice(index=one, delta={"content": "a"}),
            choice(index=two, delta={"content": "b"}, finish_reason="stop"),
        )
        assert (said.text, said.error, said.events[-1]) == ("ab", None, Finished("stop"))

    def test_is_taken_without_an_index(self) -> None:
        assert raw(choice(delta={"content": "a"}), choice(delta={}, finish_reason="length")).text == "a"

    def test_of_several_at_once_is_the_first(self) -> None:
        one, two = {"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}
        assert raw(openai_support.chunk({}, [one, two]), END).text == "A"

    def test_of_several_that_were_asked_for_is_the_first(self) -> None:
        said = raw(
            choice(index=0, delta={"content": "A"}),
            choice(index=1, delta={"content": "B"}),
            choice(index=1, delta={}, finish_reason="length"),
            END,
            add_parameters={"n": 2},
        )
        assert (said.text, said.events[-1]) == ("A", Finished("stop"))

    @pytest.mark.parametrize("word", ["", "null", None])
    def test_goes_on_where_no_reason_is_a_word(self, word: Any) -> None:
        said = raw(choice(delta={"content": "a"}, finish_reason=word), CUT)
        assert (said.text, said.error.code) == ("a", "provider_failed")


class TestOtherPlaces:
    def test_a_message_in_the_place_of_the_delta(self) -> None:
        said = raw(choice(message={"role": "assistant", "content": "Hello"}, finish_reason="stop"))
        assert (said.text, said.error) == ("Hello", None)

    def test_messages_in_pieces(self) -> None:
        said = raw(choice(message={"content": "Hel"}), choice(message={"content": "lo"}), END)
        assert said.text == "Hello"

    def test_messages_that_grow(self) -> None:
        said = raw(
            choice(message={"content": "Hel", "reasoning_content": "hm"}, delta=None),
            choice(message={"content": "Hello", "reasoning_content": "hmm"}),
            choice(message={"content": "Hello", "reasoning_content": "hmm"}, finish_reason="stop"),
        )
        assert (said.text, said.reasoning) == ("Hello", "hmm")

    def test_a_message_that_repeats_the_deltas_is_passed_over(self) -> None:
        said = raw(
            choice(delta={"content": "Hel"}, message={"content": "Hel"}),
            choice(delta={"content": "lo"}, message={"content": "Hello"}),
            choice(delta={"content": ""}, message={"content": "Hello [1]"}, finish_reason="stop"),
        )
        assert said.text == "Hello"

    def test_text_in_the_place_of_the_delta(self) -> None:
        said = raw(choice(text="ha"), choice(text="ha"), choice(text="", finish_reason="stop"))
        assert (said.text, said.error) == ("haha", None)


def google(**candidate: Any) -> bytes:
    return google_support.event({"candidates": [{"index": 0, **candidate}]})


def claude(reason: str, *events: bytes) -> list[bytes]:
    ending = {"stop_reason": reason, "stop_sequence": None}
    return [*events, anthropic_support.event("message_delta", delta=ending, usage={"output_tokens": 3})]


CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
USE = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
THOUGHT = choice(delta={"reasoning_content": "hm"})
EMPTY = [
    ("openai", [choice(delta={}, finish_reason="content_filter")], 422, FILTERED),
    ("custom", [choice(delta={"content": " \n"}), choice(finish_reason="content_filter")], 422, FILTERED),
    ("custom", [THOUGHT, choice(delta={}, finish_reason="content_filter")], 422, FILTERED),
    ("anthropic", claude("refusal"), 422, FILTERED),
    ("google", [google_support.event({"promptFeedback": {"blockReason": "SAFETY"}})], 422, FILTERED),
    ("google", [google(finishReason="RECITATION")], 422, FILTERED),
    ("openai", [choice(delta={"tool_calls": [CALL]}), choice(finish_reason="tool_calls")], 502, TOOL),
    ("custom", [choice(delta={"tool_calls": [CALL]}), END], 502, TOOL),
    ("custom", [choice(message={"tool_calls": [CALL]}, finish_reason="stop")], 502, TOOL),
    ("custom", [choice(delta={"function_call": {"name": "f"}}, finish_reason="function_call")], 502, TOOL),
    ("azure", [choice(delta={}, finish_reason="tool_calls")], 502, TOOL),
    (
        "anthropic",
        claude("tool_use", anthropic_support.event("content_block_start", index=0, content_block=USE)),
        502,
        TOOL,
    ),
    (
        "google",
        [google(content={"parts": [{"functionCall": {"name": "f"}}]}, finishReason="STOP")],
        502,
        TOOL,
    ),
    ("google", [google(finishReason="MALFORMED_FUNCTION_CALL")], 502, TOOL),
    ("openai", [choice(delta={}, finish_reason="of_tomorrow")], 502, NOTHING),
    ("anthropic", claude("of_tomorrow"), 502, NOTHING),
    ("google", [google(finishReason="OTHER")], 502, NOTHING),
    ("openai", [openai_support.DONE], 502, NOTHING),
    ("anthropic", [anthropic_support.event("message_stop")], 502, NOTHING),
]


class TestEmptyAnswer:
    @pytest.mark.parametrize(("kind", "pieces", "status", "message"), EMPTY)
    def test_is_an_error_with_its_reason(
        self, kind: str, pieces: list[bytes], status: int, message: str
    ) -> None:
        said = hear(kind, event_stream(*pieces))
        assert not any(isinstance(event, Finished) for event in said.events)
        assert (said.error.status, said.error.message) == (status, message)
        assert said.error.code == {422: "provider_refused", 502: "provider_failed"}[status]

    @pytest.mark.parametrize("finish", ["stop", "length"])
    @kinds
    def test_is_good_where_the_model_had_nothing_to_say(self, kind: str, finish: Any) -> None:
        said = hear(kind, Reply([""], finish=finish))
        assert (said.text, said.error, said.events[-1]) == ("", None, Finished(finish))

    @pytest.mark.parametrize("finish", ["content_filter", "of_tomorrow", "tool_calls"])
    def test_is_not_one_that_has_said_something(self, finish: str) -> None:
        said = raw(choice(delta={"content": "Hi", "tool_calls": [CALL]}), choice(finish_reason=finish))
        assert (said.text, said.error) == ("Hi", None)
        assert said.events[-1] == Finished("content_filter" if finish == "content_filter" else "other")

    def test_without_any_reason_is_asked_for_again(self) -> None:
        with openai_server(event_stream(openai_support.DONE), Reply()) as server:
            assert listen(settings_of("openai", server.url)).text == "Hello wörld."
        assert len(server.chats) == 2

    def test_with_a_reason_is_not_asked_for_again(self) -> None:
        with openai_server(event_stream(choice(finish_reason="content_filter")), Reply()) as server:
            listen(settings_of("openai", server.url))
        assert len(server.chats) == 1

    @pytest.mark.parametrize("word", ["error", "abort", "insufficient_system_resource"])
    def test_a_server_that_gave_up_has_not_finished(self, word: str) -> None:
        said = raw(choice(delta={"content": "Hi"}), choice(delta={}, finish_reason=word), openai_support.DONE)
        assert said.events == [TextDelta("Hi")]
        assert (said.error.status, said.error.code) == (502, "provider_failed")

    def test_that_only_thought_keeps_its_thoughts(self) -> None:
        said = raw(THOUGHT, choice(delta={}, finish_reason="content_filter"))
        assert said.events == [ReasoningDelta("hm")]


def _streaming() -> Any:
    class Asked:
        json = json.loads('{"model": "m", "stream": true}')

    return Asked
