"""What OpenAI and those who speak its protocol are sent of tools, files and further parameters."""

import base64
from typing import Any

import pytest

from echo.errors import Unprocessable
from echo.providers.asked import refuse_missing
from echo.providers.azure import AzureDialect
from echo.providers.chat import (
    Attachment,
    ChatRequest,
    NamedTool,
    Parameters,
    PictureAddress,
    Reasoning,
    Refusal,
    ResponseFormat,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from echo.providers.custom import CustomDialect
from echo.providers.openai import OpenAIDialect
from echo.providers.openai_messages import messages as messages_of
from echo.providers.openai_messages import nine_letters
from echo.providers.provider import Access
from tests.support.providers.asking import request, settings_of

PNG = b"\x89PNG\r\n\x1a\n and more"
IN_BASE64 = base64.b64encode(PNG).decode()
ACCESS = Access("k", "http://x")


def sent(dialect: type[OpenAIDialect], **chat: Any) -> Any:
    """The body that one request becomes."""
    return dialect(settings_of("custom", "http://x")).chat(request(**chat), ACCESS).body


CALLED = (
    Turn.of_text("user", "How is it in Kyiv?"),
    Turn(
        "assistant",
        (
            Reasoning("hm", "s", format="anthropic"),
            ToolCall("call_a", "get_weather", '{"place": "Kyiv"}', "signed"),
            ToolCall("call_b", "get_map", "{}"),
        ),
    ),
    Turn(
        "tool",
        (
            ToolResult("call_a", (Text("Storm"), Text("warning")), is_error=True),
            ToolResult("call_b", (Text("Here"), Attachment("map.png", "image/png", PNG))),
        ),
    ),
    Turn.of_text("system", "Be brief."),
)
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IN_BASE64}"}}


def asked_call(call_id: str, name: str, arguments: str, **more: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


class TestOpenAIsMessages:
    def test_calls_and_results(self) -> None:
        """A result has text only: its picture follows as the user's. Another's signature is not sent."""
        sent_calls = [
            asked_call("call_a", "get_weather", '{"place": "Kyiv"}'),
            asked_call("call_b", "get_map", "{}"),
        ]
        assert messages_of(ChatRequest("m", CALLED), OpenAIDialect.manner) == [
            {"role": "user", "content": "How is it in Kyiv?"},
            {"role": "assistant", "content": None, "tool_calls": sent_calls},
            {"role": "tool", "tool_call_id": "call_a", "content": "Error: Storm\nwarning"},
            {"role": "tool", "tool_call_id": "call_b", "content": "Here"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "What the call call_b of a tool came to:"}, IMAGE],
            },
            {"role": "system", "content": "Be brief."},
        ]

    def test_compatible_servers_get_instructions_first_and_signatures_back(self) -> None:
        messages = messages_of(ChatRequest("llama", CALLED, "Be kind."), CustomDialect.manner)
        assert messages[0] == {"role": "system", "content": "Be kind.\n\nBe brief."}
        assert [message["role"] for message in messages[1:]] == ["user", "assistant", "tool", "tool", "user"]
        extra = {"google": {"thought_signature": "signed"}}
        assert messages[2]["tool_calls"][0] == asked_call(
            "call_a", "get_weather", '{"place": "Kyiv"}', extra_content=extra
        )

    @pytest.mark.parametrize("model", ["mistral-large-latest", "mistralai/Devstral-Small"])
    def test_mistral_gets_ids_of_nine_letters(self, model: str) -> None:
        messages = messages_of(ChatRequest(model, CALLED), CustomDialect.manner)
        calls = [call["id"] for call in messages[2]["tool_calls"]]
        assert [len(call_id) for call_id in calls] == [9, 9]
        assert [message["tool_call_id"] for message in messages if message["role"] == "tool"] == calls
        assert nine_letters("abcDEF123") == "abcDEF123"

    def test_files_stand_where_they_stood(self) -> None:
        parts = (
            Text("One"),
            PictureAddress("https://example.com/a.png", "low"),
            Text("Two"),
            Attachment("a.pdf", "application/pdf", b"%PDF"),
            Attachment("a.wav", "audio/wav", b"RIFF"),
            Text("Three"),
        )
        [message] = messages_of(ChatRequest("m", (Turn("user", parts),)), OpenAIDialect.manner)
        address = {"url": "https://example.com/a.png", "detail": "low"}
        assert message["content"] == [
            {"type": "text", "text": "One"},
            {"type": "image_url", "image_url": address},
            {"type": "text", "text": "Two"},
            {
                "type": "file",
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
            },
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "text", "text": "Three"},
        ]

    @pytest.mark.parametrize(
        ("manner", "message"),
        [
            (OpenAIDialect.manner, {"role": "assistant", "content": None, "refusal": "No."}),
            (CustomDialect.manner, {"role": "assistant", "content": "No."}),
        ],
    )
    def test_a_refusal_goes_back(self, manner: Any, message: Any) -> None:
        assert messages_of(ChatRequest("m", (Turn("assistant", (Refusal("No."),)),)), manner) == [message]


