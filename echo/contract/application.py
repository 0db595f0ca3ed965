"""Connexion, held by a thin layer of our own: the one place where Echo reaches into it.

What Connexion does: it reads the document, resolves each `operationId` to its handler, runs the security
schemes and builds the Flask application. What stands here instead of its stock parts, and why:

- meta-validation: Connexion refuses OpenAPI 3.1; `Contract` has validated the document already;
- request and response validation: see `echo.contract.requests` and `echo.contract.responses`;
- the operation: Connexion builds its decorators anew for each call; ours are built once;
- the bridge to Flask: see `echo.http.bridge`.

`tests/contract/test_connexion_seams.py` fails when an upgrade moves one of these points.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import connexion
from connexion.apps.flask import FlaskApi, FlaskASGIApp
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.security import SecurityMiddleware
from connexion.operations import AbstractOperation
from connexion.spec import OpenAPISpecification
from starlette.types import ASGIApp, Receive, Scope, Send

from echo.contract.document import Contract, Operation
from echo.contract.gate import OPERATION, ContractGate
from echo.contract.operations import BoundOperation, bind
from echo.contract.requests import read_arguments
from echo.http.bridge import Bridge, Pools
from echo.http.rate_limits import RateLimiter, RateLimitMiddleware
from echo.services import Services

ARGUMENTS = "echo.arguments"
SecurityMap = dict[str, Callable[[], Any]]


def build_application(
    contract: Contract, services: Services, *, pools: Pools, limiter: RateLimiter, security_map: SecurityMap
) -> connexion.FlaskApp:
    """The Connexion application that serves the contract."""
    _accept_openapi_31()
    middlewares = [
        partial(ContractGate, contract=contract),
        SecurityMiddleware,
        partial(RateLimitMiddleware, limiter=limiter),
        partial(RequestReader, limiter=limiter),
        LifespanMiddleware,
    ]
    app = EchoFlaskApp(
        "echo",
        middlewares=middlewares,
        security_map=security_map,
        server_args={"static_folder": None},
    )
    app.add_api(contract.document, base_path="")
    app.bind(contract, services, pools)
    return app


class RequestReader:
    """Turns the request into the handler's arguments before Flask is entered; see `read_arguments`."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, check and pass on."""
        if scope["type"] == "http":
            arguments = await read_arguments(scope[OPERATION], scope, receive)
            await self._limiter.check_arguments(scope[OPERATION], arguments)
            scope[ARGUMENTS] = arguments
        await self._app(scope, receive, send)


class EchoFlaskApp(connexion.FlaskApp):
    """Connexion's FlaskApp with our operations and our bridge."""

    _middleware_app: "EchoFlaskASGIApp"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bindings: dict[str, BoundOperation] = {}

    def bind(self, contract: Contract, services: Services, pools: Pools) -> None:
        """Give each operation its handler and the services; raises `TypeError` for one that does not fit."""
        raise NotImplementedError
