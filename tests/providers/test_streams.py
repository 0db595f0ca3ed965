"""Streams from servers that are slow, broken, huge or hostile; the same rules for every kind of provider."""

import asyncio
import gzip
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import structlog

from echo.errors import ApiError
from echo.providers import constants, streams, transport
from echo.providers.chat import Credentials, Finished, Usage
from tests.support.providers import (
    CUT,
    RENDER,
    SERVERS,
    Answer,
    Reply,
    anthropic_server,
    event_stream,
    json_answer,
    openai_server,
)
from tests.support.providers import google as google_support
from tests.support.providers import openai as openai_support
from tests.support.providers.asking import LIMITS, Said, ask, listen, request, settings_of
from tests.support.waiting import PATIENCE, until

OPENAI_ERRORS = {
    "limit": ("rate_limit_exceeded", 429),
    "overload": ("server_error", 502),
    "key": ("invalid_api_key", 502),
    "unheard_of": ("of_tomorrow", 502),
}
# Each provider's name of an error, and the status that it becomes.
ERRORS = {
    "openai": OPENAI_ERRORS,
    "custom": OPENAI_ERRORS,
    "azure": OPENAI_ERRORS,
    "anthropic": {
        "limit": ("rate_limit_error", 429),
        "overload": ("overloaded_error", 503),
        "key": ("authentication_error", 502),
        "unheard_of": ("error_of_tomorrow", 502),
    },
    "google": {
        "limit": ("RESOURCE_EXHAUSTED", 429),
        "overload": ("UNAVAILABLE", 503),
        "key": ("PERMISSION_DENIED", 502),
        "unheard_of": ("OF_TOMORROW", 502),
    },
}
MODEL = "gpt-4o"
kinds = pytest.mark.parametrize("kind", SERVERS)
WORDS = "The provider's own words."


def hear(kind: str, *behaviours: Any, **more: Any) -> Said:
    """All of a stream from a server of that kind that behaves so."""
    with SERVERS[kind](*behaviours) as server:
        return listen(settings_of(kind, server.url), request(model=MODEL), **more)


def raw(*pieces: Any, **more: Any) -> Said:
    """All of a stream of exactly these bytes, in OpenAI's dialect."""
    return hear("openai", event_stream(*pieces), **more)


def said_in(text: str, **fields: Any) -> bytes:
    return openai_support.chunk({}, [{**openai_support.delta(content=text), **fields}])


END = openai_support.chunk({}, [openai_support.delta("stop")])


@kinds
class TestCutting:
    def test_pieces_of_any_size_are_the_same_answer(self, kind: str) -> None:
        reply = Reply(["Grüß ", "Gott, 世界 😀"], reasoning=["ü"])
        whole = hear(kind, reply)
        for size in (1, 7, 64):

            def cut(received: Any, size: int = size) -> Answer:
                rendered = RENDER[kind](reply, received)
                stream = b"".join(rendered.pieces)
                return event_stream(*(stream[at : at + size] for at in range(0, len(stream), size)))

            assert joined(hear(kind, cut)) == joined(whole)

    def test_comments_between_are_passed_over(self, kind: str) -> None:
        said = hear(kind, Reply(between=[b": keep-alive\n\n", b":\n", b"\n\n"]))
        assert (said.text, said.error) == ("Hello wörld.", None)


