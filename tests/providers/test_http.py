"""Asking a provider by a POST that is waited for: what is sent, and what each answer means."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from echo.errors import ApiError, BadGateway, ServiceUnavailable
from echo.observation import tracing
from echo.providers import http
from echo.providers.http import Refused, post
from tests.support.providers import CUT, Answer, ProviderServer, json_answer
from tests.support.providers.server import Received, serving
from tests.support.waiting import PATIENCE


def answered(answer: Answer, path: str = "", **more: Any) -> tuple[Any, ProviderServer]:
    """What a POST gives that is answered so, and what the server has got."""
    with serving(lambda _: answer) as server:
        given = post(f"{server.url}{path}", **{"headers": {}, **more})
    return given, server


def sent(**more: Any) -> Received:
    [received] = answered(json_answer({}), "/there?a=1", **more)[1].requests
    return received


def failure_of(answer: Answer, **more: Any) -> ApiError:
    with pytest.raises(ApiError) as failed:
        answered(answer, **more)
    return failed.value


class TestRequest:
    def test_is_a_post_with_these_headers(self) -> None:
        received = sent(headers={"X-Key": "key"})
        assert (received.method, received.path) == ("POST", "/there?a=1")
        assert received.headers["x-key"] == "key"

    def test_has_json_or_a_form(self) -> None:
        received = sent(json_body={"text": "a"})
        assert (received.json, received.headers["content-type"]) == ({"text": "a"}, "application/json")
        assert sent(data={"text": "a b"}).body == b"text=a+b"
        received = sent(data={"text": "a"}, files={"file": ("name.wav", b"sound", "audio/wav")})
        assert received.headers["content-type"].startswith("multipart/form-data")
        assert b'name="text"\r\n\r\na\r\n' in received.body
        assert b'filename="name.wav"\r\nContent-Type: audio/wav\r\n\r\nsound\r\n' in received.body

    def test_carries_the_trace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tracing, "outgoing_headers", lambda: {"traceparent": "00-a", "X-Key": "trace"})
        received = sent(headers={"X-Key": "own"})
        assert (received.headers["traceparent"], received.headers["x-key"]) == ("00-a", "own")

    def test_goes_nowhere_else(self) -> None:
        paths: list[str] = []

        def respond(received: Received) -> Answer:
            paths.append(received.path)
            return json_answer({}, 307, Location="/elsewhere")

        with serving(respond) as server, pytest.raises(BadGateway):
            post(f"{server.url}/there", headers={})
        assert paths == ["/there"]

    def test_takes_no_credentials_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login evil password evil\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        assert "authorization" not in sent().headers


class TestAnswer:
    def test_is_json(self) -> None:
        assert answered(json_answer({"text": "ü"}))[0] == {"text": "ü"}

    @pytest.mark.parametrize(
        "answer",
        [
            Answer([b"nonsense"]),
            Answer([b"[" * 100_000]),
            Answer([]),
            Answer([CUT]),
            Answer([b"{", CUT]),
            json_answer({}, 201),
            json_answer({}, 302),
            json_answer({}, 401),
            json_answer({}, 404),
            json_answer({}, 500),
            json_answer({}, 503),
        ],
        ids=[
            *("no JSON", "deep", "empty", "cut", "cut within"),
            *("201", "302", "401", "404", "500", "503"),
        ],
    )
    def test_that_is_none_is_a_failure(self, answer: Answer) -> None:
        failure = failure_of(answer)
        assert type(failure) is BadGateway
        assert (failure.status, failure.code) == (502, "provider_failed")
        assert failure.message == "The provider did not give a usable answer."

    def test_that_nobody_gives_is_a_failure(self) -> None:
        with pytest.raises(BadGateway):
            post("http://127.0.0.1:1", headers={})

    def test_is_limited_to_the_byte(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert http.MAX_RESPONSE_BYTES == 262_144
        monkeypatch.setattr(http, "MAX_RESPONSE_BYTES", 20_000)
        text = "x" * 19_998
        assert answered(json_answer(text))[0] == text
        assert type(failure_of(json_answer(f"{text}x"))) is BadGateway

    @pytest.mark.parametrize(
        "begun",
        [
            Answer([b" " * 300_000], headers={"Content-Length": "900000"}),
            Answer([b" " * 300_000], 201),
            Answer([b" "], 302, {"Location": "/elsewhere"}),
            Answer([b" "], 307, {"Location": "/elsewhere"}),
            Answer([b" "], 429),
            Answer([b" "], 500),
        ],
        ids=["too long", "201", "302", "307", "429", "500"],
    )
    def test_is_not_waited_for_once_it_is_known_to_be_none(self, begun: Answer) -> None:
        """The rest never comes: whoever reads it gives up for want of time."""
        failure = failure_of(replace(begun, pieces=[*begun.pieces, threading.Event()]), seconds=PATIENCE)
        assert isinstance(failure, ServiceUnavailable if begun.status == 429 else BadGateway)
        assert failure.__cause__ is None

    def test_is_limited_in_time(self) -> None:
        given_up = threading.Event()

        def late(_received: Received) -> Answer:
            given_up.wait(PATIENCE)
            return json_answer({})

        for respond in (lambda _: Answer([b"{}", threading.Event()]), dripping, late):
            with serving(respond) as server:
                with pytest.raises(BadGateway):
                    post(server.url, headers={}, seconds=0.2)
                if respond is late:
                    given_up.set()


def dripping(_received: Received) -> Answer:
    """Each pause is short enough, and there is no end to them."""
    return Answer([b" " * 9000, 0.02], endless=True)


class TestLimit:
    @pytest.mark.parametrize(
        ("said", "seconds"),
        [
            ("7", "7"),
            ("0", "1"),
            ("1", "1"),
            ("3600", "3600"),
            ("3601", "3600"),
            ("soon", "60"),
            ("-5", "60"),
            ("1.5", "60"),
            ("٣", "60"),
            ("", "60"),
        ],
    )
    def test_of_the_provider_is_passed_on(self, said: str, seconds: str) -> None:
        failure = failure_of(json_answer({}, 429, Retry_After=said))
        assert type(failure) is ServiceUnavailable
        assert (failure.code, failure.message) == ("provider_busy", "The provider's limit is reached.")
        assert failure.headers["Retry-After"] == seconds

    def test_without_a_time_is_a_minute(self) -> None:
        assert failure_of(json_answer({}, 429)).headers["Retry-After"] == "60"


class TestRefusal:
    @pytest.mark.parametrize("status", [400, 413, 415, 422])
    def test_blames_what_was_sent(self, status: int) -> None:
        failure = failure_of(json_answer({"error": {"message": "canary", "param": "language"}}, status))
        assert isinstance(failure, Refused)
        assert (failure.status_code, failure.parameter) == (status, "language")
        assert (failure.status, failure.code) == (502, "provider_failed")
        assert "canary" not in f"{failure} {failure.message}"

    @pytest.mark.parametrize(
        "answer",
        [
            {"error": {"param": 7}},
            {"error": {}},
            {"error": "language"},
            {"param": "language"},
            ["error"],
            "error",
            None,
        ],
        ids=repr,
    )
    def test_may_name_no_parameter(self, answer: Any) -> None:
        failure = failure_of(json_answer(answer, 400))
        assert isinstance(failure, Refused)
        assert failure.parameter is None

    @pytest.mark.parametrize(
        "broken",
        [
            lambda: Answer([b"nonsense"], 400),
            lambda: Answer([b"[" * 100_000], 400),
            lambda: Answer([b" " * 300_000], 400),
        ],
    )
    def test_that_cannot_be_read_is_one_too(self, broken: Callable[[], Answer]) -> None:
        failure = failure_of(broken())
        assert isinstance(failure, Refused)
        assert (failure.status_code, failure.parameter) == (400, None)
