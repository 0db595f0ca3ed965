"""What leaves the server is what the contract promises, or a plain 500."""

import asyncio
from typing import Any

import orjson
import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from echo.contract.compiled import Operation
from echo.contract.document import Contract
from echo.contract.responses import CheckedSend, send_rendered
from echo.error_bodies import RenderedError

JSON = "application/json"
COUNT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
RESPONSES: dict[str, Any] = {
    "200": {"description": "", "content": {JSON: {"schema": COUNT}}},
    "201": {
        "description": "",
        "headers": {"Location": {"required": True, "schema": {"type": "string"}}, "X-Other": {"schema": {}}},
        "content": {JSON: {"schema": COUNT}, "text/plain": {"schema": {"type": "string", "maxLength": 3}}},
    },
    "204": {"description": ""},
    "206": {"description": "", "content": {"*/*": {}}},
    "207": {"description": "", "content": {"text/event-stream": {"schema": {"type": "string"}}, JSON: {}}},
}


def operation() -> Operation:
    described = {"operationId": "do", "x-openapi-router-controller": "handlers.x", "responses": RESPONSES}
    (compiled,) = Contract.load({"paths": {"/x": {"get": described}}}).operations
    return compiled


def start(status: int, media_type: str = JSON, **headers: str) -> Message:
    given = {"Content-Type": media_type, **headers} if media_type else headers
    pairs = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    return {"type": "http.response.start", "status": status, "headers": pairs}


def piece(body: bytes, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def answer(*messages: Message) -> tuple[list[Message], CheckedSend, list[Any]]:
    """What was sent of an answer, what sent it, and what was logged."""
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    checked = CheckedSend(send, operation(), {"echo.request_id": "r-1", "path": "/x"})

    async def send_all() -> None:
        for message in messages:
            await checked(message)

    with capture_logs() as logged:
        asyncio.run(send_all())
    return sent, checked, list(logged)


class TestWhatIsPromised:
    @pytest.mark.parametrize(
        ("first", "pieces", "body"),
        [
            (start(200), [b'{"n": 1}'], b'{"n": 1}'),
            (start(200), [b'{"n"', b": 1", b"}"], b'{"n": 1}'),
            (start(200, "Application/JSON; charset=utf-8"), [b'{"n": 1}'], b'{"n": 1}'),
            (start(201, Location="/x/1"), [b'{"n": 1}'], b'{"n": 1}'),
            (start(201, "text/plain", Location="/x/1"), [b"a", b"bc"], b"abc"),
            (start(204, ""), [b""], b""),
        ],
    )
    def test_is_held_back_until_it_is_whole_and_leaves_in_one_piece(
        self, first: Message, pieces: list[bytes], body: bytes
    ) -> None:
        *begun, last = pieces
        assert answer(first, *(piece(each, True) for each in begun))[0] == []
        sent, checked, logged = answer(first, *(piece(each, True) for each in begun), piece(last))
        assert sent == [first, {"type": "http.response.body", "body": body}]
        assert checked.started
        assert logged == []

    @pytest.mark.parametrize(
        "first",
        [
            start(206, "image/png"),
            start(207, "text/event-stream"),
            # What was not described is not looked into.
            start(207),
            {**start(200), "echo.checked": True},
        ],
    )
    def test_passes_as_it_comes_where_it_is_no_json_or_was_checked(self, first: Message) -> None:
        messages = [first, piece(b"\xff", True), piece(b"no json")]
        sent, checked, _ = answer(*messages[:1])
        assert (sent, checked.started) == (messages[:1], True)
        assert answer(*messages)[0] == messages


def test_a_message_without_a_body_has_an_empty_one() -> None:
    end: Message = {"type": "http.response.body"}
    empty: Message = {"type": "http.response.body", "body": b""}
    assert answer(start(204, ""), end)[0] == [start(204, ""), empty]
    whole: Message = {"type": "http.response.body", "body": b'{"n": 1}'}
    assert answer(start(200), {**whole, "more_body": True}, end)[0] == [start(200), whole]


def test_an_answer_that_is_held_back_has_not_begun() -> None:
    assert not answer(start(200), piece(b"{", True))[1].started


class TestWhatIsNot:
    @pytest.mark.parametrize(
        ("first", "body", "breach"),
        [
            (start(202), b"{}", "status 202 is not declared"),
            (start(201), b'{"n": 1}', "header location is missing"),
            (start(200, "text/html"), b"", "media type 'text/html' is not declared"),
            (start(200, ""), b"{}", "media type '' is not declared"),
            (start(204, ""), b"x", "a body where none is declared"),
            (start(200), b"{", "the body is not JSON"),
            (start(200), b'{"n": "canary"}', "canary"),
            (start(201, "text/plain", Location="/x/1"), b"long", "long"),
            (start(200), b"[" * 300 + b"]" * 300, "is nested too deeply"),
        ],
    )
    def test_is_a_500_and_only_that_and_logged(self, first: Message, body: bytes, breach: str) -> None:
        # What comes after it is nobody's any more.
        sent, checked, logged = answer(first, piece(body), piece(b"canary"))
        begin, end = sent
        assert begin["status"] == 500
        content = orjson.loads(end["body"])
        assert (content["code"], content["requestId"]) == ("internal_error", "r-1")
        assert b"canary" not in end["body"]
        assert checked.started
        [line] = logged
        assert (line["event"], line["log_level"], line["status"]) == (
            "response breaks the contract",
            "error",
            first["status"],
        )
        assert line["operation"] == "do"
        assert breach in line["breach"]

    def test_is_logged_with_the_beginning_of_its_body(self) -> None:
        _, _, [line] = answer(start(200), piece(b"a" * 60_000, True), piece(b"b" * 60_000))
        assert line["answer"] == b"a" * 60_000 + b"b" * 5_536


def test_an_error_is_sent_whole_with_its_length() -> None:
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = {"Content-Type": JSON, "Retry-After": "5", "X-Name": "\u00e9"}
    asyncio.run(send_rendered(send, RenderedError(429, headers, b'{"a":1}')))
    assert sent == [
        {
            "type": "http.response.start",
            "status": 429,
            "headers": [
                (b"content-type", b"application/json"),
                (b"retry-after", b"5"),
                (b"x-name", b"\xe9"),
                (b"content-length", b"7"),
            ],
        },
        {"type": "http.response.body", "body": b'{"a":1}'},
    ]
