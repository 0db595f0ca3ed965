"""From the text of a parameter to the typed argument of a handler."""

from typing import Any

import pytest

from echo.contract.parameters import Fields, Parameter, argument_name, convert
from echo.contract.schemas import SchemaCompiler
from echo.errors import FieldError

DOCUMENT = {
    "components": {"schemas": {"Limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 25}}}
}


def compiled(**raw: Any) -> Parameter:
    return Parameter.compile({"name": "pageSize", "in": "query", **raw}, SchemaCompiler(DOCUMENT))


def read(parameter: Parameter, source: dict[str, str]) -> tuple[FieldError | None, dict[str, Any]]:
    arguments: dict[str, Any] = {"before": 1}
    return parameter.read(source, arguments), arguments


class TestCompiling:
    def test_takes_what_the_document_says(self) -> None:
        parameter = compiled(schema={"type": "integer", "default": 25}, required=True)
        assert (parameter.name, parameter.location, parameter.argument) == ("pageSize", "query", "page_size")
        assert (parameter.required, parameter.type, parameter.default) == (True, "integer", 25)

    def test_requires_nothing_that_the_document_does_not(self) -> None:
        parameter = compiled(schema={"type": "string"})
        assert parameter.required is False
        assert parameter.default is None

    def test_knows_of_lists_and_of_several_segments(self) -> None:
        plain = compiled(schema={"type": "string"})
        assert (plain.item_type, plain.has_slashes) == ("", False)
        listed = compiled(schema={"type": "array", "items": {"$ref": "#/components/schemas/Limit"}})
        assert listed.item_type == "integer"
        assert compiled(schema={"type": "string"}, **{"x-echo-slashes": True}).has_slashes is True

    def test_follows_a_reference(self) -> None:
        parameter = compiled(schema={"$ref": "#/components/schemas/Limit"})
        assert (parameter.type, parameter.default) == ("integer", 25)
        assert read(parameter, {"pageSize": "101"})[0] == FieldError("pageSize", "is too large")


class TestReading:
    def test_puts_the_value_under_the_name_of_its_argument(self) -> None:
        parameter = compiled(schema={"type": "integer"})
        assert read(parameter, {"pageSize": "7", "page_size": "8"}) == (None, {"before": 1, "page_size": 7})

    @pytest.mark.parametrize(
        ("schema", "text", "value"),
        [
            ({"type": "boolean", "default": True}, "false", False),
            ({"type": "integer"}, "0", 0),
            ({"type": "string"}, "", ""),
        ],
    )
    def test_takes_a_value_that_is_nothing_for_a_value(self, schema: Any, text: str, value: Any) -> None:
        error, arguments = read(compiled(schema=schema), {"pageSize": text})
        assert error is None
        assert arguments["page_size"] == value
        assert type(arguments["page_size"]) is type(value)

    def test_puts_the_default_where_nothing_is_sent(self) -> None:
        for default in (25, 0):
            parameter = compiled(schema={"type": "integer", "default": default})
            assert read(parameter, {}) == (None, {"before": 1, "page_size": default})

    def test_puts_nothing_without_a_default(self) -> None:
        assert read(compiled(schema={"type": "integer"}), {}) == (None, {"before": 1})

    @pytest.mark.parametrize(
        ("raw", "source", "message"),
        [
            ({"schema": {"type": "string"}, "required": True}, {}, "is required"),
            ({"schema": {"type": "integer", "default": 3}, "required": True}, {}, "is required"),
            ({"schema": {"type": "integer"}}, {"pageSize": "x"}, "has the wrong type"),
            ({"schema": {"type": "boolean"}}, {"pageSize": "True"}, "has the wrong type"),
            ({"schema": {"type": "integer", "minimum": 1}}, {"pageSize": "0"}, "is too small"),
            (
                {"schema": {"type": "string", "enum": ["a"]}},
                {"pageSize": "b"},
                "is not one of the allowed values",
            ),
            ({"schema": {"type": "string", "minLength": 3, "enum": ["abc"]}}, {"pageSize": "b"}, None),
        ],
    )
    def test_says_what_is_wrong_and_puts_nothing(
        self, raw: Any, source: dict[str, str], message: str | None
    ) -> None:
        error, arguments = read(compiled(**raw), source)
        assert error is not None
        assert error.field == "pageSize"
        # Of several one is told.
        assert error.message in (
            [message] if message else ["is too short", "is not one of the allowed values"]
        )
        assert arguments == {"before": 1}


class TestConverting:
    @pytest.mark.parametrize(
        ("text", "kind", "value"),
        [
            ("12", "integer", 12),
            ("-12", "integer", -12),
            ("+12", "integer", 12),
            ("007", "integer", 7),
            ("9" * 1000, "integer", int("9" * 1000)),
            ("1.5", "number", 1.5),
            ("-1.5e3", "number", -1500.0),
            ("1E-2", "number", 0.01),
            ("7", "number", 7.0),
            ("true", "boolean", True),
            ("false", "boolean", False),
            ("12", "string", "12"),
            ("", "string", ""),
        ],
    )
    def test_gives_the_value(self, text: str, kind: str, value: Any) -> None:
        assert convert(text, kind) == value
        assert type(convert(text, kind)) is type(value)

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            *(
                (text, "integer")
                for text in ("", "1.0", "1e3", " 1", "1 ", "1_000", "0x1", "٣", "--1", "1\n", "9" * 1001)
            ),
            *(
                (text, "number")
                for text in ("", "1.", ".5", "nan", "inf", "1e", "1e1000", " 1", "1_0.0", "٣", "9" * 301)
            ),
            *((text, "boolean") for text in ("", "1", "yes", "TRUE", "False")),
        ],
    )
    def test_gives_nothing_for_what_is_no_value(self, text: str, kind: str) -> None:
        assert convert(text, kind) is None


