"""openapi.json keeps what the seed accepted and promised, but for the exceptions that docs/contract.md names."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from echo.testing.comparison import Comparison, Difference
from echo.testing.floor import EXCEPTIONS, floor_document
from echo.testing.inclusion import Inclusion

ROOT = Path(__file__).parents[2]
FLOOR = floor_document()
CURRENT = json.loads((ROOT / "openapi.json").read_text(encoding="utf-8"))


def found(change: Callable[[dict[str, Any]], object]) -> set[Difference]:
    """What the comparison finds in the contract after a change to it, besides the exceptions."""
    document = copy.deepcopy(CURRENT)
    change(document)
    return Comparison(FLOOR, document).differences() - EXCEPTIONS


def operation(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    raw: dict[str, Any] = document["paths"][path][method]
    return raw


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    raw: dict[str, Any] = document["components"]["schemas"][name]
    return raw


class TestTheFloor:
    def test_is_the_whole_seed(self) -> None:
        assert sum(len(item) for item in FLOOR["paths"].values()) == 32

    def test_holds_but_for_the_exceptions(self) -> None:
        assert Comparison(FLOOR, CURRENT).differences() == EXCEPTIONS

    def test_the_documentation_names_exactly_the_exceptions(self) -> None:
        text = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `([A-Z]+ /\S*)` \| `([^`]+)` \| `([^`]+)` \| \S.* \|$", text, re.MULTILINE)
        assert {Difference(*row) for row in rows} == EXCEPTIONS

    @pytest.mark.parametrize("document", [FLOOR, CURRENT], ids=["floor", "current"])
    def test_a_document_is_compatible_with_itself(self, document: dict[str, Any]) -> None:
        assert Comparison(document, document).differences() == set()

    @pytest.mark.parametrize("name", ["openapi.json", "openapi.librechat.json"])
    def test_a_document_is_compatible_with_its_copy(self, name: str) -> None:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert Comparison(json.loads(text), json.loads(text)).differences() == set()


A, B, C = ({"type": "object", "required": [name]} for name in "abc")
AB: dict[str, Any] = {"a": {}, "b": {}}
ANY_B: dict[str, Any] = {"properties": {"b": {}}, "additionalProperties": False}
ONLY_B: dict[str, Any] = {"type": "object", **ANY_B}
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}


class TestChoices:
    @staticmethod
    def rules(inner: Any, outer: Any) -> set[str]:
        return {rule for _, rule in Inclusion({}, {}).excess(inner, outer, "")}

    @pytest.mark.parametrize(
        ("inner", "outer"),
        [
            ({"oneOf": [A, B]}, {"oneOf": [{**A}, {**B}]}),
            ({"oneOf": [A, B]}, {"oneOf": [{**B}, {**A}]}),
            ({"oneOf": [{**TEXT, "maxLength": 1}, NUMBER]}, {"oneOf": [TEXT, NUMBER, A]}),
            ({"oneOf": [A, B]}, {"anyOf": [A, B, C]}),
            ({"anyOf": [A, B]}, {"anyOf": [C, B, A]}),
            (A, {"anyOf": [B, A]}),
            ({"anyOf": [A, B]}, {"type": "object"}),
            ({"type": "object", "oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"type": "object"}),
            ({"type": "object", "oneOf": [A, B]}, {"type": "object", "oneOf": [A, B]}),
            # What has `a` is no `ONLY_B`, also when more is promised of it.
            ({"oneOf": [{**A, "required": ["a", "c"]}, ONLY_B]}, {"oneOf": [A, ONLY_B]}),
            ({"oneOf": [{**ONLY_B, "required": ["b"]}, A]}, {"oneOf": [ONLY_B, A]}),
        ],
    )
    def test_what_is_within_one_is_fine(self, inner: Any, outer: Any) -> None:
        assert self.rules(inner, outer) == set()

    @pytest.mark.parametrize(
        ("inner", "outer", "rule"),
        [
            # An object with both fields is in the first alone, and in two branches of the second.
            ({"oneOf": [A, {**B, "maxProperties": 1}]}, {"oneOf": [A, B]}, "oneOf is not understood"),
            (A, {"oneOf": [A, B]}, "oneOf is not understood"),
            ({"anyOf": [A, B]}, {"oneOf": [A, B]}, None),
            ({"anyOf": [TEXT, NUMBER]}, {"anyOf": [TEXT, {**NUMBER, "minimum": 1}]}, "minimum"),
            ({"anyOf": [TEXT, NUMBER, A]}, {"anyOf": [TEXT, NUMBER]}, "anyOf is not understood"),
            ({"oneOf": [TEXT, NUMBER]}, {"oneOf": [TEXT, {**NUMBER, "minimum": 1}]}, "minimum"),
            ({"oneOf": [TEXT, NUMBER]}, TEXT, "type"),
            ({"oneOf": [A, B]}, {"maxProperties": 9, "oneOf": [A, B]}, "maxProperties"),
            # Each of the second ones takes what has `a` and `b`, or no object at all.
            (
                {"oneOf": [{**A, "required": ["a", "b"]}, ONLY_B]},
                {"oneOf": [A, {**ONLY_B, "properties": AB}]},
                None,
            ),
            ({"oneOf": [{"required": ["a", "c"]}, ANY_B]}, {"oneOf": [{"required": ["a"]}, ANY_B]}, None),
        ],
    )
    def test_what_is_not_is_found(self, inner: Any, outer: Any, rule: str | None) -> None:
        assert self.rules(inner, outer) == {rule or "oneOf is not understood"}

    def test_fields_by_a_pattern_may_be_any(self) -> None:
        inner = {"oneOf": [{**A, "required": ["a", "c"]}, ONLY_B]}
        patterned = {"oneOf": [A, {**ONLY_B, "patternProperties": AB}]}
        assert "oneOf is not understood" in self.rules(inner, patterned)

    def test_schemas_may_lead_back_to_themselves(self) -> None:
        tree = {"oneOf": [TEXT, {"type": "object", "properties": {"more": {"$ref": "#/tree"}}}]}
        document = {"tree": tree}
        narrower = {"tree": {"oneOf": [{**TEXT, "maxLength": 3}, tree["oneOf"][1]]}}
        reference = {"$ref": "#/tree"}
        assert (
            list(Inclusion(document, json.loads(json.dumps(document))).excess(reference, reference, "")) == []
        )
        assert set(Inclusion(document, narrower).excess(reference, reference, "")) == {("", "maxLength")}


class TestOperations:
    def test_a_removed_path_is_found(self) -> None:
        assert found(lambda d: d["paths"].pop("/api/models")) == {
            Difference("GET /api/models", "operation", "removed")
        }

    def test_a_removed_operation_is_found(self) -> None:
        assert found(lambda d: d["paths"]["/api/presets"].pop("post")) == {
            Difference("POST /api/presets", "operation", "removed")
        }

    def test_an_operation_that_begins_to_need_a_token_is_found(self) -> None:
        assert found(lambda d: operation(d, "get", "/health").pop("security")) == {
            Difference("GET /health", "security", "changed")
        }

    def test_an_operation_that_no_longer_needs_a_token_is_found(self) -> None:
        assert found(lambda d: operation(d, "get", "/api/user").update(security=[])) == {
            Difference("GET /api/user", "security", "changed")
        }

    def test_another_security_scheme_of_that_name_is_found(self) -> None:
        assert found(lambda d: d["components"]["securitySchemes"]["BearerAuth"].update(scheme="basic")) == {
            Difference("*", "security.BearerAuth", "scheme")
        }


class TestParameters:
    PATH = "/api/messages"

    def change(self, name: str, change: Callable[[dict[str, Any]], object]) -> set[str]:
        def apply(document: dict[str, Any]) -> None:
            listed = operation(document, "get", self.PATH)["parameters"]
            change(next(parameter for parameter in listed if parameter["name"] == name))

        differences = found(apply)
        assert {one.operation for one in differences} <= {"GET /api/messages"}
        return {f"{one.place} {one.rule}" for one in differences}

    def test_a_removed_one_is_found(self) -> None:
        assert self.change("search", lambda p: p.update(name="query")) == {"query.search removed"}

    def test_one_that_moves_is_found(self) -> None:
        assert self.change("search", lambda p: p.update({"in": "header"})) == {"query.search removed"}

    def test_a_newly_required_one_is_found(self) -> None:
        assert self.change("cursor", lambda p: p.update(required=True)) == {"query.cursor required"}

    @pytest.mark.parametrize(
        ("keyword", "value"), [("minimum", 1), ("maximum", 100), ("type", "boolean"), ("default", 25)]
    )
    def test_a_narrower_schema_or_another_default_is_found(self, keyword: str, value: object) -> None:
        assert self.change("pageSize", lambda p: p["schema"].update({keyword: value})) == {
            f"query.pageSize {keyword}"
        }

    def test_a_smaller_enumeration_is_found(self) -> None:
        differences = found(
            lambda d: operation(d, "get", "/api/convos")["parameters"][4]["schema"].update(enum=["desc"])
        )
        assert differences == {Difference("GET /api/convos", "query.order", "enum")}

    def test_a_required_new_one_is_found(self) -> None:
        new = {"name": "tenant", "in": "header", "required": True, "schema": {"type": "string"}}
        assert found(lambda d: operation(d, "get", self.PATH)["parameters"].append(new)) == {
            Difference("GET /api/messages", "header.tenant", "required")
        }

    def test_an_optional_new_one_that_takes_any_text_is_fine(self) -> None:
        new = {"name": "tenant", "in": "query", "schema": {"type": "string"}}
        assert found(lambda d: operation(d, "get", self.PATH)["parameters"].append(new)) == set()


class TestRequestBodies:
    @pytest.mark.parametrize(
        ("name", "field", "change", "rule"),
        [
            ("PresetCreate", "temperature", {"maximum": 1}, "maximum"),
            ("PresetCreate", "temperature", {"minimum": 0.5}, "minimum"),
            ("PresetCreate", "temperature", {"type": "integer"}, "type"),
            ("PresetCreate", "title", {"maxLength": 100}, "maxLength"),
            ("PresetCreate", "title", {"pattern": "^[a-z]+$"}, "pattern"),
            ("PresetCreate", "title", {"format": "uri"}, "format"),
            ("PresetCreate", "title", {"enum": ["a"]}, "enum"),
            ("PresetCreate", "title", {"not": {"const": ""}}, "not is not understood"),
        ],
    )
    def test_a_narrower_field_is_found(
        self, name: str, field: str, change: dict[str, Any], rule: str
    ) -> None:
        assert found(lambda d: schema(d, name)["properties"][field].update(change)) == {
            Difference("POST /api/presets", f"body.{field}", rule)
        }

    def test_a_smaller_enumeration_is_found(self) -> None:
        assert found(lambda d: schema(d, "MessageCreate")["properties"]["sender"]["enum"].pop()) == {
            Difference("POST /api/messages/{conversationId}", "body.sender", "enum")
        }

    def test_narrower_items_are_found(self) -> None:
        items = schema(CURRENT, "AssistantCreate")["properties"]["file_ids"]["items"]
        assert items == {"type": "string"}
        differences = found(
            lambda d: schema(d, "AssistantCreate")["properties"]["file_ids"]["items"].update(maxLength=9)
        )
        assert differences == {Difference("POST /api/assistants", "body.file_ids[]", "maxLength")}

    def test_a_newly_required_field_is_found(self) -> None:
        assert found(lambda d: schema(d, "PresetCreate")["required"].append("model")) == {
            Difference("POST /api/presets", "body.model", "required")
        }

    def test_a_refusal_of_what_is_not_declared_is_found(self) -> None:
        assert found(lambda d: schema(d, "PresetCreate").update(additionalProperties=False)) == {
            Difference("POST /api/presets", "body", "additionalProperties")
        }

    def test_a_typed_new_field_is_found(self) -> None:
        assert found(lambda d: schema(d, "PresetCreate")["properties"].update(spec={"type": "string"})) == {
            Difference("POST /api/presets", "body.spec", "type")
        }

    def test_a_body_that_becomes_required_is_found(self) -> None:
        body = {"required": True}
        assert found(lambda d: operation(d, "post", "/api/presets/delete")["requestBody"].update(body)) == {
            Difference("POST /api/presets/delete", "body", "required")
        }

    def test_another_media_type_is_found(self) -> None:
        def change(document: dict[str, Any]) -> None:
            content = operation(document, "post", "/api/files/images")["requestBody"]["content"]
            content["application/octet-stream"] = content.pop("multipart/form-data")

        assert found(change) == {
            Difference("POST /api/files/images", "body", "media type multipart/form-data removed")
        }

    def test_a_wider_field_and_fewer_required_are_fine(self) -> None:
        def change(document: dict[str, Any]) -> None:
            preset = schema(document, "PresetCreate")
            preset["required"].remove("endpoint")
            preset["properties"]["temperature"]["maximum"] = 5
            preset["properties"]["maxOutputTokens"]["type"] = ["integer", "null"]

        assert found(change) == set()


class TestResponses:
    def test_a_removed_status_is_found(self) -> None:
        responses = "/api/convos/{conversationId}"
        assert found(lambda d: operation(d, "get", responses)["responses"].pop("404")) == {
            Difference(f"GET {responses}", "404", "removed")
        }

    def test_another_status_for_success_is_found(self) -> None:
        def change(document: dict[str, Any]) -> None:
            responses = operation(document, "post", "/api/presets")["responses"]
            responses["200"] = responses.pop("201")

        assert found(change) == {Difference("POST /api/presets", "201", "removed")}

    def test_another_media_type_is_found(self) -> None:
        def change(document: dict[str, Any]) -> None:
            content = operation(document, "get", "/health")["responses"]["200"]["content"]
            content["application/json"] = content.pop("text/plain")

        assert found(change) == {
            Difference("GET /health", "200", "media type text/plain removed"),
            Difference("GET /health", "200", "media type application/json added"),
        }

    def test_a_removed_property_is_found(self) -> None:
        differences = found(lambda d: schema(d, "EndpointConfig")["properties"].pop("available"))
        assert Difference("GET /api/endpoints", "200[].available", "removed") in differences

    def test_a_removed_property_of_the_error_is_found(self) -> None:
        def change(document: dict[str, Any]) -> None:
            schema(document, "Error")["properties"].pop("message")

        assert Difference("POST /api/auth/login", "401.message", "removed") in found(change)

    @pytest.mark.parametrize(
        ("field", "change", "rule"),
        [
            ("role", {"enum": ["user", "admin", "guest"]}, "enum"),
            ("name", {"type": ["string", "null"]}, "type"),
        ],
    )
    def test_a_wider_property_is_found(self, field: str, change: dict[str, Any], rule: str) -> None:
        differences = found(lambda d: schema(d, "User")["properties"][field].update(change))
        assert Difference("GET /api/user", f"200.{field}", rule) in differences
        assert {one.rule for one in differences} == {rule}

    def test_a_lost_format_is_found(self) -> None:
        differences = found(lambda d: schema(d, "File")["properties"]["createdAt"].pop("format"))
        assert differences == {Difference("POST /api/files", "201.createdAt", "format")}

    def test_values_of_a_map_that_become_wider_are_found(self) -> None:
        def change(document: dict[str, Any]) -> None:
            content = operation(document, "get", "/api/models")["responses"]["200"]["content"]
            content["application/json"]["schema"]["additionalProperties"]["items"]["type"] = "integer"

        assert found(change) == {Difference("GET /api/models", "200.additionalProperties[]", "type")}

    def test_a_second_form_is_held_against_the_floor_too(self) -> None:
        def branches(document: dict[str, Any]) -> list[dict[str, Any]]:
            content = operation(document, "post", "/api/auth/login")["responses"]["200"]["content"]
            listed: list[dict[str, Any]] = content["application/json"]["schema"]["oneOf"]
            return listed

        assert [each["$ref"].rpartition("/")[2] for each in branches(CURRENT)] == [
            "Session",
            "TwoFactorPending",
        ]
        wider = {"type": "object", "properties": {"token": {"type": "integer"}}}
        login = "POST /api/auth/login"
        assert found(lambda d: branches(d).append(wider)) == {
            Difference(login, "200.token", "type"),
            # It does not say what the user would be.
            *(
                each
                for each in found(lambda d: branches(d).append(wider))
                if each.place.startswith("200.user")
            ),
        }
        assert found(lambda d: branches(d).reverse()) >= {Difference(login, "200.token", "removed")}

    def test_a_choice_where_the_floor_had_none_is_found_in_requests(self) -> None:
        def change(document: dict[str, Any]) -> None:
            preset = schema(document, "PresetCreate")
            preset["oneOf"] = [{"required": ["model"]}, {"required": ["title"]}]

        assert Difference("POST /api/presets", "body", "oneOf is not understood") in found(change)

    def test_a_second_name_is_a_field(self) -> None:
        def wider(document: dict[str, Any]) -> None:
            role = schema(document, "User")["properties"].pop("role") | {"type": "integer"}
            schema(document, "User")["dependentSchemas"] = {"role": {"properties": {"role": role}}}

        assert {(one.place.rpartition(".")[2], one.rule) for one in found(wider)} == {("role", "type")}

    def test_what_else_depends_on_a_field_is_not_understood(self) -> None:
        def change(document: dict[str, Any]) -> None:
            schema(document, "User")["dependentSchemas"] = {"role": {"properties": {"name": {}}}}

        assert {one.rule for one in found(change)} == {"dependentSchemas is not understood"}

    def test_more_properties_and_more_required_are_fine(self) -> None:
        def change(document: dict[str, Any]) -> None:
            schema(document, "User")["properties"]["theme"] = {"type": "integer"}
            schema(document, "User")["required"].append("theme")

        assert found(change) == set()