@kinds
class TestBreakingOff:
    @pytest.mark.parametrize("how", ["cut", "ended"])
    def test_in_the_middle_keeps_what_came(self, kind: str, how: str) -> None:
        def ended(received: Any) -> Answer:
            pieces = RENDER[kind](Reply(cut=True), received).pieces
            return event_stream(*(piece for piece in pieces if piece is not CUT))

        with SERVERS[kind](Reply(cut=True) if how == "cut" else ended) as server:
            said = listen(settings_of(kind, server.url), request(model=MODEL))
        assert said.text == "Hello wörld."
        assert (said.error.status, said.error.code) == (502, "provider_failed")
        assert len(server.chats) == 1

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            ("limit", 429, "provider_limited"),
            ("overload", None, None),
            ("key", 502, "provider_refused_key"),
            ("unheard_of", 502, "provider_failed"),
        ],
    )
    def test_with_an_error_says_which(
        self, kind: str, error: str, status: int | None, code: str | None
    ) -> None:
        named, expected = ERRORS[kind][error]
        said = hear(kind, Reply(error=named))
        assert said.text == "Hello wörld."
        assert said.error.status == (status or expected)
        assert said.error.code == (code or {503: "provider_busy", 502: "provider_failed"}[expected])
        assert WORDS not in said.error.message

    def test_after_the_model_has_finished_is_an_answer(self, kind: str) -> None:
        def late(received: Any) -> Answer:
            pieces = list(RENDER[kind](Reply(), received).pieces)
            kept = pieces[:-1] if kind != "google" else pieces
            return event_stream(*kept, CUT)

        said = hear(kind, late)
        assert (said.text, said.error) == ("Hello wörld.", None)
        assert said.events[-1] == Finished("stop")

    def test_by_us_ends_the_providers_work(self, kind: str) -> None:
        never = threading.Event()

        def held(received: Any) -> Answer:
            *pieces, last = RENDER[kind](Reply(["a", "b"]), received).pieces
            return event_stream(*pieces, never, last)

        with SERVERS[kind](held) as server:

            async def leave(asked: Any) -> None:
                stream = asked.stream(request(model=MODEL))
                # The second piece never comes.
                await anext(stream)
                await stream.aclose()

            ask(settings_of(kind, server.url), leave)
            until(lambda: server.chats[0].left)


