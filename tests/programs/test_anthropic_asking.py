"""Anthropic's requests as turns and parameters."""

import base64
from typing import Any

import pytest

from echo.errors import ApiError, BadRequest, Unprocessable
from echo.programs.anthropic.asking import read_messages
from echo.programs.anthropic.options import read_parameters
from echo.providers.chat import (
    Attachment,
    NamedTool,
    PictureAddress,
    Reasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from tests.security.conftest import PNG

IN_BASE64 = base64.b64encode(PNG).decode()
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": IN_BASE64}}
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}

# Deeper than JSON can be written again.
DEEP: dict[str, Any] = {}
for _ in range(300):
    DEEP = {"properties": DEEP}


def user(*blocks: Any) -> Any:
    return {"role": "user", "content": list(blocks)}


def text(said: str) -> Any:
    return {"type": "text", "text": said}


def parts(*blocks: Any) -> tuple[Any, ...]:
    """The parts of a message of the user's."""
    [turn] = read_messages(None, [user(*blocks)])[1]
    return turn.parts


class TestTurns:
    def test_a_whole_conversation(self) -> None:
        system, turns = read_messages(
            [text("One."), text("Two.")],
            [
                {"role": "system", "content": "Three."},
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "redacted_thinking", "data": "r"},
                        text("Well"),
                        {"type": "tool_use", "id": "c", "name": "look", "input": {"at": 1}},
                    ],
                },
                user({"type": "tool_result", "tool_use_id": "c", "content": "seen"}, text("Go on.")),
                {"role": "system", "content": "Hurry."},
                {"role": "assistant", "content": ""},
            ],
        )
        assert system == "One.\n\nTwo.\n\nThree."
        assert turns == (
            Turn("user", (Text("Hi"),)),
            Turn(
                "assistant",
                (
                    Reasoning("hm", "s", format="anthropic"),
                    Reasoning(redacted="r", format="anthropic"),
                    Text("Well"),
                    ToolCall("c", "look", '{"at":1}'),
                ),
            ),
            # Beside results: the thinking before the call still counts.
            Turn("tool", (ToolResult("c", (Text("seen"),), name="look"), Text("Go on."))),
            Turn("system", (Text("Hurry."),)),
        )

    def test_results_with_pictures_and_errors(self) -> None:
        [result] = parts(
            {
                "type": "tool_result",
                "tool_use_id": "c",
                "is_error": True,
                "content": [text("broken"), PICTURE],
            }
        )
        assert result.is_error
        assert result.content == (Text("broken"), Attachment("picture-2.png", "image/png", PNG))
        assert parts({"type": "tool_result", "tool_use_id": "c"}) == (ToolResult("c"),)

    def test_pictures(self) -> None:
        url = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
        assert parts(PICTURE, url) == (
            Attachment("picture-1.png", "image/png", PNG),
            PictureAddress("https://example.com/a.png"),
        )

    def test_documents(self) -> None:
        pdf = {"type": "base64", "media_type": "application/pdf", "data": base64.b64encode(PDF).decode()}
        plain = {"type": "text", "media_type": "text/plain", "data": "ünï"}
        pieces = {"type": "content", "content": [text("a"), PICTURE]}
        found = parts(
            {"type": "document", "title": "Law", "context": "Of old.", "source": pdf},
            {"type": "document", "source": plain},
            {"type": "document", "source": pieces},
            {"type": "search_result", "title": "T", "source": "https://a.example", "content": [text("b")]},
            {"type": "search_result", "source": {}, "content": "c"},
        )
        assert found == (
            Text("Of old."),
            Attachment("Law", "application/pdf", PDF),
            Attachment("document-2", "text/plain", "ünï".encode()),
            Text("a"),
            Attachment("picture-2.png", "image/png", PNG),
            Attachment("T", "text/plain", b"https://a.example\nb"),
            Attachment("result-5", "text/plain", b"c"),
        )

    @pytest.mark.parametrize(
        ("message", "field"),
        [
            (user({"type": "web_search_tool_result"}), "messages.0.content.0"),
            (user({"type": "tool_use", "id": "c", "name": "n"}), "messages.0.content.0"),
            (user({"type": "tool_result"}), "messages.0.content.0.tool_use_id"),
            (
                user({"type": "tool_result", "tool_use_id": "c", "content": [{"type": "tool_reference"}]}),
                "messages.0.content.0.content.0",
            ),
            ({"role": "assistant", "content": [PICTURE]}, "messages.0.content.0"),
            ({"role": "assistant", "content": [{"type": "server_tool_use"}]}, "messages.0.content.0"),
            ({"role": "assistant", "content": [{"type": "tool_use"}]}, "messages.0.content.0"),
            ({"role": "system", "content": [PICTURE]}, "messages.0.content"),
            (user({"type": "image"}), "messages.0.content.0.source"),
            (user({"type": "image", "source": "https://a.example"}), "messages.0.content.0.source"),
            (user({"type": "document", "source": "https://a.example"}), "messages.0.content.0.source"),
            (user({"type": "image", "source": {"type": "file"}}), "messages.0.content.0.source"),
            (
                user({"type": "image", "source": {"type": "url", "url": "http://10.0.0.1/a.png"}}),
                "messages.0.content.0.source",
            ),
            (
                user({"type": "image", "source": {"type": "base64", "data": "aGVsbG8="}}),
                "messages.0.content.0.source.data",
            ),
            (
                user({"type": "document", "source": {"type": "base64", "data": IN_BASE64}}),
                "messages.0.content.0.source.data",
            ),
            (user({"type": "document", "source": {"type": "url"}}), "messages.0.content.0.source"),
            (
                user({"type": "document", "source": {"type": "content", "content": [{"type": "document"}]}}),
                "messages.0.content.0.source.content.0",
            ),
            ({"role": "user", "content": ""}, "messages"),
            (
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "a", "name": "b", "input": DEEP}],
                },
                "messages.0.content.0.input",
            ),
        ],
    )
    def test_what_is_not_understood_is_refused(self, message: Any, field: str) -> None:
        with pytest.raises(Unprocessable) as caught:
            read_messages(None, [message])
        assert (caught.value.code, caught.value.errors[0].field) == ("unsupported_content", field)


