"""What a document comes to once it is compiled."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from echo.contract.compiled import Operation
from echo.contract.document import Contract, document_text, load_contract
from echo.contract.parameters import Fields
from echo.errors import BadRequest

JSON = "application/json"
TEXT = {"type": "string"}
COMPONENTS: dict[str, Any] = {
    "schemas": {
        "Item": {"type": "object", "required": ["id"], "properties": {"id": TEXT}},
        "Page": {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}},
                "total": {"type": "integer"},
            },
        },
    },
    "parameters": {"Limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "default": 25}}},
    "responses": {
        "Page": {"description": "", "content": {JSON: {"schema": {"$ref": "#/components/schemas/Page"}}}}
    },
    "headers": {"Required": {"required": True, "schema": TEXT}},
    "requestBodies": {"Item": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Item"}}}}},
}


def contract(paths: dict[str, Any], name: str = "echo", **more: Any) -> Contract:
    return Contract.load({"paths": paths, "components": COMPONENTS, **more}, name)


def described(**changes: Any) -> dict[str, Any]:
    usual = {
        "operationId": "do",
        "x-openapi-router-controller": "handlers.x",
        "responses": {"200": {"description": ""}},
    }
    return {**usual, **changes}


def compiled(method: str = "get", document: dict[str, Any] | None = None, **changes: Any) -> Operation:
    (operation,) = contract({"/x": {method: described(**changes)}}, **(document or {})).operations
    return operation


def test_what_is_not_said_of_an_operation_is_the_usual() -> None:
    operation = compiled()
    assert (operation.contract, operation.id, operation.controller) == ("echo", "do", "handlers.x")
    assert (operation.method, operation.path, operation.pool) == ("GET", "/x", "read")
    assert (operation.parameters, operation.body, operation.body_limit) == ((), None, None)
    assert (operation.rate_limits, operation.capabilities, dict(operation.permissions)) == ((), (), {})
    assert (operation.handler_name, operation.label, operation.secured) == ("handlers.x.do", "do", False)
    assert compiled("post").pool == "write"


def test_what_is_said_of_an_operation() -> None:
    operation = compiled(
        "post",
        parameters=[{"$ref": "#/components/parameters/Limit"}],
        requestBody={"$ref": "#/components/requestBodies/Item"},
        **{
            "x-echo-pool": "slow",
            "x-echo-rate-limits": ["login", "login_address"],
            "x-echo-body-limit": "import",
            "x-echo-capability": ["read:users"],
            "x-echo-permission": {"PROMPTS": ["USE", "CREATE"]},
        },
    )
    assert (operation.pool, operation.body_limit) == ("slow", "import")
    assert operation.rate_limits == ("login", "login_address")
    assert operation.capabilities == ("read:users",)
    assert operation.permissions == {"PROMPTS": ("USE", "CREATE")}
    [limit] = operation.parameters
    assert (limit.name, limit.default, limit.required) == ("limit", 25, False)
    body = operation.body
    assert body is not None
    assert (body.required, body.arguments) == (False, {"body": True})
    assert [body.media_types[JSON].is_valid(each) for each in ({"id": "a"}, {})] == [True, False]
    needed = {"required": True, "content": {JSON: {}}}
    assert getattr(compiled("post", requestBody=needed).body, "required", None) is True


@pytest.mark.parametrize(
    ("of_document", "of_operation", "secured"),
    [
        (None, None, False),
        ([{"bearer": []}], None, True),
        ([{"bearer": []}], [], False),
        # Who has not logged in may ask, too.
        ([{"bearer": []}], [{"bearer": []}, {}], False),
        ([], [{"bearer": []}, {"key": []}], True),
    ],
)
def test_who_must_have_logged_in(of_document: Any, of_operation: Any, secured: bool) -> None:
    document = {} if of_document is None else {"security": of_document}
    changes = {} if of_operation is None else {"security": of_operation}
    assert compiled(document=document, **changes).secured is secured


def test_responses_are_read_once_with_the_items_of_their_lists() -> None:
    operation = compiled(
        responses={
            "404": {"$ref": "#/components/responses/Page"},
            "302": {
                "description": "",
                "headers": {
                    "Location": {"$ref": "#/components/headers/Required"},
                    "X-Other": {"schema": TEXT},
                },
            },
            "206": {
                "description": "",
                "content": {
                    JSON: {"schema": {"type": "array", "items": TEXT}},
                    "image/png": {"schema": {"type": "string", "format": "binary"}},
                    "*/*": {},
                },
            },
            "500": {"$ref": "#/components/responses/Page"},
        }
    )
    assert operation.success_status == 206
    page, moved, part = (operation.responses[status] for status in (404, 302, 206))
    assert operation.responses[500] is page
    assert list(page.items) == ["items"]
    assert [page.items["items"].is_valid(each) for each in ({"id": "a"}, {})] == [True, False]
    assert (moved.required_headers, dict(moved.items), dict(moved.media_types)) == (("location",), {}, {})
    assert list(part.items) == [None]
    assert part.items[None].is_valid("a")
    # Of bytes nothing is known.
    assert (part.media_types["image/png"], part.media_types["*/*"]) == (None, None)
    assert part.required_headers == ()


def test_a_list_in_a_query_is_of_what_its_items_are() -> None:
    schema = {"type": "array", "maxItems": 2, "items": {"type": "integer"}}
    [tags] = compiled(parameters=[{"name": "tags", "in": "query", "schema": schema}]).parameters
    arguments: dict[str, Any] = {}
    assert tags.read(Fields([("tags", "1"), ("tags[]", "2"), ("other", "3")]), arguments) is None
    assert arguments == {"tags": [1, 2]}
    assert getattr(tags.read(Fields([("tags", "x")]), {}), "field", None) == "tags"


def test_a_form_is_an_argument_for_each_field() -> None:
    properties = {"fileName": TEXT, "id": TEXT}
    schema = {"type": "object", "required": ["id"], "properties": properties}
    body = compiled("post", requestBody={"content": {"multipart/form-data": {"schema": schema}}}).body
    assert body is not None
    assert body.arguments == {"file_name": False, "id_": True}


@pytest.fixture
def laid_out() -> Contract:
    def at(path: str, *methods: str, **parameter: Any) -> dict[str, Any]:
        named = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        given = [
            {"name": each, "in": "path", "required": True, "schema": TEXT, **parameter} for each in named
        ]
        return {path: {method: described(operationId=path, parameters=given) for method in methods}}

    return contract(
        {
            **at("/files/{path}", "get", **{"x-echo-slashes": True}),
            **at("/x/{id}", "get", "put"),
            **at("/x/{id}/y", "delete"),
            **at("/x/all", "post"),
        },
        "librechat",
    )


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "id_", "parameters", "allowed"),
        [
            ("/x/all", "/x/all", {}, ("OPTIONS", "POST")),
            ("/x/a%2Fb", "/x/{id}", {"id": "a/b"}, ("GET", "HEAD", "OPTIONS", "PUT")),
            ("/x/%C3%A9", "/x/{id}", {"id": "\u00e9"}, ("GET", "HEAD", "OPTIONS", "PUT")),
            ("/x/a/y", "/x/{id}/y", {"id": "a"}, ("DELETE", "OPTIONS")),
            ("/files/a/b.png", "/files/{path}", {"path": "a/b.png"}, ("GET", "HEAD", "OPTIONS")),
        ],
    )
    def test_lead_to_operations(
        self, laid_out: Contract, path: str, id_: str, parameters: dict[str, str], allowed: tuple[str, ...]
    ) -> None:
        match = laid_out.match(path)
        assert match is not None
        assert {each.label for each in match.operations.values()} == {f"librechat.{id_}"}
        assert (dict(match.path_parameters), match.allowed) == (parameters, allowed)

    @pytest.mark.parametrize("path", ["/x", "/x/", "/x/a/b", "/y/x/all", "/files/", "/xxall"])
    def test_that_lead_nowhere(self, laid_out: Contract, path: str) -> None:
        assert laid_out.match(path) is None

    def test_that_are_no_text(self, laid_out: Contract) -> None:
        with pytest.raises(BadRequest) as raised:
            laid_out.match("/x/%C3")
        assert (raised.value.code, raised.value.message) == (
            "malformed_path",
            "The path is not valid UTF-8.",
        )

    def test_stand_with_the_static_ones_first(self, laid_out: Contract) -> None:
        assert list(laid_out.document["paths"]) == ["/files/{path}", "/x/all", "/x/{id}", "/x/{id}/y"]


class TestThoseThatShip:
    FILES = (("echo", "openapi.json"), ("librechat", "openapi.librechat.json"))

    @pytest.mark.parametrize(("name", "file"), FILES)
    def test_are_beside_the_package_in_a_checkout(self, name: str, file: str) -> None:
        written = Path(__file__).parents[2].joinpath(file).read_bytes()
        assert document_text(name).encode() == written

    @pytest.mark.parametrize(("name", "file"), FILES)
    def test_are_inside_it_when_installed(
        self, name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tmp_path.joinpath("echo").mkdir()
        tmp_path.joinpath("echo", file).write_bytes('{"a": "\u00e9"}'.encode())
        monkeypatch.setattr(resources, "files", tmp_path.joinpath)
        assert document_text(name) == '{"a": "\u00e9"}'

    @pytest.mark.parametrize(("name", "file"), FILES)
    def test_are_read_as_they_are_and_once(self, name: str, file: str) -> None:
        read = load_contract.__wrapped__(name)
        assert read.name == name
        assert read.document == json.loads(Path(__file__).parents[2].joinpath(file).read_bytes())
        assert {operation.contract for operation in read.operations} == {name}
        assert load_contract(name) is load_contract(name)


def test_a_document_that_is_given_stays_as_it_was() -> None:
    given = {"paths": {"/{id}": {"get": described()}, "/a": {"get": described()}}}
    loaded = Contract.load(given)
    assert (list(given["paths"]), list(loaded.document["paths"])) == (["/{id}", "/a"], ["/a", "/{id}"])
    assert loaded.name == "echo"
