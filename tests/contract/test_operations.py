"""One operation with its handler: what a handler must take, and what becomes of what it returns."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from echo.contract.compiled import Operation
from echo.contract.document import Contract
from echo.contract.operations import BoundOperation, HandlerMismatch
from echo.contract.responses import ContractBreach
from echo.errors import ServiceUnavailable, TooManyRequests
from echo.handling.caller import Caller, ClientInfo
from echo.handling.event_stream import EventStream
from echo.handling.file_body import FileBody
from echo.handling.large_answers import LargeAnswers
from echo.handling.pending import Pending
from echo.handling.reply import Reply
from echo.handling.scope import ARGUMENTS, CALLER, CLIENT, CONDITIONS
from echo.handling.stream_body import JsonItems, StreamBody

JSON = "application/json"
NUMBERS = {"type": "array", "items": {"type": "integer"}}
ADA = Caller("ada-id", "session", "", "", "local", role="USER")
CLIENT_OF_ADA = ClientInfo("203.0.113.7", secure=True)
Handler = Callable[..., Any]


def operation(*statuses: int, **changes: Any) -> Operation:
    responses = {
        str(status): {"description": "", "content": {JSON: {"schema": NUMBERS}}}
        for status in statuses or (200,)
    }
    described = {
        "operationId": "do",
        "x-openapi-router-controller": "handlers.x",
        "responses": responses,
        **changes,
    }
    (compiled,) = Contract.load({"paths": {"/x": {"post": described}}}).operations
    return compiled


def call(bound: BoundOperation, caller: Caller | None = ADA, **arguments: Any) -> Reply:
    return bound({ARGUMENTS: arguments, CALLER: caller, CLIENT: CLIENT_OF_ADA, CONDITIONS: {}})


def header(reply: Reply, name: str) -> str | None:
    """The value of a header that there is at most once."""
    found: list[str | None] = [
        value.decode() for each, value in reply.headers if each.decode() == name.lower()
    ]
    (value,) = found or [None]
    return value


def returning(reply: Any, large: LargeAnswers | None = None, *statuses: int) -> BoundOperation:
    return BoundOperation(operation(*statuses), lambda: reply, object(), large)


PARAMETERS = [
    {"name": "first-one", "in": "query", "schema": {"type": "string"}},
    {"name": "second", "in": "query", "required": True, "schema": {"type": "string"}},
    {"name": "third", "in": "query", "schema": {"type": "integer", "default": 3}},
]


class TestAHandler:
    @pytest.mark.parametrize(
        ("handler", "problem"),
        [
            (lambda second, third, first_one=None: None, None),
            (lambda services, caller, client, first_one=None, *, second, third: None, None),
            (lambda second, third, first_one=None, fourth=4: None, None),
            (lambda second, first_one=None: None, "handlers.x.do does not take ['third']"),
            (lambda: None, "handlers.x.do does not take ['first_one', 'second', 'third']"),
            (lambda second, third, first_one: None, "handlers.x.do needs ['first_one'], which may be absent"),
            (
                lambda second, third, other, first_one=None: None,
                "handlers.x.do needs ['other'], which may be absent",
            ),
        ],
    )
    def test_takes_what_is_declared_and_needs_nothing_else(
        self, handler: Handler, problem: str | None
    ) -> None:
        declared = operation(parameters=PARAMETERS)
        if problem is None:
            BoundOperation(declared, handler, object())
            return
        with pytest.raises(HandlerMismatch) as raised:
            BoundOperation(declared, handler, object())
        assert str(raised.value) == problem

    def test_takes_the_body_or_the_parts_of_a_form(self) -> None:
        body = {"content": {JSON: {"schema": NUMBERS}}}
        BoundOperation(operation(requestBody=body), lambda body: None, object())
        properties = {"a": {"type": "string"}, "b": {"type": "string"}}
        schema = {"type": "object", "required": ["a"], "properties": properties}
        form = operation(requestBody={"content": {"multipart/form-data": {"schema": schema}}})
        BoundOperation(form, lambda a, b=None: None, object())
        with pytest.raises(HandlerMismatch, match=r"needs \['b'\]"):
            BoundOperation(form, lambda a, b: None, object())

    def test_gets_what_it_asks_for(self) -> None:
        services = object()
        seen: list[Any] = []

        def handler(services: Any, caller: Any, client: Any, second: str) -> None:
            seen.append((services, caller, client, second))

        call(BoundOperation(operation(parameters=PARAMETERS[1:2]), handler, services), second="b")
        assert seen == [(services, ADA, CLIENT_OF_ADA, "b")]


class TestAReply:
    @pytest.mark.parametrize(
        ("reply", "status", "content", "content_type"),
        [
            ([1], 201, b"[1]", JSON),
            (([1], 202), 202, b"[1]", JSON),
            ("text", 201, b"text", "text/plain; charset=utf-8"),
            (None, 201, b"", None),
            ((None, 304), 304, b"", None),
        ],
    )
    def test_is_a_body_with_or_without_a_status(
        self, reply: Any, status: int, content: bytes, content_type: str | None
    ) -> None:
        response = call(returning(reply, None, 400, 202, 201, 302))
        assert (response.status, response.body, response.pieces) == (status, content, None)
        assert header(response, "Content-Type") == content_type
        assert header(response, "Content-Length") == (None if status == 304 else str(len(content)))

    def test_may_have_headers(self) -> None:
        response = call(returning(([1], 201, {"Location": "/x/1"}), None, 201))
        assert (response.status, header(response, "Location")) == (201, "/x/1")
        assert call(returning(None, None, 302, 303)).status == 302

    @pytest.mark.parametrize(
        ("reply", "is_checked"),
        [
            ([1, 2], True),
            (([1], 202), True),
            # What is no JSON yet is held against the contract once it is.
            ([datetime(2026, 1, 2, tzinfo=UTC)], False),
            ([math.nan], False),
            (["one"], False),
            # For nothing else is promised what is promised for JSON.
            (([1], 200, {"Content-Type": "application/vnd.x+json"}), False),
            (([1], 500), False),
            ("text", False),
        ],
    )
    def test_is_held_against_the_contract_where_it_is_made(self, reply: Any, is_checked: bool) -> None:
        response = call(returning(reply, None, 200, 202))
        assert (response.is_checked, response.pieces) == (is_checked, None)

    def test_that_is_made_piece_by_piece_is_json_or_a_file(self) -> None:
        large = LargeAnswers(most=100, most_of_one=100)
        items = call(returning((JsonItems([[1, 2], [3]], held=70), 200, {"X-A": "b"}), large))
        assert (items.is_checked, header(items, "Content-Type"), header(items, "X-A")) == (True, JSON, "b")
        assert large.total == 70
        assert b"".join(items.pieces or ()) == b"[1,2,3]"
        assert large.total == 0
        file = call(returning(StreamBody(iter([b"a", b"b"]), "text/csv", "a.csv", held=20), large))
        assert file.pieces is not None
        assert (file.is_checked, header(file, "Content-Type")) == (False, "text/csv")
        assert header(file, "Content-Disposition") == "attachment; filename*=UTF-8''a.csv"
        assert large.total == 20

    def test_that_is_large_is_held_against_the_contract_before_it_is_sent(self) -> None:
        numbers = list(range(200_000))
        response = call(returning(numbers))
        assert response.pieces is not None
        assert response.is_checked
        assert header(response, "Content-Length") == "1288891"
        assert header(response, "Content-Type") == JSON
        with pytest.raises(ContractBreach):
            call(returning([*numbers, "one"]))
        text = "x" * 1_288_891
        assert (call(returning(text)).pieces, call(returning(text)).body) == (None, text.encode())

    @pytest.mark.parametrize(
        ("statuses", "error", "code"),
        [((200, 429), TooManyRequests, "too_many_large_answers"), ((200,), ServiceUnavailable, "overloaded")],
    )
    def test_of_an_account_that_holds_too_much_is_refused_as_declared(
        self, statuses: tuple[int, ...], error: type[TooManyRequests | ServiceUnavailable], code: str
    ) -> None:
        large = LargeAnswers(most=1000, most_of_one=100)
        share = large.take(ADA.id, 60)
        with pytest.raises(error) as raised:
            call(returning(JsonItems([], held=60), large, *statuses))
        assert (raised.value.code, raised.value.headers["Retry-After"]) == (code, "5")
        # It is counted by account, and without a login by address.
        held = call(returning(JsonItems([], held=60), large, *statuses), None)
        with pytest.raises(error):
            call(returning(JsonItems([], held=60), large, *statuses), None)
        elsewhere = returning(JsonItems([], held=60), large, *statuses)
        elsewhere(
            {
                ARGUMENTS: {},
                CALLER: None,
                CLIENT: ClientInfo("203.0.113.8", secure=True),
                CONDITIONS: {},
            }
        )
        share.close()
        call(returning(JsonItems([], held=60), large, *statuses))
        assert held.pieces is not None

    def test_may_come_later_and_may_be_events(self) -> None:
        async def frames() -> AsyncGenerator[bytes, None]:
            yield b"data: 1\n\n"

        async def make() -> Any:
            return EventStream(frames()), 202, {"X-A": "b"}

        pending = call(returning(Pending(make), None, 200, 202)).pending
        assert pending is not None
        response = asyncio.run(pending.finish())
        assert response.frames is not None
        assert (response.status, header(response, "X-A")) == (202, "b")
        assert header(response, "Content-Type") == "text/event-stream; charset=utf-8"

    def test_that_comes_later_is_of_the_same_account_and_of_what_was_asked(self, tmp_path: Path) -> None:
        path = tmp_path / "a.txt"
        path.write_bytes(b"words")
        body = FileBody(path, "text/plain", "a.txt")
        large = LargeAnswers(most=1000, most_of_one=100)

        def later(made: Any) -> Reply:
            async def make() -> Any:
                return made

            bound = returning(Pending(make), large)
            asked = {
                ARGUMENTS: {},
                CALLER: ADA,
                CLIENT: CLIENT_OF_ADA,
                CONDITIONS: {"REQUEST_METHOD": "HEAD"},
            }
            pending = bound(asked).pending
            assert pending is not None
            return asyncio.run(pending.finish())

        file = later((body, 206, {"X-A": "b"}))
        assert (file.status, file.pieces, header(file, "X-A")) == (206, None, "b")
        assert header(file, "Content-Length") == "5"
        first = later(JsonItems([], held=60))
        with pytest.raises(ServiceUnavailable):
            large.take("bob", 1000)
        with pytest.raises(TooManyRequests):
            large.take(ADA.id, 60)
        assert list(first.pieces or ()) == [b"[]"]
        large.take(ADA.id, 60)

    def test_may_say_itself_of_what_type_it_is(self) -> None:
        page = call(returning(("<p>", 201, {"Content-Type": "text/html", "Content-Length": "7"})))
        assert header(page, "Content-Type") == "text/html"
        assert header(page, "Content-Length") == "3"
        # What was held against the contract as JSON is JSON.
        large = call(returning((list(range(200_000)), 200, {"Content-Type": "text/html"})))
        assert header(large, "Content-Type") == JSON

        async def frames() -> AsyncGenerator[bytes, None]:
            yield b"data: 1\n\n"

        events = call(returning((EventStream(frames()), 200, {"Cache-Control": "private"})))
        assert dict(events.headers) == {
            b"content-type": b"text/event-stream; charset=utf-8",
            b"cache-control": b"private",
            b"x-accel-buffering": b"no",
        }

    def test_is_large_from_a_mebibyte(self) -> None:
        # The contract has numbers, so what is held against it is refused.
        of_a_mebibyte = {"a": "x" * (1_048_576 - 8)}
        assert len(call(returning(of_a_mebibyte)).body) == 1_048_576
        with pytest.raises(ContractBreach):
            call(returning({"a": "x" * (1_048_576 - 7)}))

    def test_that_is_large_is_counted_by_its_bytes(self) -> None:
        large = LargeAnswers(most=2_000_000, most_of_one=2_000_000)
        reply = call(returning(list(range(200_000)), large))
        assert large.total == 1_288_891
        with pytest.raises(ServiceUnavailable) as refused:
            call(returning(list(range(200_000)), large), None)
        assert refused.value.code == "overloaded"
        assert len(b"".join(reply.pieces or ())) == 1_288_891
        assert large.total == 0

    def test_of_an_operation_alone_is_counted_without_a_limit(self) -> None:
        bound = returning(JsonItems([], held=10**15))
        replies = [call(bound), call(bound), call(bound, None)]
        assert [list(reply.pieces or ()) for reply in replies] == [[b"[]"]] * 3