class TestParameters:
    def test_tools(self) -> None:
        tool = {"name": "look", "description": "Looks.", "input_schema": SCHEMA, "strict": True}
        assert read_parameters({"tools": [tool]}).tools == (Tool("look", "Looks.", SCHEMA, True),)

    @pytest.mark.parametrize(
        ("choice", "made", "parallel"),
        [
            (None, None, None),
            ({"type": "auto"}, "auto", None),
            ({"type": "any", "disable_parallel_tool_use": True}, "required", False),
            ({"type": "tool", "name": "look"}, NamedTool("look"), None),
            ({"type": "none"}, "none", None),
        ],
    )
    def test_choices(self, choice: Any, made: Any, parallel: bool | None) -> None:
        found = read_parameters({"tool_choice": choice})
        assert (found.tool_choice, found.parallel_tool_calls) == (made, parallel)

    @pytest.mark.parametrize(
        ("body", "thinking", "effort"),
        [
            ({}, "unsaid", None),
            ({"output_config": {"effort": "low"}}, "unsaid", "low"),
            ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "on", "low"),
            ({"thinking": {"type": "enabled", "budget_tokens": 8192}}, "on", "medium"),
            ({"thinking": {"type": "enabled", "budget_tokens": 32_000}}, "on", "high"),
            ({"thinking": {"type": "adaptive"}}, "on", "high"),
            ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "on", "max"),
            ({"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}}, "off", "none"),
            ({"thinking": {"type": "between_tools"}}, "unsaid", None),
        ],
    )
    def test_thinking_is_an_effort_elsewhere(self, body: Any, thinking: str, effort: str | None) -> None:
        found = read_parameters(body)
        assert (found.thinking, found.effort) == (thinking, effort)

    @pytest.mark.parametrize(
        ("schema", "strict"),
        [
            (SCHEMA, True),
            ({**SCHEMA, "additionalProperties": True}, False),
            ({**SCHEMA, "required": []}, False),
            ({**SCHEMA, "required": [{}]}, False),
            ({"type": "array", "items": {**SCHEMA, "required": None}}, False),
        ],
    )
    @pytest.mark.parametrize("name", ["output_config", "output_format"])
    def test_forms(self, schema: Any, strict: bool, name: str) -> None:
        wanted = {"type": "json_schema", "schema": schema}
        found = read_parameters({name: {"format": wanted} if name == "output_config" else wanted})
        assert found.response_format is not None
        assert (found.response_format.schema, found.response_format.strict) == (schema, strict)

    def test_the_rest(self) -> None:
        body = {"max_tokens": 5, "top_k": 3, "stop_sequences": ["END"], "service_tier": "standard_only"}
        found = read_parameters(body)
        assert (found.max_tokens, found.top_k, found.stop) == (5, 3, ("END",))
        assert found.service_tier == "default"
        assert read_parameters({"service_tier": "auto"}).service_tier is None

    @pytest.mark.parametrize(
        ("body", "kind", "code"),
        [
            ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, Unprocessable, "unsupported_parameter"),
            ({"tools": [{"name": "look"}]}, Unprocessable, "unsupported_parameter"),
            ({"mcp_servers": [{}]}, Unprocessable, "unsupported_parameter"),
            ({"tools": [{"name": "look", "input_schema": DEEP}]}, Unprocessable, "unsupported_content"),
            ({"output_config": {"format": {"schema": DEEP}}}, Unprocessable, "unsupported_content"),
            ({"container": "c"}, Unprocessable, "unsupported_parameter"),
            ({"compaction": {"type": "a"}}, Unprocessable, "unsupported_parameter"),
            ({"thread": {"type": "create"}}, BadRequest, "thread_unsupported_request"),
        ],
    )
    def test_what_echo_has_not_is_refused(self, body: Any, kind: type[ApiError], code: str) -> None:
        with pytest.raises(kind) as caught:
            read_parameters(body)
        assert caught.value.code == code
