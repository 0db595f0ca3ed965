"""The gate in front of Connexion: routes by the contract, checks what leaves, renders every error.

Connexion's own routing asks two routers (its own by document order, Flask's by specificity) that can disagree,
and its security follows the first. Here a request is routed once; what is not in the contract goes no further.
"""

from urllib.parse import quote

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.types import ASGIApp, Receive, Scope, Send

from echo.contract.document import Contract, Operation
from echo.contract.responses import CheckedSend, send_rendered
from echo.errors import (
    ApiError,
    BadRequest,
    MethodNotAllowed,
    NotFound,
    render,
)
from echo.handling.failures import to_api_error
from echo.handling.scope import OPERATION, REQUEST_ID


class ContractGate:
    """Outermost middleware of the contract: routing, error rendering, response checks."""

    def __init__(self, app: ASGIApp, *, contract: Contract) -> None:
        self._app = app
        self._contract = contract

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            match = self._contract.match(sent_path(scope))
        except BadRequest as error:
            await self._answer_error(scope, send, error)
            return
        if match is None:
            await self._answer_error(scope, send, NotFound(code="no_such_path"))
        elif scope["method"] == "OPTIONS":
            await _answer_options(send, match.allowed)
        elif operation := match.operations.get(scope["method"]):
            scope["path_params"] = dict(match.path_parameters)
            await self._answer(operation, scope, receive, send)
        else:
            await self._answer_error(scope, send, MethodNotAllowed(match.allowed))

    async def _answer(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION] = operation
        scope.setdefault("extensions", {})[ROUTING_CONTEXT] = {
            "api_base_path": "",
            "operation_id": operation.handler_name,
        }
        checked = CheckedSend(send, operation, scope)
        try:
            await self._app(scope, receive, checked)
        except Exception as exc:
            if checked.started:
                # The status line is out: all that is left is to break the connection, so that the client sees it.
                raise
            await self._answer_error(scope, CheckedSend(send, operation, scope), to_api_error(exc))

    async def _answer_error(self, scope: Scope, send: Send, error: ApiError) -> None:
        await send_rendered(send, render(error, request_id=scope.get(REQUEST_ID), path=scope["path"]))


def sent_path(scope: Scope) -> str:
    """The path as the client sent it, still percent-encoded."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.decode("latin-1")


async def _answer_options(send: Send, allowed: tuple[str, ...]) -> None:
    headers = [(b"allow", ", ".join(allowed).encode())]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