class TestRetrying:
    @kinds
    def test_a_failure_before_the_first_word_is_tried_again(self, kind: str) -> None:
        for status in (408, 409, 500, 502, 503, 529):
            with SERVERS[kind](json_answer({}, status), Reply()) as server:
                assert listen(settings_of(kind, server.url), request(model=MODEL)).text == "Hello wörld."
            assert len(server.chats) == 2, status

    def test_a_short_retry_after_is_waited_for(self) -> None:
        limited = openai_support.error_answer("rate_limit_exceeded", retry_after_ms="40")
        begun = time.monotonic()
        with openai_server(limited, Reply()) as server:
            assert listen(settings_of("openai", server.url)).text == "Hello wörld."
        assert time.monotonic() - begun >= 0.04

    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("30", "30"),
            ("7.2", "8"),
            ("99999", "3600"),
            ("soon", "60"),
            ("-5", "60"),
            ("nan", "60"),
            ("٣", "60"),
        ],
    )
    def test_a_long_or_senseless_one_is_passed_on(self, value: str, seconds: str) -> None:
        with openai_server(openai_support.error_answer("rate_limit_exceeded", Retry_After=value)) as server:
            said = listen(settings_of("openai", server.url))
        assert (said.error.status, said.error.code) == (429, "provider_limited")
        assert said.error.headers["Retry-After"] == seconds
        assert len(server.chats) == 1

    def test_googles_own_delay_is_passed_on(self) -> None:
        assert hear("google", google_support.limited(34)).error.headers["Retry-After"] == "34"

    def test_a_used_up_quota_is_not_tried_again(self) -> None:
        with openai_server(openai_support.error_answer("insufficient_quota")) as server:
            assert listen(settings_of("openai", server.url)).error.headers["Retry-After"] == "60"
        assert len(server.chats) == 1

    def test_it_ends_after_so_many_attempts(self) -> None:
        with openai_server(json_answer({}, 500)) as server:
            said = listen(settings_of("openai", server.url), limits=replace(LIMITS, attempts=3))
        assert (said.error.status, len(server.chats)) == (502, 3)

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (400, "provider_refused"),
            (404, "provider_refused"),
            (413, "provider_refused"),
            (422, "provider_refused"),
            (401, "provider_refused_key"),
            (403, "provider_refused_key"),
            (201, "provider_failed"),
            (204, "provider_failed"),
            (302, "provider_failed"),
        ],
    )
    def test_what_would_not_help_is_not_tried_again(self, status: int, code: str) -> None:
        body = openai_support.error_body("context_length_exceeded")
        with openai_server(json_answer(body, status)) as server:
            said = listen(settings_of("openai", server.url))
        assert (said.error.code, len(server.chats)) == (code, 1)
        assert WORDS not in said.error.message

    def test_a_broken_connection_before_the_first_word_is_tried_again(self) -> None:
        with openai_server(Answer([CUT]), event_stream(b": hello\n\n", CUT), Reply()) as server:
            assert listen(settings_of("openai", server.url)).text == "Hello wörld."
        assert len(server.chats) == 3

    def test_an_error_after_the_usage_but_before_a_word_is_tried_again(self) -> None:
        with anthropic_server(Reply([], error="overloaded_error"), Reply()) as server:
            assert listen(settings_of("anthropic", server.url)).text == "Hello wörld."
        assert len(server.chats) == 2

    @kinds
    @pytest.mark.parametrize("how", [{"cut": True}, {"error": "of_tomorrow"}])
    def test_a_failure_after_some_reasoning_is_not_tried_again(self, kind: str, how: dict[str, Any]) -> None:
        """What was passed on cannot be taken back: the reader would see the thoughts of both attempts."""
        with SERVERS[kind](Reply([], reasoning=["Let me ", "see…"], **how), Reply()) as server:
            said = listen(settings_of(kind, server.url), request(model=MODEL))
        assert (said.reasoning, said.text) == ("Let me see…", "")
        assert said.error.code == "provider_failed"
        assert len(server.chats) == 1

    @pytest.mark.parametrize("status", [503, 529, 500, 408])
    def test_a_short_retry_after_of_another_status_is_waited_for(self, status: int) -> None:
        begun = time.monotonic()
        with openai_server(json_answer({}, status, Retry_After="0.3"), Reply()) as server:
            assert listen(settings_of("openai", server.url)).text == "Hello wörld."
        assert time.monotonic() - begun >= 0.3
        assert len(server.chats) == 2

    @pytest.mark.parametrize(
        ("answered", "seconds"), [("30", "30"), ("7.2", "8"), ("99999", "3600"), ("soon", "2")]
    )
    @pytest.mark.parametrize("status", [503, 529])
    def test_a_long_retry_after_of_an_overload_is_passed_on(
        self, status: int, answered: str, seconds: str
    ) -> None:
        with openai_server(json_answer({}, status, Retry_After=answered)) as server:
            said = listen(settings_of("openai", server.url), limits=replace(LIMITS, attempts=2))
        assert (said.error.status, said.error.code) == (503, "provider_busy")
        assert said.error.headers["Retry-After"] == seconds
        # One that is understood is not waited for; without one the pause is ours.
        assert len(server.chats) == (2 if answered == "soon" else 1)

    def test_nobody_listens(self) -> None:
        said = listen(settings_of("openai", "http://127.0.0.1:1"))
        assert (said.error.status, said.error.code) == (502, "provider_failed")

    def test_a_server_without_tls_is_not_asked_again_for_it(self) -> None:
        accepted = []
        with socket.create_server(("127.0.0.1", 0)) as plain:

            def answer() -> None:
                with suppress(OSError):
                    while True:
                        connection, _ = plain.accept()
                        accepted.append(connection)
                        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                        connection.close()

            thread = threading.Thread(target=answer)
            thread.start()
            said = listen(settings_of("openai", f"https://127.0.0.1:{plain.getsockname()[1]}"))
            plain.shutdown(socket.SHUT_RDWR)
            thread.join()
        assert (said.error.code, len(accepted)) == ("provider_failed", 1)

    @pytest.mark.parametrize("chat", [{"max_tokens": 2**70}, {"system": "half \ud83d"}])
    def test_what_no_json_can_hold_is_refused_here(self, chat: dict[str, Any]) -> None:
        with openai_server() as server:
            said = listen(settings_of("openai", server.url), request(**chat))
        assert (said.error.status, said.error.code, server.connections) == (422, "provider_refused", 0)

    def test_a_short_answer_is_asked_for_once(self) -> None:
        with openai_server(json_answer({}, 500)) as server, pytest.raises(ApiError):
            ask(settings_of("openai", server.url), lambda it: it.complete(request()))
        assert len(server.chats) == 1


