"""The outermost layer around small applications: ids, headers, HEAD, the log line, and the last resort."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from echo.http.edge import Edge

Headers = tuple[tuple[bytes, bytes], ...]
START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"etag", b'"1"')]}
BODY: Message = {"type": "http.response.body", "body": b"some words"}


def scope_of(path: str = "/api/presets", method: str = "GET", headers: Headers = ()) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": b"search=private",
        "headers": list(headers),
        "client": ("192.0.2.7", 5000),
    }


def send_each(*messages: Message) -> ASGIApp:
    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return application


def fail_after(*messages: Message) -> ASGIApp:
    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send_each(*messages)(scope, receive, send)
        raise RuntimeError("canary-in-the-exception")

    return application


async def receive() -> Message:
    raise AssertionError("nobody asks for the body here")


def ask(application: ASGIApp, scope: dict[str, Any], trusted_proxies: int = 0) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Edge(application, trusted_proxies=trusted_proxies)(scope, receive, send))
    return sent


def headers_of(sent: list[Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sent[0]["headers"]}


class TestTheLastResort:
    def test_is_the_one_body_of_errors_with_the_requests_id(self) -> None:
        with capture_logs() as logged:
            sent = ask(fail_after(), scope_of(headers=((b"x-request-id", b"r-1"),)))
        start, body = sent
        assert start["status"] == 500
        content = orjson.loads(body["body"])
        assert (content["status"], content["code"], content["requestId"]) == (500, "internal_error", "r-1")
        assert b"canary" not in body["body"]
        headers = headers_of(sent)
        assert headers["content-length"] == str(len(body["body"]))
        assert (headers["x-request-id"], headers["x-content-type-options"]) == ("r-1", "nosniff")
        # With the exception, and then the line of the request.
        assert [(line["log_level"], line.get("exc_info"), line.get("status")) for line in logged] == [
            ("error", True, None),
            ("info", None, 500),
        ]

    @pytest.mark.parametrize(
        ("path", "key", "kind"),
        [("/v1/models", "error", "server_error"), ("/v1/messages", "error", "api_error")],
    )
    def test_speaks_as_its_path_does(self, path: str, key: str, kind: str) -> None:
        _, body = ask(fail_after(), scope_of(path))
        assert orjson.loads(body["body"])[key]["type"] == kind

    def test_is_none_once_the_answer_has_begun(self) -> None:
        with pytest.raises(RuntimeError, match="canary"), capture_logs() as logged:
            ask(fail_after(START), scope_of())
        # The server ends the connection; the line is written all the same.
        assert [line.get("status") for line in logged] == [None, 200]


class TestHead:
    def test_is_a_get_inside_and_a_head_for_the_server_without_a_body(self) -> None:
        inside, outside = [], []

        async def application(scope: Scope, _receive: Receive, send: Send) -> None:
            inside.append((scope["method"], scope["echo.is_head"]))
            await send(START)
            outside.append(scope["method"])
            await send({**BODY, "more_body": True})
            await send(BODY)

        with capture_logs() as logged:
            _, *bodies = ask(application, scope_of(method="HEAD"))
        assert (inside, outside) == ([("GET", True)], ["HEAD"])
        assert bodies == [
            {"type": "http.response.body", "body": b"", "more_body": True},
            {"type": "http.response.body", "body": b""},
        ]
        assert logged[0]["method"] == "HEAD"

    def test_is_nothing_that_a_get_is(self) -> None:
        scope = scope_of()
        assert ask(send_each(START, BODY), scope)[1:] == [BODY]
        assert "echo.is_head" not in scope


class TestRequestId:
    def told(self, *given: bytes) -> str:
        sent = ask(send_each(START, BODY), scope_of(headers=tuple((b"x-request-id", each) for each in given)))
        return headers_of(sent)["x-request-id"]

    @pytest.mark.parametrize("given", [b"r", b"Trace-1_a.b", b"x" * 64])
    def test_is_the_callers(self, given: bytes) -> None:
        assert self.told(given) == given.decode()

    @pytest.mark.parametrize(
        "given", [b"", b"a b", b"x" * 65, b"id\x1b[31m", b"a\n", b"a/b", b"\xe9", "\u0661".encode()]
    )
    def test_is_a_new_one_where_the_callers_could_do_harm(self, given: bytes) -> None:
        assert re.fullmatch("[0-9a-f]{32}", self.told(given))

    def test_is_a_new_one_for_each_request_without(self) -> None:
        first, second = self.told(), self.told()
        assert re.fullmatch("[0-9a-f]{32}", first)
        assert first != second

    def test_is_known_inside_and_to_whatever_is_logged_there(self) -> None:
        seen: list[Any] = []

        async def application(scope: Scope, _receive: Receive, send: Send) -> None:
            seen.append((scope["echo.request_id"], structlog.contextvars.get_contextvars()))
            await send(START)

        ask(application, scope_of(headers=((b"x-request-id", b"r-3"),)))
        assert seen == [("r-3", {"request_id": "r-3"})]
        assert structlog.contextvars.get_contextvars() == {}


class TestHeaders:
    def test_stand_on_an_answer_that_has_none(self) -> None:
        start: Message = {"type": "http.response.start", "status": 204}
        assert headers_of(ask(send_each(start, BODY), scope_of()))["cache-control"] == "no-store"

    def test_are_added_to_those_of_the_answer(self) -> None:
        start = {**START, "headers": [(b"cache-control", b"private"), (b"etag", b'"1"')]}
        headers = headers_of(ask(send_each(start, BODY), scope_of(headers=((b"x-request-id", b"r-2"),))))
        assert headers == {
            "cache-control": "private",
            "etag": '"1"',
            "x-request-id": "r-2",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
            "referrer-policy": "no-referrer",
            "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
            "cross-origin-opener-policy": "same-origin",
        }
        assert start["headers"] == [(b"cache-control", b"private"), (b"etag", b'"1"')]

    def test_of_what_is_not_modified_replace_none_that_are_stored(self) -> None:
        headers = headers_of(ask(send_each({**START, "status": 304}, BODY), scope_of()))
        assert sorted(headers) == ["etag", "x-request-id"]

    @pytest.mark.parametrize(("path", "there"), [("/v1/messages", True), ("/v1/models", False)])
    def test_name_the_request_as_anthropics_clients_look_for_it(self, path: str, there: bool) -> None:
        headers = headers_of(ask(send_each(START, BODY), scope_of(path, headers=((b"x-request-id", b"r"),))))
        assert headers.get("request-id") == ("r" if there else None)

    @pytest.mark.parametrize(("proxies", "there"), [(0, False), (1, True)])
    def test_insist_on_tls_where_a_trusted_proxy_says_that_it_was_used(
        self, proxies: int, there: bool
    ) -> None:
        scope = scope_of(headers=((b"x-forwarded-proto", b"https"),))
        headers = headers_of(ask(send_each(START, BODY), scope, proxies))
        assert headers.get("strict-transport-security") == ("max-age=31536000" if there else None)


def test_the_line_of_a_request_says_what_and_who_and_not_what_was_searched_for() -> None:
    with capture_logs() as logged:
        ask(
            send_each({**START, "status": 404}, BODY),
            scope_of(headers=((b"x-forwarded-for", b"2001:db8::1"),)),
            1,
        )
    [line] = logged
    assert 0 <= line.pop("ms") < 60_000
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/api/presets",
        "operation": None,
        "status": 404,
        "client": "2001:db8::1",
    }


def test_the_line_of_an_operation_has_its_name() -> None:
    scope = scope_of()

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["echo.operation"] = SimpleNamespace(label="librechat.do")
        await send(START)

    with capture_logs() as logged:
        ask(application, scope)
    assert [line["operation"] for line in logged] == ["librechat.do"]


class TestOtherProtocols:
    def test_websockets_are_closed(self) -> None:
        assert ask(fail_after(), {"type": "websocket", "path": "/"}) == [
            {"type": "websocket.close", "code": 1000}
        ]

    def test_lifespans_pass(self) -> None:
        scope = {"type": "lifespan"}
        message = {"type": "lifespan.startup.complete"}
        assert ask(send_each(message), scope) == [message]
        assert scope == {"type": "lifespan"}


@pytest.mark.parametrize("scope", [scope_of(), {"type": "lifespan"}], ids=["http", "lifespan"])
def test_what_the_client_sends_is_read_by_the_application_itself(scope: dict[str, Any]) -> None:
    given: list[Any] = []

    async def application(_scope: Scope, reading: Receive, send: Send) -> None:
        given.append(reading)
        await send(START)

    ask(application, scope)
    assert given == [receive]


def test_a_meter_sees_the_beginning_and_the_end() -> None:
    seen: list[Any] = []

    class Meter:
        def began(self, scope: Scope) -> None:
            seen.append(scope)

        def ended(self, scope: Scope, method: str, status: int | None, seconds: float) -> None:
            seen.append((scope, method, status, 0 <= seconds < 60))

    async def send(_message: Message) -> None:
        pass

    scope = scope_of(method="HEAD")
    edge: Callable[..., Awaitable[None]] = Edge(send_each(START, BODY), trusted_proxies=0, meter=Meter())  # type: ignore[arg-type]
    asyncio.run(edge(scope, receive, send))
    assert seen == [scope, (scope, "HEAD", 200, True)]
