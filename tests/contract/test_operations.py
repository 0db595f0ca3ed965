"""One operation with its handler: what a handler must take, and what becomes of what it returns."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from echo.contract.document import Contract, Operation
from echo.contract.operations import BoundOperation, HandlerMismatch
from echo.contract.responses import ContractBreach
from echo.errors import ServiceUnavailable, TooManyRequests
from echo.handling.caller import Caller, ClientInfo
from echo.handling.event_stream import EventStream
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


def headers(reply: Reply) -> dict[str, str]:
    return {name.decode().title(): value.decode() for name, value in reply.headers}


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
        assert (response.status, response.body) == (status, content)
        assert headers(response).get("Content-Type") == content_type

    def test_may_have_headers(self) -> None:
        response = call(returning(([1], 201, {"Location": "/x/1"}), None, 201))
        assert (response.status, headers(response)["Location"]) == (201, "/x/1")
        assert call(returning(None, None, 302, 303)).status == 302

    def test_that_is_made_piece_by_piece_is_json_or_a_file(self) -> None:
        large = LargeAnswers(most=100, most_of_one=100)
        items = call(returning((JsonItems([[1, 2], [3]], held=70), 200, {"X-A": "b"}), large))
        assert items.pieces is not None
        assert (items.is_checked, headers(items)["Content-Type"], headers(items)["X-A"]) == (True, JSON, "b")
        assert large.total == 70
        assert b"".join(items.pieces) == b"[1,2,3]"
        assert large.total == 0
        file = call(returning(StreamBody(iter([b"a", b"b"]), "text/csv", "a.csv", held=20), large))
        assert file.pieces is not None
        assert (file.is_checked, headers(file)["Content-Type"]) == (False, "text/csv")
        assert headers(file)["Content-Disposition"] == "attachment; filename*=UTF-8''a.csv"
        assert large.total == 20

    def test_that_is_large_is_held_against_the_contract_before_it_is_sent(self) -> None:
        numbers = list(range(200_000))
        response = call(returning(numbers))
        assert response.pieces is not None
        assert response.is_checked
        assert headers(response)["Content-Length"] == "1288891"
        assert headers(response)["Content-Type"] == JSON
        with pytest.raises(ContractBreach):
            call(returning([*numbers, "one"]))
        text = "x" * 1_288_891
        assert call(returning(text)).pieces is None

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
        # It is counted by account.
        call(returning(JsonItems([], held=60), large, *statuses), None)
        share.close()
        call(returning(JsonItems([], held=60), large, *statuses))

    def test_may_come_later_and_may_be_events(self) -> None:
        async def frames() -> AsyncGenerator[bytes, None]:
            yield b"data: 1\n\n"

        async def make() -> Any:
            return EventStream(frames()), 202, {"X-A": "b"}

        pending = call(returning(Pending(make), None, 200, 202))
        assert pending.pending is not None
        response = asyncio.run(pending.pending.finish())
        assert response.frames is not None
        assert (response.status, headers(response)["X-A"]) == (202, "b")
        assert headers(response)["Content-Type"].startswith("text/event-stream")