class TestTime:
    def test_to_the_first_byte_is_limited(self) -> None:
        assert self.too_long(Answer([threading.Event()], headers={"Content-Type": "text/event-stream"}))

    def test_to_connect_is_limited(self) -> None:
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            # Nobody accepts, and the queue is full: Linux answers no further connection.
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            begun = time.monotonic()
            settings = settings_of("openai", f"http://127.0.0.1:{full.getsockname()[1]}")
            said = listen(settings, limits=replace(LIMITS, connect_seconds=0.05, attempts=2))
        assert said.error.code == "provider_failed"
        assert 0.1 <= time.monotonic() - begun < LIMITS.connect_seconds / 2

    def test_to_the_headers_is_limited(self) -> None:
        given_up = threading.Event()

        def slow(_received: Any) -> Answer:
            given_up.wait(PATIENCE)
            return event_stream()

        assert self.too_long(slow, given_up)

    def test_between_pieces_is_limited(self) -> None:
        begun = time.monotonic()
        said = raw(said_in("Hi"), threading.Event(), limits=replace(LIMITS, chunk_seconds=0.05))
        assert (said.text, said.error.code) == ("Hi", "provider_failed")
        assert time.monotonic() - begun < LIMITS.stream_seconds / 2

    def test_of_the_whole_stream_is_limited_though_something_always_comes(self) -> None:
        answer = event_stream(b": alive\n\n", 0.005, endless=True)
        said = hear("openai", answer, limits=replace(LIMITS, stream_seconds=0.1, attempts=1))
        assert said.error.code == "provider_failed"

    def test_after_the_end_is_short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "ENDING_SECONDS", 0.05)
        begun = time.monotonic()
        said = raw(said_in("Hi"), END, threading.Event())
        assert (said.text, said.events[-1], said.error) == ("Hi", Finished("stop"), None)
        assert time.monotonic() - begun < LIMITS.chunk_seconds / 2

    def test_that_the_reader_takes_is_not_the_providers(self) -> None:
        """Who reads slowly, because the database is slow, does not lose the answer."""
        limits, go = replace(LIMITS, chunk_seconds=0.1), threading.Event()

        async def slowly(asked: Any) -> list[Any]:
            events = []
            async for event in asked.stream(request()):
                events.append(event)
                if not go.is_set():
                    go.set()
                    # All has come, and there is a pause as long as the provider may not make.
                    await asyncio.to_thread(until, lambda: server.chats[0].answered)
                    await asyncio.sleep(2 * limits.chunk_seconds)
            return events

        answer = event_stream(said_in("a"), go, said_in("b") + said_in("c") + END + openai_support.DONE)
        with openai_server(answer) as server:
            events = ask(settings_of("openai", server.url), slowly, limits)
        assert events[-1] == Finished("stop")

    def too_long(self, behaviour: Any, given_up: threading.Event | None = None) -> bool:
        # On a busy machine the limit of the first try may end before the request is there.
        for seconds in (0.05, 0.5, 5.0, 30.0):
            with openai_server(behaviour) as server:
                limits = replace(LIMITS, first_seconds=seconds)
                said = listen(settings_of("openai", server.url), limits=limits)
                if given_up:
                    given_up.set()
            if server.chats:
                break
        return (said.error.code, len(server.chats)) == ("provider_failed", 1)


