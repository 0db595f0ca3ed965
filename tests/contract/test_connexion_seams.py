"""The points at which Echo reaches into Connexion; an upgrade that moves one must fail here, loudly."""

import asyncio
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import connexion
import pytest
from connexion import spec
from connexion.apps.flask import FlaskApi, FlaskApp, FlaskASGIApp
from connexion.exceptions import OAuthProblem
from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT
from connexion.middleware.security import SecurityMiddleware, SecurityOperation
from connexion.resolver import Resolver
from connexion.security import NO_VALUE, SecurityHandlerFactory
from connexion.spec import OpenAPISpecification, Specification

from echo.contract.document import FILES, load_contract
from echo.contract.schemas import references
from echo.http import application

READ = ("operation_id", "function", "security", "security_schemes", "router_controller")
SEAMS = "Connexion changed: look at every comment in echo/http/application.py before raising the pin"


def what_is_read(document: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Where each operation of a document is, and what we take (`READ`) of how Connexion has read it."""
    specification = Specification.load(document)
    for path, item in specification["paths"].items():
        for method in sorted(METHODS & item.keys()):
            operation = specification.operation_cls.from_spec(
                specification, path=path, method=method, resolver=Resolver()
            )
            yield path, method, *(getattr(operation, name) for name in READ)


def test_the_pinned_version_is_installed() -> None:
    assert version("connexion") == "3.3.0", SEAMS


class TestSeams:
    def test_meta_validation_is_one_class_method(self) -> None:
        assert "_validate_spec" in vars(Specification) or "_validate_spec" in vars(OpenAPISpecification), (
            SEAMS
        )

    def test_a_document_in_31_is_taken(self) -> None:
        application.accept_openapi_31()
        document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}
        assert Specification.load(document).version == (3, 1, 0), SEAMS

    def test_references_are_looked_for_by_one_function_of_the_module(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(spec, "resolve_refs", spec.resolve_refs)
        application.accept_outlines()
        document = {
            "openapi": "3.0.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/": {"$ref": "#/x"}},
        }
        assert Specification.load(document)["paths"] == {"/": {"$ref": "#/x"}}, SEAMS

    @pytest.mark.parametrize("name", FILES)
    def test_an_outline_has_no_references(self, name: str) -> None:
        assert list(references(application.outline(load_contract(name).document))) == []

    @pytest.mark.parametrize("name", FILES)
    def test_an_outline_gives_the_operations_of_the_whole_document(self, name: str) -> None:
        application.accept_openapi_31()
        document = load_contract(name).document
        whole, outlined = (list(what_is_read(each)) for each in (document, application.outline(document)))
        assert len(whole) == len(load_contract(name).operations)
        assert outlined == whole, SEAMS

    def test_the_inner_application_stands_where_ours_is_put(self) -> None:
        app = FlaskApp("seams")
        assert isinstance(app._middleware_app, FlaskASGIApp), SEAMS
        assert app.middleware.app is app._middleware_app, SEAMS

    def test_the_stack_can_be_built_at_once(self) -> None:
        middleware = FlaskApp("seams").middleware
        outermost, stack = middleware._build_middleware_stack()
        assert callable(outermost), SEAMS
        assert middleware.middleware_stack is None, SEAMS
        assert list(stack), SEAMS

    def test_the_flask_api_asks_for_an_operation(self) -> None:
        assert "make_operation" in vars(FlaskApi), SEAMS

    def test_routed_middlewares_read_our_routing(self) -> None:
        assert ROUTING_CONTEXT == "connexion_routing", SEAMS
        assert SecurityMiddleware.api_cls is not None, SEAMS

    def test_a_security_map_gives_checks(self) -> None:
        class Factory:
            def get_fn(self, scheme: dict[str, Any], scopes: list[str]) -> str:
                return f"check for {scheme['type']}"

        factory = SecurityHandlerFactory({"bearer": Factory, "apiKey": Factory})
        bearer = factory.parse_security_scheme({"type": "http", "scheme": "bearer"}, [])
        cookie = factory.parse_security_scheme({"type": "apiKey", "in": "cookie", "name": "c"}, [])
        assert (bearer, cookie) == ("check for http", "check for apiKey"), SEAMS

    async def _verify(self, *results: Any) -> dict[str, Any]:
        class Request:
            def __init__(self) -> None:
                self.context: dict[str, Any] = {}

        async def check(result: Any) -> Any:
            if isinstance(result, Exception):
                raise result
            return result

        request = Request()
        checks = [lambda _request, result=result: check(result) for result in results]
        await SecurityHandlerFactory.verify_security(checks)(request)
        return request.context

    def test_the_second_scheme_counts_when_the_first_fails(self) -> None:
        context = asyncio.run(self._verify(ValueError("expired"), {"sub": "ada"}))
        assert context == {"user": "ada", "token_info": {"sub": "ada"}}, SEAMS

    def test_no_credentials_are_an_oauth_problem(self) -> None:
        with pytest.raises(OAuthProblem):
            asyncio.run(self._verify(NO_VALUE))

    def test_security_is_looked_up_by_operation(self) -> None:
        assert callable(SecurityOperation.from_operation), SEAMS
        assert connexion.FlaskApp is FlaskApp, SEAMS