@pytest.mark.parametrize(
    ("name", "argument"),
    [
        ("conversationId", "conversation_id"),
        ("file_id", "file_id"),
        ("X-Request-Id", "x_request_id"),
        ("v2Name", "v2_name"),
        ("q", "q"),
        ("URL", "url"),
        ("limit", "limit"),
        # Names that Python has a meaning for.
        ("id", "id_"),
        ("from", "from_"),
        ("Type", "type_"),
    ],
)
def test_an_argument_is_named_as_python_does(name: str, argument: str) -> None:
    assert argument_name(name) == argument


class TestLists:
    """Of the query: a field for each value, its name with or without `[]`."""

    LISTED = compiled(
        schema={"type": "array", "items": {"$ref": "#/components/schemas/Limit"}, "maxItems": 3}
    )

    def listed(self, *pairs: tuple[str, str]) -> tuple[FieldError | None, dict[str, Any]]:
        return read(self.LISTED, Fields(list(pairs)))

    def test_have_each_value_as_its_schema_says(self) -> None:
        pairs = (("pageSize", "7"), ("other", "1"), ("pageSize[]", "8"), ("pageSize", "9"))
        assert self.listed(*pairs) == (None, {"before": 1, "page_size": [7, 8, 9]})
        assert self.listed(("pageSize", "7"))[1]["page_size"] == [7]

    def test_are_absent_without_a_field(self) -> None:
        assert self.listed(("pageSizes", "7"), ("page_size", "7")) == (None, {"before": 1})

    @pytest.mark.parametrize("wrong", ["x", "", "1.5", "[1]", "1,2"])
    def test_have_no_value_of_another_type(self, wrong: str) -> None:
        found, arguments = self.listed(("pageSize", "7"), ("pageSize", wrong))
        assert found == FieldError("pageSize", "has the wrong type")
        assert arguments == {"before": 1}

    def test_have_limits_of_their_own_and_of_their_values(self) -> None:
        assert self.listed(*[("pageSize", "1")] * 3)[0] is None
        for pairs in ([("pageSize", "1")] * 4, [("pageSize", "1"), ("pageSize", "101")]):
            found, arguments = self.listed(*pairs)
            assert found is not None
            assert (found.field, arguments) == ("pageSize", {"before": 1})


def test_of_a_field_that_is_sent_twice_the_last_counts() -> None:
    fields = Fields([("pageSize", "7"), ("pageSize", "8")])
    assert read(compiled(schema={"type": "integer"}), fields)[1]["page_size"] == 8