class TestSize:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(transport, "MAX_STREAM_BYTES", 200_000)
        monkeypatch.setattr(streams, "MAX_TEXT_CHARS", 5_000)
        begun = time.monotonic()
        yield
        # It is the size that ends each of them, not the time.
        assert time.monotonic() - begun < LIMITS.stream_seconds / 2

    def test_of_a_line_is_limited(self) -> None:
        said = hear("openai", event_stream(b"data: " + b"x" * 10_000, b"x" * 10_000, endless=True))
        assert (said.error.code, said.events) == ("provider_failed", [])

    def test_of_a_stream_of_nothing_is_limited(self) -> None:
        said = hear(
            "openai", event_stream(b": comment\n\n" * 1000, endless=True), limits=replace(LIMITS, attempts=1)
        )
        assert said.error.code == "provider_failed"

    def test_of_the_text_is_limited(self) -> None:
        said = hear("openai", event_stream(said_in("x" * 100), endless=True))
        assert said.error.code == "provider_failed"
        assert 5_000 <= len(said.text) < 200_000

    def test_parts_are_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "MAX_PARTS", 20)
        both = openai_support.chunk({}, [openai_support.delta(content="x", reasoning_content="y")])
        said = hear("openai", event_stream(both, endless=True))
        assert said.error.code == "provider_failed"
        assert len(said.events) == 20

    def test_parts_of_one_kind_are_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(streams, "MAX_PARTS", 2)
        said = hear("openai", Reply(("x",) * 50, reasoning=("y",) * 50))
        assert (said.text, said.error) == ("x" * 50, None)

    def test_of_what_is_packed_counts_unpacked(self) -> None:
        bomb = gzip.compress(b": comment\n\n" * 1_000_000)
        headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
        said = hear("openai", Answer([bomb], headers=headers), limits=replace(LIMITS, attempts=1))
        assert said.error.code == "provider_failed"

    def test_of_a_short_answer_is_limited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1000)
        big = json_answer({"choices": [{"message": {"content": "x" * 2000}}]})
        with openai_server(big) as server, pytest.raises(ApiError) as failed:
            ask(settings_of("openai", server.url), lambda it: it.complete(request()))
        assert failed.value.code == "provider_failed"

    def test_of_an_error_is_limited(self) -> None:
        endless = Answer([b"x" * 1000], 400, {"Content-Type": "application/json"}, endless=True)
        assert hear("openai", endless).error.code == "provider_refused"

    def test_bounds_leave_room_for_any_true_answer(self) -> None:
        assert constants.MAX_LINE_BYTES >= 1024**2
        assert constants.MAX_TEXT_CHARS * 4 < 16 * 1024**2


