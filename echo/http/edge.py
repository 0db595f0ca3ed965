"""The outermost layer: request ids, the access log, security headers, HEAD, and the last resort.

It knows nothing of the contract. Whatever happens inside, a request ends here with a response and a log line.
"""

import os
import re
import time
from typing import Any

import structlog
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echo.contract.responses import send_rendered
from echo.error_bodies import render, speaks_anthropic
from echo.errors import InternalError
from echo.handling.scope import CLIENT, IS_HEAD, OPERATION, REQUEST_ID
from echo.http.client import read_client
from echo.observation.meter import RequestMeter

log = structlog.get_logger("echo.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
RAW_SECURITY_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
HSTS = "max-age=31536000"


class Edge:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, *, trusted_proxies: int, meter: RequestMeter | None = None) -> None:
        self._app = app
        self._trusted_proxies = trusted_proxies
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer and log one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, send, read_client(dict(scope), self._trusted_proxies))
        # Not taken back: the server runs each request in a task, which has a context of its own.
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        if self._meter:
            self._meter.began(scope)
        await self._answer(exchange, receive)

    async def _answer(self, exchange: "Exchange", receive: Receive) -> None:
        try:
            await self._app(exchange.scope, receive, exchange.send)
        except Exception:
            log.exception("request failed outside of the contract")
            if exchange.status:
                raise
            path = exchange.scope["path"]
            await send_rendered(
                exchange.send, render(InternalError(), request_id=exchange.request_id, path=path)
            )
        finally:
            exchange.end(self._meter)


class Exchange:
    """One request and its response, as the edge sees them."""

    def __init__(self, scope: Scope, send: Send, client: Any) -> None:
        self.request_id = request_id(Headers(scope=scope))
        self._method = scope["method"]
        self.scope = scope
        scope[REQUEST_ID] = self.request_id
        scope[CLIENT] = client
        if self._method == "HEAD":
            # RFC 9110, section 9.3.2: a HEAD is answered as a GET, without the body.
            scope["method"] = "GET"
            scope[IS_HEAD] = True
        self._send = send
        self._begun = time.perf_counter()
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        """Pass on a message, with the headers that every response has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # The server looks here for whether a body may be as short as it will be.
            self.scope["method"] = self._method
            message = {**message, "headers": list(message.get("headers", []))}
            self._add_headers(message["headers"])
        elif self._method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)

    def _add_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        there = {name.lower() for name, _ in headers}
        identity = self.request_id.encode()
        headers.append((b"x-request-id", identity))
        if speaks_anthropic(self.scope["path"]):
            # Where Anthropic's clients look for it.
            headers.append((b"request-id", identity))
        # Headers of a 304 replace those of the stored response (RFC 9111, section 3.2), whose own may be others.
        if self.status != 304:
            headers += [each for each in RAW_SECURITY_HEADERS if each[0] not in there]
        if self.scope[CLIENT].secure:
            headers.append((b"strict-transport-security", HSTS.encode()))

    def end(self, meter: RequestMeter | None) -> None:
        """The access log's line: never the query string, which holds what people search for."""
        operation = self.scope.get(OPERATION)
        seconds = time.perf_counter() - self._begun
        if meter:
            meter.ended(self.scope, self._method, self.status, seconds)
        log.info(
            "request",
            method=self._method,
            path=self.scope["path"],
            operation=operation.label if operation else None,
            status=self.status,
            ms=round(seconds * 1000, 1),
            client=self.scope[CLIENT].address,
        )


def request_id(headers: Headers) -> str:
    """The caller's `X-Request-Id` where it is a harmless one, else a new one."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else os.urandom(16).hex()