FURTHER = {
    "tools": (Tool("look", "Looks.", {"type": "object"}, True), Tool("wait")),
    "tool_choice": NamedTool("look"),
    "parallel_tool_calls": False,
    "response_format": ResponseFormat("json_schema", "city", "A city.", {"type": "object"}, False),
    "seed": 0,
    "n": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "logit_bias": {"50256": -100},
    "prediction": {"type": "content", "content": "x"},
    "service_tier": "flex",
    "verbosity": "low",
    "modalities": ("text",),
    "web_search_options": {"search_context_size": "low"},
}


class TestOpenAIsParameters:
    @pytest.mark.parametrize("dialect", [OpenAIDialect, CustomDialect, AzureDialect])
    def test_are_passed_on(self, dialect: Any) -> None:
        body = sent(dialect, **FURTHER)
        strict = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}, "strict": True}
        schema = {"name": "city", "description": "A city.", "schema": {"type": "object"}, "strict": False}
        assert {name: body[name] for name in FURTHER} == {
            **FURTHER,
            "tools": [
                {"type": "function", "function": strict},
                {"type": "function", "function": {"name": "wait"}},
            ],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "response_format": {"type": "json_schema", "json_schema": schema},
            "modalities": ["text"],
        }

    @pytest.mark.parametrize(
        ("choice", "told"), [("auto", False), ("none", False), ("required", True), (NamedTool("look"), True)]
    )
    def test_what_belongs_to_tools_is_not_told_without_them(self, choice: Any, told: bool) -> None:
        call = OpenAIDialect(settings_of("openai", "http://x")).chat(
            request(tool_choice=choice, parallel_tool_calls=True), ACCESS
        )
        assert ("tool_choice" in call.body, "parallel_tool_calls" in call.body) == (told, False)

    def test_only_what_changes_no_meaning_may_be_left_out(self) -> None:
        call = OpenAIDialect(settings_of("openai", "http://x")).chat(
            request(**FURTHER, temperature=1.0), ACCESS
        )
        assert call.optional == {
            *("temperature", "seed", "prediction", "service_tier", "verbosity", "modalities"),
            "stream_options",
        }

    @pytest.mark.parametrize(("asked", "json_type"), [("text", "text"), ("json_object", "json_object")])
    def test_the_simple_forms(self, asked: Any, json_type: str) -> None:
        assert sent(CustomDialect, response_format=ResponseFormat(asked))["response_format"] == {
            "type": json_type
        }


class TestMissing:
    def test_is_refused_by_name(self) -> None:
        asked = Parameters(
            n=2, seed=1, logprobs=False, response_format=ResponseFormat("text"), tools=(Tool("f"),)
        )
        with pytest.raises(Unprocessable) as refused:
            refuse_missing(asked, ("n", "seed", "logprobs", "response_format", "logit_bias"), "Anthropic")
        assert refused.value.code == "unsupported_parameter"
        assert [error.field for error in refused.value.errors] == ["n"]
        assert refused.value.message == "Anthropic does not have what the request asks for: n."
