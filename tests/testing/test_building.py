"""Requests made of a document: its examples, with what is known of a server."""

import json
from typing import Any

import pytest

from echo.testing import bodies, likeness
from echo.testing.operations import Operations
from echo.testing.sweeps.building import NAMES, Builder
from echo.testing.sweeps.exchanges import Answer, Exchange, Request
from echo.testing.sweeps.links import Links

THING = {
    "type": "object",
    "required": ["parentId"],
    "properties": {
        "name": {"type": "string"},
        "parentId": {"type": "string"},
        "otherId": {"type": "string"},
        "model": {"type": "string"},
        "endpoint": {"type": "string"},
        "parts": {
            "type": "array",
            "items": {"type": "object", "properties": {"part_id": {"type": "string"}}},
        },
    },
}
FORM = {
    "type": "object",
    "required": ["file", "kind", "path"],
    "properties": {
        "file": {"type": "string", "format": "binary"},
        "kind": {"type": "string", "enum": ["note"]},
        "path": {"type": "string"},
        "more": {"type": "string"},
        "where": {"type": "string", "example": "here"},
        "file_id": {"type": "string", "example": "3f0a4c1e-6f0e-4f1b-9f4b-0b6f0f6f2a10"},
    },
}
EXAMPLES = [
    {"name": "a", "parentId": "parents", "otherId": "o", "parts": [{"part_id": "x"}]},
    {"name": "b", "parentId": "parents"},
]
LINKS = {
    "read": {"operationId": "get_thing", "parameters": {"path.thingId": "$response.body#/things/0/id"}},
    "edit": {
        "operationId": "post_thing",
        "parameters": {"thingId": "$request.path.thingId"},
        "requestBody": {"name": "new", "parts": [{"part_id": "$request.body#/name"}]},
    },
    "header": {"operationId": "get_thing", "parameters": {"thingId": "$response.header.Location"}},
    "nowhere": {"operationId": "get_thing", "parameters": {"thingId": "$response.body#/nothing"}},
    "null": {"operationId": "get_thing", "parameters": {"thingId": "$response.body#/null"}},
}
OK = {"200": {"description": "ok", "links": LINKS}}
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "paths": {
        "/things/{thingId}/{kind}": {
            "parameters": [
                {"name": "thingId", "in": "path", "required": True, "example": "t-12", "schema": {"type": "string"}},
                {"name": "kind", "in": "path", "required": True, "schema": {"enum": ["big", "small"]}},
                {"name": "q", "in": "query", "required": True, "schema": {"type": "integer"}},
                {"name": "page", "in": "query", "schema": {"type": "string"}},
                {"name": "X-Version", "in": "header", "required": True, "schema": {"type": "string"}, "example": "1"},
            ],
            "get": {"operationId": "get_thing", "responses": {"200": {"description": "ok"}}},
            "post": {
                "operationId": "post_thing",
                "responses": OK,
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": THING,
                            "examples": {str(number): {"value": each} for number, each in enumerate(EXAMPLES)},
                        }
                    }
                },
            },
        },
        "/forms": {
            "post": {
                "operationId": "post_form",
                "responses": OK,
                "requestBody": {"content": {"multipart/form-data": {"schema": FORM}}},
            }
        },
    },
}  # fmt: skip
OPERATIONS = Operations(DOCUMENT)
BY_ID = {each.id: each for each in OPERATIONS.each()}


@pytest.fixture
def builder() -> Builder:
    return Builder(OPERATIONS)


class TestTargets:
    def test_has_what_is_known_and_examples_of_the_rest(self, builder: Builder) -> None:
        builder.known["thingId"] = "a/b"
        request = builder.request(BY_ID["get_thing"], {"page": "2"})
        assert (request.target, request.headers) == ("/things/a%2Fb/big?q=3&page=2", {"X-Version": "1"})

    def test_an_id_that_nobody_knows_is_new_each_time(self, builder: Builder) -> None:
        targets = {builder.request(BY_ID["get_thing"], {}).target for _ in range(9)}
        assert len(targets) > 1
        assert all(each.startswith("/things/") and "/t-12/" not in each for each in targets)


