"""Echo on Connexion's `AsyncApp` instead of `FlaskApp`, for the comparison only: same layers, same handlers.

`python -m tests.bench.asyncapp --port 3081 --workers 1`
"""

import argparse
import os
from functools import partial
from typing import Any

import connexion
import uvicorn
from connexion.apps.asynchronous import AsyncApi, AsyncASGIApp
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.security import SecurityMiddleware
from connexion.operations import AbstractOperation
from starlette.types import ASGIApp, Receive, Scope, Send

import echo.app
from echo.contract.gate import ContractGate
from echo.contract.operations import BoundOperation, encode, unpack
from echo.handling.scope import OPERATION
from echo.http.application import SecurityMap, accept_openapi_31, build_now
from echo.http.bridge import Pools
from echo.http.rate_limits import RateLimiter, RateLimitMiddleware
from echo.http.reader import RequestReader
from echo.services import Services
from echo.settings import load_settings


class PlainOperation(BoundOperation):
    """The handler without Flask: from the scope to status, headers and bytes."""

    def answer(self, scope: Scope) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        """Call the handler; files are not served here."""
        body, status, headers = unpack(self.handle(scope), self.operation.success_status)
        content, content_type = encode(body)
        sent = {"Content-Type": content_type, "Content-Length": str(len(content)), **headers}
        return status, [(name.lower().encode(), value.encode()) for name, value in sent.items()], content


class PlainApi(AsyncApi):
    """Makes a `PlainOperation` of each operation."""

    services: Services

    def make_operation(self, operation: AbstractOperation) -> PlainOperation:
        """The handler of an operation."""
        ours = {each.handler_name: each for each in self.services.contracts.echo.operations}
        return PlainOperation(ours[operation.operation_id], operation.function, self.services)


class PlainASGIApp(AsyncASGIApp):
    """The inner end: one hop into a thread."""

    def __init__(self, services: Services, pools: Pools) -> None:
        super().__init__()
        self.api_cls = type("BoundApi", (PlainApi,), {"services": services})
        self._pools = pools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose arguments stand in the scope."""
        operation = self.apis[""][0].operations[scope[OPERATION].handler_name]
        status, headers, body = await self._pools[scope[OPERATION].pool].run(operation.answer, scope)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def build_async_application(
    services: Services,
    *,
    pools: Pools,
    limiter: RateLimiter,
    security_map: SecurityMap,
    beside: Any = None,
    lifespan: Any = None,
) -> connexion.AsyncApp:
    """As `echo.http.application.build_application`, with Connexion's other application class."""
    middlewares = [
        partial(ContractGate, contracts=services.contracts, beside=beside),
        SecurityMiddleware,
        partial(RateLimitMiddleware, limiter=limiter),
        partial(RequestReader, settings=services.settings, limiter=limiter),
        LifespanMiddleware,
    ]
    app = connexion.AsyncApp("echo", middlewares=middlewares, security_map=security_map, lifespan=lifespan)
    app._middleware_app = app.middleware.app = PlainASGIApp(services, pools)
    accept_openapi_31()
    app.add_api(services.contracts.echo.document, base_path="")
    build_now(app)
    return app


def create_app() -> ASGIApp:
    """The application of one worker, by the environment."""
    echo.app.build_application = build_async_application  # type: ignore[assignment]
    return echo.app.create_app(load_settings(os.environ))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    given = parser.parse_args()
    uvicorn.run(
        "tests.bench.asyncapp:create_app",
        factory=True,
        port=given.port,
        workers=given.workers,
        log_config=None,
        access_log=False,
        lifespan="on",
    )
