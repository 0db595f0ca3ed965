"""Connexion, held by a thin layer of our own: the one place where Echo reaches into it.

What Connexion does: it reads the document, resolves each `operationId` to its handler, runs the security
schemes and builds the Flask application. What stands here instead of its stock parts, and why:

- meta-validation: Connexion refuses OpenAPI 3.1; the tests hold the document against it;
- the whole document: Connexion copies what it gets five times; it is given the outline that it still reads;
- request and response validation: see `echo.contract.requests` and `echo.contract.responses`;
- the operation: Connexion builds its decorators anew for each call; ours are built once;
- Flask's router: the gate has routed the request already, and two routers could disagree;
- Flask's contexts, responses and WSGI: see `ContractFlask` and `echo.http.bridge`.

`tests/contract/test_connexion_seams.py` fails when an upgrade moves one of these points.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol

import connexion
import flask
from connexion import spec
from connexion.apps.flask import FlaskApi, FlaskASGIApp
from connexion.middleware.lifespan import LifespanMiddleware
from connexion.middleware.security import SecurityMiddleware
from connexion.operations import AbstractOperation
from connexion.spec import OpenAPISpecification
from starlette.types import Receive, Scope, Send

from echo.contract.document import METHODS, Contract
from echo.contract.gate import Beside, ContractGate
from echo.contract.operations import BoundOperation
from echo.contract.routes import Contracts
from echo.handling.large_answers import LargeAnswers
from echo.handling.reply import Reply
from echo.handling.scope import OPERATION
from echo.http.bridge import Bridge
from echo.http.capabilities import CapabilityGuard, CapabilityMiddleware
from echo.http.permissions import Guard, PermissionMiddleware
from echo.http.pools import Pools
from echo.http.rate_limits import RateLimiter, RateLimitMiddleware
from echo.http.reader import RequestReader
from echo.settings import Settings

_READ_OF_OPERATION = ("operationId", "x-openapi-router-controller", "security")
SecurityMap = Mapping[str, Callable[[], Any]]


class HandlerServices(Protocol):
    """What handlers get as `services`, as far as it matters here: `echo.services` knows the rest."""

    @property
    def contracts(self) -> Contracts:
        """The documents that are served."""

    @property
    def settings(self) -> Settings:
        """The settings of this process."""


def build_application(
    services: HandlerServices,
    *,
    pools: Pools,
    limiter: RateLimiter,
    capabilities: CapabilityGuard,
    guard: Guard,
    security_map: SecurityMap,
    beside: Beside | None = None,
    lifespan: Any = None,
) -> connexion.FlaskApp:
    """The Connexion application that serves the contracts, and `beside` where they have nothing.

    Raises `HandlerMismatch`, or Connexion's `ResolverError`, when a handler is missing or does not fit its operation.
    """
    contracts, settings = services.contracts, services.settings
    middlewares = [
        partial(ContractGate, contracts=contracts, beside=beside),
        SecurityMiddleware,
        partial(RateLimitMiddleware, limiter=limiter),
        partial(CapabilityMiddleware, guard=capabilities),
        partial(PermissionMiddleware, guard=guard),
        partial(RequestReader, settings=settings, limiter=limiter),
        LifespanMiddleware,
    ]
    app = EchoFlaskApp(services, pools, middlewares=middlewares, security_map=security_map, lifespan=lifespan)
    accept_openapi_31()
    accept_outlines()
    for contract in contracts:
        app.add_api(outline(contract.document), base_path=contracts.bases[contract.name])
    build_now(app)
    return app


def outline(document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a document that Connexion reads here: which handler and which security each operation has.

    Parameters, bodies and answers are checked by what `echo.contract` has compiled. With them, Connexion's
    copying and resolving takes four fifths of the time that an application takes to be built, and their memory.
    """
    paths = {
        path: {method: _kept(item[method], _READ_OF_OPERATION) for method in METHODS if method in item}
        for path, item in document["paths"].items()
    }
    components = _kept(document.get("components", {}), ("securitySchemes",))
    return _kept(document, ("openapi", "info", "security")) | {"paths": paths, "components": components}


