"""Cross-origin requests by themselves, around a small application."""

import asyncio
from typing import Any

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from echo.http.cors import Cors

NAMED = ("https://chat.example", "https://other.example")
BODY: Message = {"type": "http.response.body", "body": b"words"}
METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
    await send(BODY)


async def receive() -> Message:
    raise AssertionError("nothing is read")


def ask(origins: tuple[str, ...], method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": "/x",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(Cors(application, origins=origins)(scope, receive, send))
    start, body = sent
    lines = [(name.decode(), value.decode()) for name, value in start["headers"]]
    assert len(dict(lines)) == len(lines)
    return start["status"], dict(lines), body["body"]


def preflight(origins: tuple[str, ...], **headers: str) -> tuple[int, dict[str, str], bytes]:
    usual = {
        "origin": "https://chat.example",
        "access_control_request_method": "PATCH",
        "access_control_request_headers": "Authorization, X-Own",
    }
    return ask(origins, "OPTIONS", **usual | headers)


def texts(value: str) -> set[str]:
    return set(value.split(", "))


class TestPreflight:
    def test_of_anybody_is_allowed_everything_but_credentials(self) -> None:
        status, headers, body = preflight(("*",), access_control_request_private_network="true")
        assert (status, body) == (204, b"")
        assert texts(headers.pop("access-control-allow-methods")) == METHODS
        assert headers == {
            "access-control-allow-origin": "*",
            "access-control-allow-headers": "Authorization, X-Own",
            "access-control-max-age": "600",
            "vary": headers["vary"],
        }
        assert "Access-Control-Request-Private-Network" in headers["vary"]

    @pytest.mark.parametrize("origin", NAMED)
    def test_of_an_origin_that_is_named_is_allowed_credentials_too(self, origin: str) -> None:
        status, headers, body = preflight(NAMED, origin=origin)
        assert (status, body) == (204, b"")
        assert texts(headers.pop("access-control-allow-methods")) == METHODS
        assert headers == {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
            "access-control-allow-headers": "Authorization, X-Own",
            "access-control-max-age": "600",
            "vary": headers["vary"],
        }
        asked = {"origin": origin, "access_control_request_private_network": "true"}
        assert preflight(NAMED, **asked)[1]["access-control-allow-private-network"] == "true"

    @pytest.mark.parametrize(
        "asked",
        [
            {"origin": "https://evil.example"},
            {"access_control_request_method": "TRACE"},
            {"origin": "https://evil.example", "access_control_request_private_network": "true"},
        ],
    )
    def test_of_any_other_is_refused_in_the_one_body(self, asked: dict[str, str]) -> None:
        status, headers, body = preflight(NAMED, **asked)
        assert status == 400
        assert orjson.loads(body)["code"] == "cors_refused"
        assert orjson.loads(body)["message"] == "This origin or method is not allowed."
        assert headers["content-type"] == "application/json"
        assert headers["content-length"] == str(len(body))
        assert "access-control-allow-private-network" not in headers
        if "origin" in asked:
            assert "access-control-allow-origin" not in headers


class TestAnswers:
    SHOWN: frozenset[str] = frozenset({"Content-Disposition", "Retry-After", "X-Request-Id"})

    def test_may_be_read_by_anybody(self) -> None:
        status, headers, body = ask(("*",), origin="https://chat.example")
        assert (status, body) == (200, b"words")
        assert texts(headers.pop("access-control-expose-headers")) == self.SHOWN
        assert headers == {"x-a": "b", "access-control-allow-origin": "*", "vary": "Origin"}

    def test_may_be_read_with_credentials_by_those_that_are_named(self) -> None:
        _, headers, _ = ask(NAMED, origin="https://chat.example")
        assert texts(headers.pop("access-control-expose-headers")) == self.SHOWN
        assert headers == {
            "x-a": "b",
            "access-control-allow-origin": "https://chat.example",
            "access-control-allow-credentials": "true",
            "vary": "Origin",
        }
        assert "access-control-allow-origin" not in ask(NAMED, origin="https://evil.example")[1]

    def test_of_requests_without_an_origin_are_as_they_are(self) -> None:
        assert ask(NAMED) == (200, {"x-a": "b", "vary": "Origin"}, b"words")
