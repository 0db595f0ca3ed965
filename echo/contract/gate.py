"""The gate in front of Connexion: routes by the contract, checks what leaves, renders every error.

Connexion's own routing asks two routers (its own by document order, Flask's by specificity) that can disagree,
and its security follows the first. Here a request is routed once; what is not in a contract goes no further.
"""

from typing import Protocol
from urllib.parse import quote

from connexion.middleware.abstract import ROUTING_CONTEXT
from starlette.types import ASGIApp, Receive, Scope, Send

from echo.contract.compiled import Operation
from echo.contract.responses import CheckedSend, send_rendered
from echo.contract.routes import Contracts
from echo.error_bodies import render
from echo.errors import ApiError, BadRequest, MethodNotAllowed, NotFound
from echo.handling.failures import to_api_error
from echo.handling.scope import OPERATION, REQUEST_ID


class Beside(Protocol):
    """An ASGI application for paths that no contract has."""

    def claims(self, method: str, path: str) -> bool:
        """Whether it answers such a request; the path as it was sent."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one."""


class ContractGate:
    """Outermost middleware of the contracts: routing, error rendering, response checks.

    A path that no contract has goes to `beside` where that claims it: the web client's files.
    """

    def __init__(self, app: ASGIApp, *, contracts: Contracts, beside: Beside | None = None) -> None:
        self._app = app
        self._contracts = contracts
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            match = self._contracts.match(sent_path(scope))
        except BadRequest as error:
            await self._answer_error(scope, send, error)
            return
        if match is None:
            await self._answer_beside(scope, receive, send)
        elif scope["method"] == "OPTIONS":
            await _answer_options(send, match.allowed)
        elif operation := match.operations.get(scope["method"]):
            scope["path_params"] = dict(match.path_parameters)
            await self._answer(operation, scope, receive, send)
        else:
            await self._answer_error(scope, send, MethodNotAllowed(match.allowed))

    async def _answer_beside(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._beside is not None and self._beside.claims(scope["method"], sent_path(scope)):
            await self._beside(scope, receive, send)
        else:
            await self._answer_error(scope, send, NotFound(code="no_such_path"))

    async def _answer(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION] = operation
        scope.setdefault("extensions", {})[ROUTING_CONTEXT] = {
            "api_base_path": self._contracts.bases[operation.contract],
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