def _kept(node: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: node[name] for name in names if name in node}


def build_now(app: connexion.FlaskApp) -> None:
    """Put the middlewares together; Connexion would only at the first request, too late to refuse to start."""
    app.middleware.app, app.middleware.middleware_stack = app.middleware._build_middleware_stack()


def accept_openapi_31() -> None:
    """Take Connexion's meta-validation away: its schema is that of 3.0, and the tests have checked 3.1."""
    OpenAPISpecification._validate_spec = classmethod(lambda _cls, _spec: None)


def accept_outlines() -> None:
    """Take away Connexion's looking for references: an outline has none, and `jsonschema` is loaded for it."""
    spec.resolve_refs = lambda outlined, **_: outlined


class EchoFlaskApp(connexion.FlaskApp):
    """Connexion's FlaskApp with our operations and our bridge."""

    def __init__(self, services: HandlerServices, pools: Pools, **options: Any) -> None:
        super().__init__("echo", server_args={"static_folder": None}, **options)
        # Connexion made its own inner application just now, in a constructor without a hook for ours.
        self._middleware_app = self.middleware.app = EchoFlaskASGIApp(services, pools)
        self.app = self._middleware_app.app


class EchoFlaskASGIApp(FlaskASGIApp):
    """The inner end: a Flask application reached through the bridge."""

    def __init__(self, services: HandlerServices, pools: Pools) -> None:
        super().__init__("echo", {"static_folder": None})
        self.app: ContractFlask = ContractFlask("echo", static_folder=None)
        self._services = services
        settings = services.settings
        self._large = LargeAnswers(
            most=settings.large_answers_bytes, most_of_one=settings.large_answers_user_bytes
        )
        self._bridge = Bridge(self.app.answer, pools)

    def add_api(self, specification: Any, *, base_path: str, **kwargs: Any) -> FlaskApi:
        """Register the operations of the document that is served below that path."""
        contracts = self._services.contracts
        (contract,) = (each for each in contracts if contracts.bases[each.name] == base_path)
        make = partial(EchoFlaskApi, services=self._services, contract=contract, large=self._large)
        api = make(specification, base_path=base_path, **kwargs)
        self.app.register_blueprint(api.blueprint, name=contract.name)
        return api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request whose arguments stand in the scope."""
        await self._bridge(scope, receive, send)


class EchoFlaskApi(FlaskApi):
    """Registers a `BoundOperation` for each operation."""

    def __init__(
        self, *args: Any, services: HandlerServices, contract: Contract, large: LargeAnswers, **kwargs: Any
    ) -> None:
        self._services = services
        self._large = large
        self._operations = {operation.handler_name: operation for operation in contract.operations}
        super().__init__(*args, **kwargs)

    def make_operation(self, operation: AbstractOperation) -> BoundOperation:
        """The view function of an operation."""
        ours = self._operations[operation.operation_id]
        return BoundOperation(ours, operation.function, self._services, self._large)


class ContractFlask(flask.Flask):
    """A Flask application that holds the views, and neither routes nor answers WSGI.

    The contract's gate has routed the request, and handlers are plain functions of their arguments: nothing asks
    for Flask's contexts. With them, and Werkzeug's way from a response to WSGI and back, a read costs a fifth more.
    """

    def answer(self, request: dict[str, Any]) -> Reply:
        """The reply to a request; what the view raises passes through."""
        operation = request[OPERATION]
        view: Any = self.view_functions[f"{operation.contract}.{operation.handler_name.replace('.', '_')}"]
        reply: Reply = view(request)
        return reply

    def add_url_rule(
        self, rule: str, endpoint: str | None = None, view_func: Any = None, *_args: Any, **_options: Any
    ) -> None:
        """Keep the view by its endpoint; Werkzeug would compile a rule for a router that nobody asks."""
        self.view_functions[str(endpoint or rule)] = view_func
