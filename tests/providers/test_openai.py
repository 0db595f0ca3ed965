"""What OpenAI and those who speak its protocol are sent of tools, files and further parameters."""

import base64
import json
from typing import Any

import pytest

from echo.errors import Unprocessable
from echo.providers.asked import refuse_missing
from echo.providers.azure import AzureDialect
from echo.providers.chat import (
    Attachment,
    AudioDelta,
    ChatRequest,
    Logprobs,
    NamedTool,
    Parameters,
    PictureAddress,
    Reasoning,
    ReasoningDelta,
    Refusal,
    ResponseFormat,
    SpokenBefore,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
)
from echo.providers.custom import CustomDialect
from echo.providers.openai import OpenAIDialect
from echo.providers.openai_messages import Manner, content_of, nine_letters, shown_part
from echo.providers.openai_messages import messages as messages_of
from echo.providers.provider import Access
from echo.providers.sse import ServerEvent
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


OWN = Access("k", "http://own/v1", own_key=True, own_url=True)


def openai(**settings: Any) -> OpenAIDialect:
    return OpenAIDialect(settings_of("openai", "http://x", **settings))


class TestCalls:
    def test_go_to_the_chat_completions(self) -> None:
        for call, stream in ((openai().chat(request(), OWN), True), (openai().short(request(), OWN), False)):
            assert call.url == "http://own/v1/chat/completions"
            assert (call.guarded, call.model, call.whole) == (True, "m", False)
            assert call.headers == {"Content-Type": "application/json", "Authorization": "Bearer k"}
            assert call.body["stream"] is stream
            assert call.body.get("stream_options") == ({"include_usage": True} if stream else None)
            assert call.body["messages"] == [{"role": "user", "content": "Hello"}]
        assert openai().chat(request(), ACCESS).guarded is False

    @pytest.mark.parametrize(
        ("sound", "whole"), [("pcm16", False), ("wav", True), ("mp3", True), (None, True)]
    )
    def test_for_sounds_that_are_not_streamed_come_in_one_piece(self, sound: str | None, whole: bool) -> None:
        call = openai().chat(request(audio={"format": sound, "voice": "alloy"}), ACCESS)
        assert (call.whole, call.body["stream"]) == (whole, not whole)

    def test_ask_for_the_models(self) -> None:
        call = openai(headers={"X-All": "all"}).models(OWN)
        assert call is not None
        assert (call.url, call.guarded, call.body) == ("http://own/v1/models", True, None)
        assert call.headers == {"Content-Type": "application/json", "Authorization": "Bearer k"}
        call = openai(headers={"X-All": "all"}).models(ACCESS)
        assert call is not None
        assert (call.guarded, call.headers["X-All"]) == (False, "all")

    def test_read_short_answers(self) -> None:
        answer = {
            "choices": [{"message": {"content": "a title"}}, {"message": {"content": "another"}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2},
        }
        assert openai().read_text(answer) == "a title"
        assert openai().read_usage(answer) == [Usage(5, 2)]
        assert (openai().read_text({}), openai().read_usage({})) == ("", [])


@pytest.mark.parametrize(
    ("model", "is_shown"),
    [
        *((name, True) for name in ("gpt-4o", "chatgpt-4o-latest", "o3", "o1-mini", "ft:gpt-4o:me", "gpt-5")),
        *((name, False) for name in ("text-embedding-3-small", "whisper-1", "dall-e-3", "o10", "my-gpt-4")),
        *(
            (f"gpt-4o-{what}", False)
            for what in (
                *("audio-preview", "realtime", "transcribe", "mini-tts", "image-1", "instruct"),
                *("search-preview", "moderation", "embedding", "codex", "deep-research"),
            )
        ),
    ],
)
def test_of_openais_own_models_those_that_chat_are_shown(model: str, is_shown: bool) -> None:
    answer = {"data": [{"id": model}, {"id": "gpt-4"}, {}, 7]}
    own = openai(base_url="https://api.openai.com/v1")
    assert own.read_models(answer) == (sorted([model, "gpt-4"]) if is_shown else ["gpt-4"])
    # Elsewhere all are, in the order of the server.
    assert openai().read_models(answer) == [model, "gpt-4", "", ""]
    assert openai(base_url=None).read_models({"data": {}}) == []


LOOSE = {"temperature": 0.5, "top_p": 0.9, "stop": ("a",), "frequency_penalty": 0.1, "presence_penalty": 0.2}


@pytest.mark.parametrize(
    ("model", "reasons", "effort"),
    [
        ("gpt-4o", False, False),
        ("gpt-5-chat-latest", False, False),
        ("o3", True, True),
        ("openai/o4-mini", True, True),
        ("gpt-5-mini", True, True),
        ("o1-mini", True, False),
        ("azure/o1-preview", True, False),
        ("o1", True, True),
        ("o0", False, False),
        ("o10", False, False),
    ],
)
def test_models_that_reason_take_fewer_parameters(model: str, reasons: bool, effort: bool) -> None:
    asked = request(model=model, reasoning_effort="low", **LOOSE)
    body = openai().chat(asked, ACCESS).body
    assert {name: body[name] for name in LOOSE if name in body} == (
        {} if reasons else {**LOOSE, "stop": ["a"]}
    )
    assert body.get("reasoning_effort") == ("low" if effort else None)
    # Elsewhere a name says nothing.
    body = sent(CustomDialect, model=model, reasoning_effort="low", **LOOSE)
    assert (body["temperature"], body["stop"], body["reasoning_effort"]) == (0.5, ["a"], "low")


def test_four_texts_to_stop_at_are_sent() -> None:
    assert sent(CustomDialect, stop=tuple("abcde"))["stop"] == list("abcd")
    assert "stop" not in sent(CustomDialect)


@pytest.mark.parametrize(
    ("dialect", "name"), [(OpenAIDialect, "max_completion_tokens"), (CustomDialect, "max_tokens")]
)
def test_the_limit_of_tokens_has_its_name(dialect: Any, name: str) -> None:
    body = sent(dialect, max_tokens=9)
    assert {key: value for key, value in body.items() if key.startswith("max")} == {name: 9}


def chunk_of(delta: dict[str, Any], index: int = 0, **more: Any) -> ServerEvent:
    return ServerEvent(b"", json.dumps({"choices": [{"index": index, "delta": delta, **more}]}).encode())


class TestReader:
    def test_tells_as_many_answers_as_were_asked_for(self) -> None:
        reader = openai().reader(request(n=2))
        assert reader.read(chunk_of({"content": "b"}, 1)) == [TextDelta("b", 1)]
        reader = openai().reader(request())
        assert reader.read(chunk_of({"content": "b"}, 1)) == [TextDelta("b")]
        for n, told in ((2, []), (1, [TextDelta("b")]), (None, [TextDelta("b")])):
            reader = openai(add_parameters={"n": n}).reader(request())
            assert reader.read(chunk_of({"content": "b"}, 1)) == told

    def test_tells_likelihoods_and_sounds_where_they_were_asked_for(self) -> None:
        likely = {"content": [{"token": "a", "logprob": -1}]}
        for asked, kinds in (({}, []), ({"logprobs": True}, [Logprobs]), ({"logprobs": False}, [])):
            said = openai().reader(request(**asked)).read(chunk_of({}, logprobs=likely))
            assert [type(each) for each in said] == kinds
        for modalities, kinds in (((), []), (("text",), []), (("text", "audio"), [AudioDelta])):
            reader = openai().reader(request(modalities=modalities))
            assert [type(each) for each in reader.read(chunk_of({"audio": {"data": "AAAA"}}))] == kinds

    @pytest.mark.parametrize(
        ("dialect", "settings", "is_read"),
        [
            (CustomDialect, {}, True),
            (CustomDialect, {"think_tags": False}, False),
            (OpenAIDialect, {}, False),
            (AzureDialect, {}, False),
        ],
    )
    def test_takes_marks_of_thinking_for_what_they_are(
        self, dialect: Any, settings: Any, is_read: bool
    ) -> None:
        reader = dialect(settings_of("custom", "http://x", **settings)).reader(request())
        [said] = reader.read(chunk_of({"content": "<think>hm</think>"}))
        assert isinstance(said, ReasoningDelta) is is_read


class TestMessages:
    def test_pictures_of_results_follow_them_before_anything_else_is_said(self) -> None:
        shown = {
            "role": "user",
            "content": [{"type": "text", "text": "What the call call_b of a tool came to:"}, IMAGE],
        }
        assert messages_of(ChatRequest("m", CALLED[:3]), OpenAIDialect.manner)[-1] == shown
        said = messages_of(
            ChatRequest("m", (*CALLED[:3], Turn.of_text("assistant", "Ah."))), OpenAIDialect.manner
        )
        assert said[-2:] == [shown, {"role": "assistant", "content": "Ah."}]

    @pytest.mark.parametrize(
        ("result", "text"),
        [
            (ToolResult("c", (Text("Storm"),), is_error=True), "Error: Storm"),
            (ToolResult("c", (Text("An ERROR."),), is_error=True), "An ERROR."),
            (ToolResult("c", (Text("Storm"),)), "Storm"),
            (ToolResult("c", (), is_error=True), "Error: "),
            (
                ToolResult("c", (Text("See"), Attachment("a.txt", "text/plain", b"Note"), Text("it"))),
                '<file name="a.txt">\nNote\n</file>\n\nSee\nit',
            ),
        ],
    )
    def test_results_are_texts(self, result: ToolResult, text: str) -> None:
        [message] = messages_of(ChatRequest("m", (Turn("tool", (result,)),)), OpenAIDialect.manner)
        assert message == {"role": "tool", "tool_call_id": "c", "content": text}

    def test_what_stands_beside_results_is_the_users(self) -> None:
        turn = Turn("tool", (ToolResult("c", (Text("Storm"),)), Text("Look!")))
        assert messages_of(ChatRequest("m", (turn, Turn("user", ()))), OpenAIDialect.manner) == [
            {"role": "tool", "tool_call_id": "c", "content": "Storm"},
            {"role": "user", "content": "Look!"},
            {"role": "user", "content": ""},
        ]

    def test_an_assistants_own_pictures_stay_here(self) -> None:
        note = Attachment("a.txt", "text/plain", b"Note")
        picture = Attachment("a.png", "image/png", PNG)
        turn = Turn("assistant", (Text("See"), picture, note, PictureAddress("https://x.test")))
        [message] = messages_of(ChatRequest("m", (turn,)), OpenAIDialect.manner)
        assert message == {
            "role": "assistant",
            "content": '<file name="a.txt">\nNote\n</file>\n\nSee',
        }

    @pytest.mark.parametrize(
        ("parts", "message"),
        [
            ((), {"content": ""}),
            ((Text("a"), Text("b")), {"content": "a\nb"}),
            ((SpokenBefore("one"), SpokenBefore("two")), {"content": None, "audio": {"id": "two"}}),
            ((Refusal("N"), Refusal("o.")), {"content": None, "refusal": "No."}),
            ((Text("a"), Refusal("No.")), {"content": "a", "refusal": "No."}),
        ],
    )
    def test_an_assistant_says_what_it_said(self, parts: Any, message: Any) -> None:
        said = messages_of(ChatRequest("m", (Turn("assistant", parts),)), OpenAIDialect.manner)
        assert said == [{"role": "assistant", **message}]

    def test_a_signature_goes_where_it_is_wanted(self) -> None:
        for signature, manner, has in (
            ("s", Manner(signs_calls=True), True),
            ("s", Manner(), False),
            (None, Manner(signs_calls=True), False),
        ):
            turn = Turn("assistant", (ToolCall("c", "f", "{", signature),))
            [message] = messages_of(ChatRequest("m", (turn,)), manner)
            [made] = message["tool_calls"]
            assert made["function"] == {"name": "f", "arguments": "{"}
            assert ("extra_content" in made) is has

    def test_text_files_stand_before_the_text_that_they_go_with(self) -> None:
        note, picture = Attachment("a.txt", "text/plain", b"Note"), PictureAddress("https://x.test/a.png")
        shown, image = '<file name="a.txt">\nNote\n</file>', {"url": "https://x.test/a.png"}
        assert content_of([Text("One"), note, Text(""), Text("two")]) == f"{shown}\n\nOne\ntwo"
        assert content_of([]) == ""
        assert content_of([Text("One"), Text("two"), picture, note, Text("three")]) == [
            {"type": "text", "text": f"{shown}\n\nOne\ntwo"},
            {"type": "image_url", "image_url": image},
            {"type": "text", "text": "three"},
        ]
        assert content_of([picture, Reasoning("hm"), note]) == [
            {"type": "text", "text": shown},
            {"type": "image_url", "image_url": image},
        ]

    @pytest.mark.parametrize(
        ("media_type", "kind"),
        [
            *(("audio/wav", "wav"), ("audio/mpeg", "mp3"), ("audio/flac", "flac")),
            *(("audio/ogg", "ogg"), ("audio/aac", "aac")),
        ],
    )
    def test_sounds_have_openais_names(self, media_type: str, kind: str) -> None:
        sound = {"data": "UklGRg==", "format": kind}
        assert shown_part(Attachment("a", media_type, b"RIFF")) == {
            "type": "input_audio",
            "input_audio": sound,
        }

    def test_pictures_say_how_closely_to_look(self) -> None:
        address = f"data:image/png;base64,{IN_BASE64}"
        assert shown_part(Attachment("a", "image/png", PNG, "high")) == {
            "type": "image_url",
            "image_url": {"url": address, "detail": "high"},
        }
        assert shown_part(Text("a")) is None

    @pytest.mark.parametrize(
        "name", ["mistral-7b", "Ministral", "mixtral:8x7b", "x/codestral", "pixtral", "magistral", "devstral"]
    )
    def test_mistrals_models_get_ids_of_nine_letters(self, name: str) -> None:
        turn = Turn("assistant", (ToolCall("call_0123456789", "f", "{}"),))
        [message] = messages_of(ChatRequest(name, (turn,)), Manner())
        [call] = message["tool_calls"]
        assert call["id"] == "ab14600fc"
        assert nine_letters("abcDEF12-") != "abcDEF12-"
