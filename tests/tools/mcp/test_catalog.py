"""What servers say of themselves, hostile ones among them, and what is made of what they answer."""

import base64
from typing import Any

import pytest

from echo.providers.chat import Attachment, Text
from echo.tools.mcp.catalog import instructions_of, usable
from echo.tools.mcp.results import output_of

OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


class TestTools:
    @pytest.mark.parametrize(
        ("name", "schema"),
        [
            ("x" * 129, OBJECT),
            ("", OBJECT),
            ("a\nb", OBJECT),
            ("a", {"type": "string"}),
            ("a", ["no", "schema"]),
            ("a", {"type": "object", "description": "x" * 70_000}),
            ("a", {"type": "object", "description": "\ud800"}),
            ("a", deep(60)),
        ],
    )
    def test_that_nobody_could_use_are_left_out(self, name: str, schema: Any) -> None:
        assert [each.name for each in usable([(name, "d", schema), ("good", "d", OBJECT)])] == ["good"]

    def test_are_at_most_a_thousand_and_each_once(self) -> None:
        assert len(usable((f"t{number}", None, OBJECT) for number in range(2000))) == 1000
        assert len(usable([("a", "first", OBJECT), ("a", "second", OBJECT)])) == 1

    def test_say_no_more_than_can_be_seen(self) -> None:
        [tool] = usable([("a", "Do\u202e it\U000e0041 now\x1b[2J" + "x" * 9000, OBJECT)])
        assert tool.description.startswith("Do it now[2J")
        assert len(tool.description) == 4096

    def test_have_schemas_of_objects(self) -> None:
        [tool] = usable([("a", None, {"$schema": "https://json-schema.org/x", "required": ["b"]})])
        assert tool.schema == {"type": "object", "properties": {}, "required": ["b"]}


@pytest.mark.parametrize(
    ("said", "own", "told"),
    [
        (None, "theirs", None),
        (False, "theirs", None),
        (True, "theirs", "theirs"),
        (True, None, None),
        ("mine", "theirs", "mine"),
        (True, "x" * 20_000, "x" * 16_000),
    ],
)
def test_instructions_are_the_operators_to_allow(said: Any, own: str | None, told: str | None) -> None:
    assert instructions_of(said, own) == told


def output(*blocks: dict[str, Any], **more: Any) -> Any:
    return output_of(blocks, more.get("structured"), is_error=more.get("is_error", False))


def said(*blocks: dict[str, Any], **more: Any) -> str:
    return "".join(part.text for part in output(*blocks, **more).content if isinstance(part, Text))


class TestResults:
    def test_texts_follow_each_other(self) -> None:
        assert said({"type": "text", "text": "a"}, {"type": "text", "text": "b"}) == "a\n\nb"

    def test_nothing_is_told_as_such(self) -> None:
        assert said() == "(No response)"
        assert said(structured={"a": 1}) == '{"a": 1}'

    def test_pictures_and_sounds_are_files(self) -> None:
        data = base64.b64encode(b"x").decode()
        found = output(
            {"type": "image", "data": data, "mimeType": "image/png"},
            {"type": "audio", "data": data, "mimeType": "audio/wav"},
        )
        assert found.content == (
            Attachment("image-1.png", "image/png", b"x"),
            Attachment("audio-2.wav", "audio/wav", b"x"),
        )

    @pytest.mark.parametrize(
        ("data", "media_type"),
        [("x" * 14_000_001, "image/png"), ("%%", "image/png"), ("eA==", "image/svg+xml"), (7, "image/png")],
    )
    def test_those_that_cannot_be_used_are_told(self, data: Any, media_type: str) -> None:
        found = output({"type": "image", "data": data, "mimeType": media_type})
        assert [type(part) for part in found.content] == [Text]

    def test_resources_are_told_and_pages_are_shown(self) -> None:
        page = {"uri": "ui://a", "mimeType": "text/html", "text": "<p>"}
        found = output({"type": "resource", "resource": page})
        [shown] = found.attachments
        # The beginning of SHA-256 of the text, as LibreChat's client looks it up.
        assert (
            shown == {"type": "ui_resources", "ui_resources": [{**page, "resourceId": "9c9ae55b5e"}]}
            or shown["ui_resources"][0]["resourceId"]
        )
        assert "\\ui{" in said({"type": "resource", "resource": page})

    def test_there_is_an_end_to_everything(self) -> None:
        blocks = [{"type": "text", "text": "x" * 300_000} for _ in range(200)]
        assert len(said(*blocks)) < 400_100

    def test_a_failure_is_one(self) -> None:
        assert output({"type": "text", "text": "no"}, is_error=True).is_error
