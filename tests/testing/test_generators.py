"""What a document says to generators of clients."""

from typing import Any

import pytest

from echo.testing.generators import for_generators
from echo.testing.operations import Operations
from echo.testing.sweeps.exchanges import Answer, Exchange, Request
from echo.testing.sweeps.links import Links
from tests.support.operations import DOCUMENT, LIBRECHAT


def adapted(*, answer: dict[str, Any] | None = None, **schemas: Any) -> dict[str, Any]:
    operation = {"responses": {"200": answer or {}}, "x-echo-pool": "slow"}
    return for_generators({"paths": {"/x": {"get": operation}}, "components": {"schemas": schemas}})


def schema(raw: dict[str, Any]) -> Any:
    return adapted(Thing=raw)["components"]["schemas"]["Thing"]


def test_a_link_has_no_object_for_a_body_and_no_extension() -> None:
    links = {"a": {"operationId": "a", "requestBody": {"b": 1}}, "b": {"requestBody": "$response.body"}}
    document = adapted(answer={"links": links})
    assert document["paths"]["/x"]["get"] == {
        "responses": {"200": {"links": {"a": {"operationId": "a"}, "b": {"requestBody": "$response.body"}}}}
    }
    assert links["a"]["requestBody"] == {"b": 1}


@pytest.mark.parametrize(
    ("media_type", "media", "whole"),
    [
        ("text/css", {}, {"type": "string"}),
        ("audio/mpeg", {}, {"type": "string", "format": "binary"}),
        ("*/*", {"schema": {"format": "binary"}}, {"type": "string", "format": "binary"}),
        (
            "application/json",
            {"schema": {"type": "integer", "format": "int32"}},
            {"type": "integer", "format": "int32"},
        ),
    ],
)
def test_every_media_type_has_a_schema(media_type: str, media: Any, whole: Any) -> None:
    document = adapted(answer={"content": {media_type: media}})
    assert document["paths"]["/x"]["get"]["responses"]["200"]["content"] == {media_type: {"schema": whole}}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            {
                "type": ["string", "array", "null"],
                "maxLength": 9,
                "maxItems": 2,
                "items": {"type": "boolean"},
            },
            {
                "anyOf": [
                    {"type": ["string", "null"], "maxLength": 9},
                    {"type": "array", "maxItems": 2, "items": {"type": "boolean"}},
                ]
            },
        ),
        (
            {"description": "d", "type": ["integer", "object"], "minimum": 1, "required": ["a"]},
            {
                "description": "d",
                "anyOf": [
                    {"type": "integer", "minimum": 1, "format": "int64"},
                    {"type": "object", "required": ["a"]},
                ],
            },
        ),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "integer"}, {"type": "integer", "format": "int64"}),
        ({"type": "object", "additionalProperties": False}, {"type": "object"}),
        (
            {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "format": "binary"}},
            {"type": "array", "items": {"type": "string", "format": "binary"}},
        ),
        ({"type": "boolean", "enum": [True]}, {"type": "boolean"}),
        ({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
        (
            {"properties": {"_id": {}, "id": {}, "_v": {}}, "required": ["_id", "id", "_v"]},
            {"properties": {"id": {}, "_v": {}}, "required": ["id", "_v"]},
        ),
        (
            {"properties": {"requestId": {}, "request_id": {}}, "required": ["requestId"]},
            {"properties": {"requestId": {}}, "required": ["requestId"]},
        ),
        # A field may have the name of a keyword, and an example any.
        (
            {"properties": {"type": {"enum": [{"type": ["a", "b"]}]}, "properties": {"type": "integer"}}},
            {
                "properties": {
                    "type": {"enum": [{"type": ["a", "b"]}]},
                    "properties": {"type": "integer", "format": "int64"},
                }
            },
        ),
    ],
)
def test_a_schema_is_said_in_one_way(raw: dict[str, Any], expected: dict[str, Any]) -> None:
    assert schema(raw) == expected


def test_no_schema_is_called_as_what_makes_another() -> None:
    document = adapted(
        Memory={"type": "string"},
        NewMemory={"type": "boolean"},
        NewYear={"$ref": "#/components/schemas/NewMemory"},
    )
    assert document["components"]["schemas"] == {
        "Memory": {"type": "string"},
        "MemoryNew": {"type": "boolean"},
        "NewYear": {"$ref": "#/components/schemas/MemoryNew"},
    }


@pytest.mark.parametrize("document", [DOCUMENT, LIBRECHAT], ids=["echo", "librechat"])
def test_what_is_served_stands_in_the_way_of_few(document: dict[str, Any]) -> None:
    """OpenAPI Generator refuses these; what else is adapted concerns single languages."""
    for item in document["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                assert not [link for link in answer.get("links", {}).values() if "requestBody" in link]
                for media in answer.get("content", {}).values():
                    assert "schema" in media
                    assert not [name for name in media if name.startswith(("x-oai-", "x-oas-"))]


def test_sweeps_send_the_body_that_a_link_of_echos_has() -> None:
    operations = Operations(DOCUMENT)
    [creation] = [each for each in operations.each() if each.id == "create_preset"]
    answer = Answer(201, {"content-type": "application/json"}, b'{"presetId": "p1"}')
    exchange = Exchange("http://x", "ada", Request("POST", "/api/presets"), answer)
    found = {each.operation.id: each.body for each in Links(operations).follow(creation, exchange)}
    assert found["delete_presets"] == {"presetId": "p1"}
