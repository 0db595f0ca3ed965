"""The fields that all schemas share: what they let out of a document that anyone may have written."""

from datetime import UTC, datetime
from typing import Any

import pytest
from marshmallow import fields

from echo.errors import InvalidRequest
from handlers.schemas import assistants, base


class EverythingSchema(base.Output):
    text = base.Text()
    email = base.Email()
    address = base.WebAddress()
    whole = base.Whole()
    number = base.Number()
    flag = base.Flag()
    texts = base.Texts()
    moment = base.Moment()
    renamed = base.Text(data_key="outside", attribute="inside")
    fallback = base.Text(dump_default="there")


class ChangeSchema(base.Input):
    name = base.Text()
    size = base.Whole()


class TestOutput:
    def test_documents_of_other_fields_each_leave_as_they_are(self) -> None:
        schema = EverythingSchema()
        shapes = [{"text": "x"}, {"whole": 3}, {"whole": 3, "text": "x"}, {"text": None, "whole": 3}]
        more: list[dict[str, Any]] = [{f"other{number}": 1} for number in range(300)]
        for _ in range(2):
            dumped = schema.dump_all([*shapes, *more])
            named = [{name: each[name] for name in ("text", "whole") if name in each} for each in dumped]
            assert named[:4] == [{"text": "x"}, {"whole": 3}, {"text": "x", "whole": 3}, {"whole": 3}]
            assert not any(named[4:])

    def test_a_field_with_a_way_of_its_own_is_asked(self) -> None:
        class Year(base.Moment):
            def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
                return value.year

        class Dated(base.Output):
            year = Year()

        assert Dated().dump({"year": datetime(2026, 1, 2)}) == {"year": 2026}

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("text", "x", "x"),
            ("email", "a.b+c@example.com", "a.b+c@example.com"),
            ("address", "https://example.com/a?b=%20#c", "https://example.com/a?b=%20#c"),
            ("whole", 3, 3),
            ("whole", 3.0, 3),
            ("whole", -(2**63) + 1, -(2**63) + 1),
            ("number", 0.5, 0.5),
            ("flag", True, True),
            ("flag", "yes", False),
            ("texts", ["a", None, 1, "b"], ["a", "b"]),
            ("moment", datetime(2026, 1, 2, 3, 4, 5, 6999, tzinfo=UTC), "2026-01-02T03:04:05.006Z"),
            ("moment", datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00.000Z"),
            ("moment", datetime(2026, 1, 2, 3, 4, 5, 678_000), "2026-01-02T03:04:05.678Z"),
            ("moment", datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05.000Z"),
            ("moment", datetime(2026, 1, 2, 3, 4, 5, 999), "2026-01-02T03:04:05.000Z"),
            ("moment", datetime(1, 1, 1, 0, 0, 0, 1_000), "0001-01-01T00:00:00.001Z"),
            ("moment", datetime(9999, 12, 31, 23, 59, 59, 999_999), "9999-12-31T23:59:59.999Z"),
        ],
    )
    def test_a_value_of_the_type_leaves(self, name: str, value: Any, expected: Any) -> None:
        assert EverythingSchema().dump({name: value})[name] == expected

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("text", 1),
            ("text", None),
            ("email", "nobody"),
            ("email", "a..b@example.com"),
            ("email", "a@b c"),
            ("address", "/images/x.png"),
            ("address", "javascript:alert(1)"),
            ("address", "https://example.com/ä"),
            ("address", "https://example.com/%zz"),
            ("whole", True),
            ("whole", float("inf")),
            ("whole", 1e30),
            ("whole", -(2.0**63)),
            ("whole", "3"),
            ("number", float("nan")),
            ("number", "0.5"),
            ("texts", "abc"),
            ("moment", "2026-01-02"),
            ("moment", 1700000000000),
        ],
    )
    def test_a_value_of_another_type_is_left_out(self, name: str, value: Any) -> None:
        assert name not in EverythingSchema().dump({name: value})

    def test_only_what_is_declared_leaves(self) -> None:
        assert EverythingSchema().dump({"password": "secret", "_id": 1}) == {"fallback": "there"}

    def test_a_field_may_have_another_name_inside(self) -> None:
        assert EverythingSchema().dump({"inside": "x", "outside": "y"})["outside"] == "x"

    def test_null_counts_as_missing(self) -> None:
        assert EverythingSchema().dump({"fallback": None}) == {"fallback": "there"}

    def test_many_is_a_list_in_the_same_order(self) -> None:
        dumped = EverythingSchema().dump([{"whole": 1}, {"whole": 2}], many=True)
        assert [item["whole"] for item in dumped] == [1, 2]


class TestInput:
    def test_what_is_not_declared_is_dropped(self) -> None:
        assert ChangeSchema().load({"name": "x", "role": "ADMIN"}) == {"name": "x"}

    def test_what_is_absent_stays_absent(self) -> None:
        assert ChangeSchema().load({}) == {}

    def test_what_a_field_refuses_is_an_invalid_request(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            ChangeSchema().load({"size": "many", "name": 1})
        assert sorted(error.field for error in caught.value.errors) == ["name", "size"]


class TestTools:
    def test_come_back_as_they_went_in(self) -> None:
        tools = [{"type": "function", "$ref": "x", "a.b": [{"": None}], "n": 2**63}, {}]
        stored = assistants.change.load({"tools": tools})
        assert all(isinstance(tool, str) for tool in stored["tools"])
        assert assistants.assistant.dump(stored)["tools"] == tools

    def test_are_bounded_in_depth(self) -> None:
        def nested(depth: int) -> dict[str, Any]:
            return {"a": nested(depth - 1)} if depth else {}

        assistants.change.load({"tools": [nested(assistants.MAX_TOOL_DEPTH - 2)]})
        with pytest.raises(InvalidRequest):
            assistants.change.load({"tools": [nested(assistants.MAX_TOOL_DEPTH)]})


class Settled(base.Input):
    """A body with every kind of default."""

    name = fields.String(required=True)
    size = fields.Integer(load_default=3)
    words = fields.List(fields.String(), load_default=list)
    note = fields.String(data_key="the-note", attribute="remark", load_default=None, allow_none=True)
    left = fields.String()


class TestDefaultsOfInput:
    def test_absent_fields_have_their_defaults_whatever_else_is_there(self) -> None:
        schema = Settled()
        for _ in range(2):
            first = schema.load({"name": "a", "other": 1})
            assert first == {"name": "a", "size": 3, "words": [], "remark": None}
            first["words"].append("b")
            assert schema.load({"name": "a", "the-note": "n", "left": "l"}) == {
                "name": "a",
                "size": 3,
                "words": [],
                "remark": "n",
                "left": "l",
            }
        assert schema.load([{"name": "a"}, {"name": "b", "size": 4}], many=True) == [
            {"name": "a", "size": 3, "words": [], "remark": None},
            {"name": "b", "size": 4, "words": [], "remark": None},
        ]

    @pytest.mark.parametrize("body", [{}, {"size": 1}, {"name": "a", "size": "x"}])
    def test_what_is_missing_or_wrong_is_refused(self, body: dict[str, Any]) -> None:
        with pytest.raises(InvalidRequest) as caught:
            Settled().load(body)
        assert [error.field for error in caught.value.errors] == ["size" if "name" in body else "name"]

    def test_a_change_names_only_what_it_changes(self) -> None:
        assert Settled().load({"left": "l"}, partial=True) == {"left": "l"}
