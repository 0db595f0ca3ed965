"""The gate around small applications: where a request goes, and what becomes of errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from starlette.types import Message, Receive, Scope, Send

from echo.contract.document import Contract
from echo.contract.gate import Beside, ContractGate
from echo.contract.routes import lay_out
from echo.errors import Conflict

JSON = "application/json"
ANY = {"description": "", "content": {JSON: {}}}
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def contract(name: str, **operations: str) -> Contract:
    """With an operation for each method; answers of 200, 409 and 500 are declared."""
    described = {
        method: {
            "operationId": operation,
            "x-openapi-router-controller": "handlers.x",
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "responses": {"200": ANY, "409": ANY, "500": ANY},
        }
        for method, operation in operations.items()
    }
    return Contract.load({"paths": {"/api/things/{id}": described}}, name)


CONTRACTS = lay_out(contract("echo", get="read", put="write"), contract("librechat", get="look"), "echo")


class Client:
    """The web client's files: those below `/c/`."""

    def claims(self, method: str, path: str) -> bool:
        return method == "GET" and path.startswith("/c/%C3%A9")

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "beside", "path": scope["path"]})


async def receive() -> Message:
    raise AssertionError("nobody reads here")


def ask(
    path: str,
    method: str = "GET",
    application: Application | None = None,
    beside: Beside | None = None,
    **scope: Any,
) -> tuple[list[Any], dict[str, Any]]:
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asked: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "echo.request_id": "r-1",
        **scope,
    }
    gate = ContractGate(application or answer(b"{}"), contracts=CONTRACTS, beside=beside)
    asyncio.run(gate(asked, receive, send))
    return sent, asked


def answer(body: bytes, *, fails: Exception | None = None, begins: bool = True) -> Application:
    async def application(_scope: Scope, _receive: Receive, send: Send) -> None:
        if begins:
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", JSON.encode())]}
            )
            await send({"type": "http.response.body", "body": body})
        if fails:
            raise fails

    return application


def error(sent: list[Any]) -> tuple[int, str, str]:
    start, body = sent
    content = orjson.loads(body["body"])
    return start["status"], content["code"], content["requestId"]


class TestRouting:
    @pytest.mark.parametrize(
        ("path", "method", "operation", "base"),
        [
            ("/api/things/a", "GET", "read", ""),
            ("/api/things/a", "PUT", "write", ""),
            ("/chat/api/things/a", "GET", "librechat.look", "/chat"),
        ],
    )
    def test_tells_what_is_behind_which_operation_it_is(
        self, path: str, method: str, operation: str, base: str
    ) -> None:
        sent, scope = ask(path, method)
        assert [message.get("status") for message in sent] == [200, None]
        assert scope["echo.operation"].label == operation
        assert scope["path_params"] == {"id": "a"}
        assert scope["extensions"] == {
            "connexion_routing": {
                "api_base_path": base,
                "operation_id": f"handlers.x.{operation.rpartition('.')[2]}",
            }
        }

    def test_hands_on_the_request_itself(self) -> None:
        given: list[Any] = []

        async def application(scope: Scope, reading: Receive, send: Send) -> None:
            given.append((scope, reading))
            await answer(b"{}")(scope, reading, send)

        _, scope = ask("/api/things/a", application=application, extensions={"tls": {}})
        assert [(given_scope is scope, reading) for given_scope, reading in given] == [(True, receive)]
        assert sorted(scope["extensions"]) == ["connexion_routing", "tls"]

    def test_goes_by_the_path_as_it_was_sent(self) -> None:
        _, scope = ask("/api/things/a/b", raw_path=b"/api/things/a%2Fb")
        assert scope["path_params"] == {"id": "a/b"}
        sent, _ = ask("/api/things/a/b")
        assert error(sent) == (404, "no_such_path", "r-1")
        # Without it, by what it must have been.
        _, scope = ask("/api/things/\u00e9 x")
        assert scope["path_params"] == {"id": "\u00e9 x"}

    def test_of_what_is_no_text_is_a_400(self) -> None:
        sent, _ = ask("/api/things/\ufffd", raw_path=b"/api/things/%ff")
        assert error(sent)[0] == 400

    def test_of_a_method_that_there_is_not_names_the_others(self) -> None:
        sent, _ = ask("/api/things/a", "DELETE")
        assert error(sent) == (405, "method_not_allowed", "r-1")
        assert dict(sent[0]["headers"])[b"allow"] == b"GET, HEAD, OPTIONS, PUT"

    def test_of_options_is_an_answer_of_its_own(self) -> None:
        sent, _ = ask("/api/things/a", "OPTIONS")
        assert sent == [
            {
                "type": "http.response.start",
                "status": 204,
                "headers": [(b"allow", b"GET, HEAD, OPTIONS, PUT")],
            },
            {"type": "http.response.body", "body": b""},
        ]

    def test_leaves_what_is_no_request_alone(self) -> None:
        async def application(scope: Scope, reading: Receive, send: Send) -> None:
            assert reading is receive
            await send({"type": scope["type"]})

        assert ask("", type="lifespan", application=application)[0] == [{"type": "lifespan"}]


class TestBeside:
    @pytest.mark.parametrize(
        ("method", "path"), [("GET", "/d/\u00e9"), ("POST", "/c/\u00e9"), ("GET", "/c/e")]
    )
    def test_has_nothing_that_it_does_not_claim(self, method: str, path: str) -> None:
        assert error(ask(path, method, beside=Client())[0]) == (404, "no_such_path", "r-1")

    def test_has_what_it_claims_and_no_contract_has(self) -> None:
        assert ask("/c/\u00e9", beside=Client())[0] == [{"type": "beside", "path": "/c/\u00e9"}]
        assert error(ask("/c/\u00e9")[0]) == (404, "no_such_path", "r-1")


class TestErrors:
    def test_of_the_application_become_the_one_body(self) -> None:
        sent, _ = ask("/api/things/a", application=answer(b"", fails=Conflict(code="taken"), begins=False))
        assert error(sent) == (409, "taken", "r-1")

    def test_of_any_other_kind_are_a_500_that_tells_nothing(self) -> None:
        sent, _ = ask("/api/things/a", application=answer(b"", fails=RuntimeError("canary"), begins=False))
        assert error(sent) == (500, "internal_error", "r-1")
        assert b"canary" not in sent[1]["body"]

    def test_that_are_not_declared_are_a_500(self) -> None:
        failure = Conflict(code="taken")
        failure.status = 418
        sent, _ = ask("/api/things/a", application=answer(b"", fails=failure, begins=False))
        assert error(sent) == (500, "internal_error", "r-1")

    def test_once_the_answer_has_begun_break_the_connection(self) -> None:
        with pytest.raises(RuntimeError, match="canary"):
            ask("/api/things/a", application=answer(b"{}", fails=RuntimeError("canary")))