class TestHostileContent:
    def test_a_line_of_many_megabytes_is_given_up(self) -> None:
        said = raw(said_in("Hi"), b"data: ", b"x" * (constants.MAX_LINE_BYTES + 1))
        assert (said.text, said.error.code) == ("Hi", "provider_failed")

    def test_a_line_of_many_megabytes_after_the_end_changes_nothing(self) -> None:
        said = raw(said_in("Hi"), END, b"data: ", b"x" * (constants.MAX_LINE_BYTES + 1))
        assert (said.text, said.error) == ("Hi", None)

    @pytest.mark.parametrize(
        "data",
        [
            "nonsense",
            "[]",
            "5",
            "null",
            '"text"',
            '{"choices": NaN}',
            '{"usage": {"prompt_tokens": Infinity}}',
            "[" * 100_000,
            '{"a":' * 100_000,
            "{",
            "<html>",
        ],
    )
    def test_that_is_no_object_is_an_end(self, data: str) -> None:
        said = raw(said_in("Hi"), f"data: {data}\n\n".encode(), END)
        assert (said.text, said.error.code) == ("Hi", "provider_failed")

    @kinds
    @pytest.mark.parametrize(
        "value",
        [None, True, 5, -1.5, "x", [], {}, [None], [5], ["x"], {"a": 1}, [[{}]], {"text": 5}, {"parts": [5]}],
    )
    def test_of_another_type_is_passed_over(self, kind: str, value: Any) -> None:
        """Whatever stands in the place of anything, all that comes after it is still read."""
        twists = list(twisted(value))
        words = [f"word{number:02} " for number in range(len(twists))]

        def mixed(received: Any) -> Answer:
            pieces: list[bytes] = []
            for piece in RENDER[kind](Reply(words), received).pieces:
                for word, twist in zip(words, twists, strict=True):
                    if word.encode() in piece:
                        pieces.append(b"data: %b\n\n" % json.dumps(twist).encode())
                pieces.append(piece)
            return event_stream(*pieces)

        said = hear(kind, mixed, limits=replace(LIMITS, attempts=1))
        if value == "x":
            # In this one of its places it is a text, which comes before the word.
            words.insert(PLACE_OF_TEXT[kind], "x")
        assert (said.text, said.error) == ("".join(words), None)

    @kinds
    @pytest.mark.parametrize(
        "value", [None, True, 5, "x", [], {}, [None], [5], {"a": 1}, [[{}]], {"parts": {"a": 1}}]
    )
    def test_of_a_short_answer_too(self, kind: str, value: Any) -> None:
        for body in (value, *twisted(value)):
            with SERVERS[kind](json_answer(body)) as server:
                found = ask(settings_of(kind, server.url), lambda it: it.complete(request(model=MODEL)))
            assert isinstance(found, str)

    @pytest.mark.parametrize(
        ("counts", "usage"),
        [
            ({"prompt_tokens": 5, "completion_tokens": 7}, Usage(5, 7)),
            ({"prompt_tokens": -5, "completion_tokens": 7}, Usage(0, 7)),
            ({"prompt_tokens": 1e300, "completion_tokens": 7.5}, None),
            ({"prompt_tokens": True, "completion_tokens": "7"}, None),
            ({"prompt_tokens": 2**70, "completion_tokens": 1}, Usage(0, 1)),
            ([], None),
        ],
    )
    def test_counts_are_numbers_or_nothing(self, counts: Any, usage: Usage | None) -> None:
        assert (
            raw(said_in("Hi"), END, openai_support.chunk({}, [], usage=counts), openai_support.DONE).usage
            == usage
        )

    def test_half_a_character_waits_for_its_other_half(self) -> None:
        halves = [
            said_in("A").replace(b'"A"', text)
            for text in (rb'"x\ud83d"', rb'"\ude00y"', rb'"\ud83d"', rb'"z\udc00"')
        ]
        said = raw(*halves, END, openai_support.DONE)
        assert said.error is None
        assert said.text == "x😀y\ufffdz\ufffd"
        said.text.encode()

    def test_bytes_that_are_no_text_are_replaced(self) -> None:
        assert raw(said_in("A").replace(b"A", b"a\xff\xfeb"), END).text == "a\ufffd\ufffdb"

    def test_packed_with_gzip_is_read(self) -> None:
        stream = gzip.compress(said_in("Hello") + END + openai_support.DONE)
        headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
        assert hear("openai", Answer([stream[:20], stream[20:]], headers=headers)).text == "Hello"

    @pytest.mark.parametrize(
        "content_type", ["text/html", "application/json", "", ";;;", "text/event-streams"]
    )
    def test_that_is_no_event_stream_is_refused(self, content_type: str) -> None:
        answer = Answer([said_in("Hi"), END], headers={"Content-Type": content_type})
        said = hear("openai", answer)
        assert (said.error.code, said.events) == ("provider_failed", [])

    @pytest.mark.parametrize(
        "headers",
        [
            {"Content-Type": "text/event-stream", "X-Long": "x" * 100_000},
            {"Content-Type": "text/event-stream", **{f"X-{number}": "x" for number in range(500)}},
            {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"},
            {"Content-Type": "text/event-stream", "Content-Length": "many"},
        ],
    )
    def test_broken_headers_are_a_failure(self, headers: dict[str, str]) -> None:
        said = hear(
            "openai", Answer([said_in("Hi"), END], headers=headers), limits=replace(LIMITS, attempts=1)
        )
        assert said.error.code == "provider_failed"


class TestSecrets:
    @pytest.mark.parametrize("key", ["", "a b", "a\r\nX-Evil: 1", "schlüssel", "k\x00", "x" * 5000])
    def test_a_key_that_cannot_be_one_is_not_sent(self, key: str) -> None:
        with openai_server() as server:
            settings = settings_of("openai", server.url, user_provides_key=True)
            said = listen(settings, credentials=Credentials(key))
        assert said.error.code in {"provider_refused_key", "provider_key_missing"}
        assert server.connections == 0

    def test_neither_keys_nor_the_providers_words_are_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        evil = openai_support.error_body("canary kind\n\x1b[31m", "canary words")
        with structlog.testing.capture_logs() as logged:
            for answer in (
                json_answer(evil, 400),
                json_answer(evil, 200),
                event_stream(b"data: canary\n\n"),
                event_stream(f"data: {json.dumps(evil)}\n\n".encode()),
                Answer([b"canary"], 500, {"Content-Type": "text/html", "X-Canary": "canary"}),
            ):
                with openai_server(answer) as server:
                    said = listen(settings_of("openai", server.url, api_key="sk-canary"))
                assert "canary" not in f"{said.error} {said.error.headers}"
                assert said.error.__cause__ is None
        assert len(logged) >= 5
        assert "canary" not in repr(logged) + caplog.text

    def test_the_providers_name_of_an_error_is_logged_where_it_is_harmless(self) -> None:
        with structlog.testing.capture_logs() as logged:
            hear("openai", openai_support.error_answer("context_length_exceeded"))
        [line] = [line for line in logged if line["event"] == "a provider failed"]
        assert line["kind"] == "context_length_exceeded"
        assert line["code"] == "provider_refused"

    def test_nothing_of_the_environment_is_used(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login evil password evil\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        with openai_server() as server:
            assert listen(settings_of("openai", server.url)).text == "Hello wörld."
        assert server.requests[0].headers["authorization"] == "Bearer k"


def joined(said: Said) -> tuple[Any, ...]:
    return said.reasoning, said.text, said.usage, said.events[-1], said.error


# Of what `twisted` makes: where each kind has the text of an answer.
PLACE_OF_TEXT = {"openai": 3, "custom": 3, "azure": 3, "google": 11, "anthropic": 19}


def twisted(value: Any) -> Iterator[dict[str, Any]]:
    """Objects with the value in the place of each thing that some provider's answer has."""
    yield {"choices": value}
    yield {"choices": [value]}
    yield {"choices": [{"index": 0, "delta": value, "finish_reason": None}]}
    yield {"choices": [{"index": 0, "delta": {"content": value, "reasoning": value}}]}
    yield {"choices": [{"index": value, "delta": {}, "message": value}]}
    yield {"choices": [{"index": 0, "message": {"content": value}}]}
    yield {"usage": value, "usageMetadata": value, "candidates": value, "content": value}
    yield {"usage": {"prompt_tokens": value, "completion_tokens": value}, "content": [value]}
    yield {"candidates": [value], "promptFeedback": value}
    yield {"candidates": [{"content": value, "finishReason": None}]}
    yield {"candidates": [{"content": {"parts": value}}]}
    yield {"candidates": [{"content": {"parts": [{"text": value, "thought": value}]}}]}
    for kind in (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "ping",
        value,
    ):
        yield {"type": kind, "message": value, "content_block": value, "delta": value, "usage": value}
    yield {"type": "message_start", "message": {"usage": {"input_tokens": value}}}
    yield {"type": "content_block_delta", "delta": {"text": value, "thinking": value}}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": value}]}
    yield {"candidates": [{"finishReason": value}]}
    yield {"type": "message_delta", "delta": {"stop_reason": value}}