class TestBodies:
    def told(self, builder: Builder, **options: Any) -> list[Any]:
        return [each.json for each in builder.requests(BY_ID["post_thing"], {}, **options)]

    def test_are_the_examples_without_ids_that_need_not_be_there(self, builder: Builder) -> None:
        assert self.told(builder) == [
            {"name": "a", "parentId": "parents", "parts": [{"part_id": "x"}]},
            {"name": "b", "parentId": "parents"},
        ]

    def test_have_the_ids_and_the_model_that_are_known(self, builder: Builder) -> None:
        builder.known.update(otherId="O", part_id="P", model="m", endpoint="e", endpointType="custom")
        assert self.told(builder)[0] == {
            "name": "a",
            "parentId": "parents",
            "otherId": "O",
            "parts": [{"part_id": "P"}],
            "model": "m",
            "endpoint": "e",
            "endpointType": "custom",
        }

    def test_have_new_names_where_they_are_wanted(self, builder: Builder) -> None:
        first = self.told(builder, anew=NAMES | {"parentId"})[0]
        assert first["name"].startswith("a")
        assert len(first["name"]) == 9
        assert first["parentId"] != "parents"

    def test_that_a_link_gives_are_sent_as_they_are(self, builder: Builder) -> None:
        assert self.told(builder, body={"name": "c"}) == [{"name": "c"}]

    def test_of_a_form_have_a_file_and_what_must_be_there(self, builder: Builder) -> None:
        builder.known["path"] = "notes.md"
        picture, text = builder.requests(BY_ID["post_form"], {})
        assert picture.form is not None
        assert text.form is not None
        assert {name: each for name, each in picture.form.items() if not name.startswith("file")} == {
            "kind": "note",
            "path": "notes.md",
            "where": "here",
        }
        # An example of what need not be there is sent too; an id of the client's own is a new one each time.
        own = {str(each.form["file_id"]) for each in (picture, text) if each.form}
        assert len(own - {"3f0a4c1e-6f0e-4f1b-9f4b-0b6f0f6f2a10"}) == 2
        assert {len(each) for each in own} == {36}
        assert (picture.form["file"][0], text.form["file"][0]) == ("pixel.png", "notes.md")
        assert "endpoint" not in picture.form
        anew = builder.request(BY_ID["post_form"], {}, anew=frozenset({"path", "kind"}))
        assert anew.form is not None
        assert anew.form["path"] != "notes.md"
        assert anew.form["kind"] == "note"

    def test_of_a_file_for_a_chat_say_where_that_is(self) -> None:
        """LibreChat refuses one that does not."""
        schema = {"properties": {"message_file": {"type": "string", "example": "true"}}}
        form = {"content": {"multipart/form-data": {"schema": schema}}}
        posted = {"operationId": "upload", "requestBody": form, "responses": OK}
        operations = Operations({"paths": {"/files": {"post": posted}}})
        builder = Builder(operations)
        [upload] = operations.each()
        assert builder.request(upload, {}).form == {"message_file": "true"}
        builder.known["endpoint"] = "Fake"
        assert builder.request(upload, {}).form == {
            "message_file": "true",
            "endpoint": "Fake",
            "width": "1",
            "height": "1",
        }


class TestLinks:
    def test_are_followed_where_the_answer_has_what_they_take(self) -> None:
        request = Request.of_json("POST", "/things/a%2Fb/big?q=3", {"name": "n"})
        answer = Answer(200, {"location": "l"}, json.dumps({"things": [{"id": 5}], "null": None}).encode())
        exchange = Exchange("", "ada", request, answer)
        found = [
            (each.operation.id, each.values, each.body)
            for each in Links(OPERATIONS).follow(BY_ID["post_thing"], exchange)
        ]
        assert found == [
            ("get_thing", {"thingId": "5"}, None),
            ("post_thing", {"thingId": "a/b"}, {"name": "new", "parts": [{"part_id": "n"}]}),
            ("get_thing", {"thingId": "l"}, None),
        ]

    def test_with_other_values_are_about_other_things(self) -> None:
        answer = Answer(200, {}, b'{"things": [{"id": "five"}]}')
        exchange = Exchange("", "ada", Request("POST", "/things/a/big"), answer)
        read = next(Links(OPERATIONS).follow(BY_ID["post_thing"], exchange))
        assert read.named == {"thingId": "five"}
        assert read.with_values({"thingId": "six", "other": "x"}).values == {"thingId": "six"}


class TestLikeness:
    @pytest.mark.parametrize(
        "value",
        [
            "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f",
            "6b0900c910265dd690891b74",
            "asst_11954FFA",
            "notes-1.md",
            "work",
        ],
    )
    def test_another_value_has_the_same_form(self, value: str) -> None:
        new = likeness.another(value)
        assert new != value
        assert [each.isalnum() for each in new] == [each.isalnum() for each in value]
        assert new.endswith(".md") == value.endswith(".md")

    def test_a_faceless_text_has_no_ids_dates_or_ids_of_requests(self) -> None:
        text = 'name "ab-1" 6b0900c910265dd690891b74 at 2026-11-27T04:02:17.774Z, "requestId": "x"'
        assert likeness.faceless(text, ["ab-1", "ab"]) == 'name "<id>" <id> at <date>, '


def test_a_field_is_taken_out_of_a_body_where_it_is() -> None:
    body = {"a": [{"b": 1, "c": 2}]}
    assert bodies.without(body, ("a", 0, "b")) == {"a": [{"c": 2}]}
    assert bodies.without(body, ("x", "b")) == body
    assert bodies.value_at(body, ("a", 0, "c")) == 2
    assert bodies.value_at(body, ("a", 3, "c")) is None
