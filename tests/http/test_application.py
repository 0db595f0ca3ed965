"""The seam with Connexion: what it is given of a document, and where the views are kept."""

from types import SimpleNamespace
from typing import Any

from echo.handling.reply import Reply
from echo.http.application import ContractFlask, outline


def test_connexion_is_given_which_handler_and_which_security_each_operation_has() -> None:
    read = {
        "operationId": "read",
        "x-openapi-router-controller": "handlers.x",
        "security": [],
        "responses": {"200": {"description": ""}},
        "parameters": [{"name": "id", "in": "path"}],
        "requestBody": {"content": {}},
    }
    write = {"operationId": "write", "x-openapi-router-controller": "handlers.y", "responses": {}}
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "/x"}],
        "tags": [{"name": "t"}],
        "security": [{"bearer": []}],
        "paths": {
            "/b": {"get": read, "put": write, "summary": "s"},
            "/a": {"parameters": [], "patch": write},
        },
        "components": {"securitySchemes": {"bearer": {"type": "http"}}, "schemas": {"S": {}}},
    }
    kept = {"operationId": "write", "x-openapi-router-controller": "handlers.y"}
    given = outline(document)
    assert given == {
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "security": [{"bearer": []}],
        "paths": {
            "/b": {
                "get": {
                    "operationId": "read",
                    "x-openapi-router-controller": "handlers.x",
                    "security": [],
                },
                "put": kept,
            },
            "/a": {"patch": kept},
        },
        "components": {"securitySchemes": {"bearer": {"type": "http"}}},
    }
    # Connexion looks at them in this order.
    assert list(given["paths"]) == ["/b", "/a"]


def test_a_document_may_have_no_security() -> None:
    assert outline({"openapi": "3.1.0", "paths": {}}) == {
        "openapi": "3.1.0",
        "paths": {},
        "components": {},
    }


class TestViews:
    def test_are_those_of_the_operation_and_get_the_request(self) -> None:
        application, seen = ContractFlask("echo", static_folder=None), []

        def view(request: dict[str, Any]) -> Reply:
            seen.append(request)
            return Reply(204, [])

        application.add_url_rule("/x", "librechat.handlers_x_do", view, methods=["GET"])
        operation = SimpleNamespace(contract="librechat", handler_name="handlers.x.do")
        request = {"echo.operation": operation}
        assert application.answer(request) == Reply(204, [])
        assert [each is request for each in seen] == [True]

    def test_have_no_rules_in_a_router_that_nobody_asks(self) -> None:
        application = ContractFlask("echo", static_folder=None)
        application.add_url_rule("/x", "own", print)
        application.add_url_rule("/y", view_func=print)
        assert sorted(application.view_functions) == ["/y", "own"]
        assert not list(application.url_map.iter_rules())
