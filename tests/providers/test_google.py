"""Tools, thoughts, forms of answers and files in Gemini's protocol, both ways."""

import base64
from typing import Any

import pytest

from echo.errors import ApiError
from echo.providers.chat import (
    Attachment,
    ChatRequest,
    Citation,
    Cited,
    Finished,
    Logprobs,
    NamedTool,
    PictureAddress,
    Reasoning,
    ReasoningDelta,
    ReasoningSignature,
    ResponseFormat,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Turn,
    Usage,
)
from echo.providers.google_content import UNSIGNED, is_new
from tests.support.providers import Answer, Reply, event_stream, google_server
from tests.support.providers.asking import Said, listen, request, settings_of
from tests.support.providers.google import event
from tests.support.providers.replies import Called

OLD, NEW = "gemini-2.5-pro", "gemini-3-pro-preview"
PNG = Attachment("cat.png", "image/png", b"\x89PNG")
PICTURE = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"\x89PNG").decode()}}
PLACE = {"type": "object", "properties": {"place": {"type": "string", "maxLength": 9}}}
CUT = {
    "type": "object",
    "properties": {"place": {"type": "string", "description": "(maxLength: 9)"}},
}
WEATHER = Tool("weather", "How it is.", PLACE)
TIME = Tool("time")
HELLO = Turn.of_text("user", "Hello")
ROME = ToolCall("c1", "weather", '{"place":"Rome"}', signature="sig")
NOW = ToolCall("c2", "time", "")
CALLING = Turn("assistant", (Text("Let me see."), ROME, NOW))
SUNNY = Turn("tool", (ToolResult("c1", (Text("Sunny."),)),))
LATE = Turn("tool", (ToolResult("c2", (Text("No clock."),), is_error=True),))
LOOP = (HELLO, CALLING, SUNNY, LATE)


def sent(model: str = OLD, **chat: Any) -> dict[str, Any]:
    """The body of a request; only what the protocol allows comes that far."""
    settings = chat.pop("settings", {})
    with google_server() as server:
        asked = ChatRequest(**{"model": model, "turns": (HELLO,), **chat})
        said = listen(settings_of("google", server.url, **settings), asked)
        assert said.error is None
        [received] = server.chats
    return dict(received.json)


def refusal(model: str = OLD, **chat: Any) -> ApiError:
    """Why a request is refused, before anything is sent."""
    asked = ChatRequest(**{"model": model, "turns": (HELLO,), **chat})
    said = listen(settings_of("google", "http://127.0.0.1:1"), asked)
    assert said.error is not None
    assert (said.error.status, said.error.code) == (422, "unsupported_parameter")
    return said.error


def heard(*responses: dict[str, Any], **chat: Any) -> Said:
    """What is understood of a stream of exactly these responses."""
    return raw(event_stream(*map(event, responses)), **chat)


def raw(answer: Answer, **chat: Any) -> Said:
    with google_server(answer) as server:
        asked = request(model=OLD, **{"tools": (WEATHER,), **chat})
        return listen(settings_of("google", server.url), asked)


def response(*parts: Any, reason: str | None = None, **candidate: Any) -> dict[str, Any]:
    ended = {"finishReason": reason} if reason else {}
    return {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": list(parts)}, **ended, **candidate}]
    }


def events(said: Said) -> list[Any]:
    """What is said, without the counts."""
    assert said.error is None
    return [each for each in said.events if not isinstance(each, Usage)]


class TestToolsSent:
    def test_are_declared(self) -> None:
        body = sent(tools=(WEATHER, TIME))
        assert body["tools"] == [
            {
                "functionDeclarations": [
                    {"name": "weather", "description": "How it is.", "parametersJsonSchema": CUT},
                    {"name": "time", "description": ""},
                ]
            }
        ]
        assert "toolConfig" not in body

    @pytest.mark.parametrize(
        ("choice", "config"),
        [
            ("auto", None),
            ("none", {"mode": "NONE"}),
            ("required", {"mode": "ANY"}),
            (NamedTool("time"), {"mode": "ANY", "allowedFunctionNames": ["time"]}),
        ],
    )
    def test_are_chosen(self, choice: Any, config: Any) -> None:
        made = sent(tools=(WEATHER, TIME), tool_choice=choice).get("toolConfig")
        assert made == (config and {"functionCallingConfig": config})

    def test_a_choice_without_tools_is_none(self) -> None:
        assert "toolConfig" not in sent(tool_choice="auto")

    def test_a_search_of_the_web_is_googles_own(self) -> None:
        assert sent(web_search_options={})["tools"] == [{"googleSearch": {}}]
        error = refusal(web_search_options={}, tools=(TIME,))
        assert error.message == "Gemini takes either tools or a search of the web in one request."


class TestTurnsSent:
    def test_calls_and_results(self) -> None:
        assert sent(turns=LOOP, tools=(WEATHER, TIME))["contents"] == [
            {"role": "user", "parts": [{"text": "Hello"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "Let me see."},
                    {
                        "functionCall": {"name": "weather", "args": {"place": "Rome"}, "id": "c1"},
                        "thoughtSignature": "sig",
                    },
                    {"functionCall": {"name": "time", "args": {}, "id": "c2"}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "weather", "id": "c1", "response": {"output": "Sunny."}}},
                    {"functionResponse": {"name": "time", "id": "c2", "response": {"error": "No clock."}}},
                ],
            },
        ]

    def test_arguments_that_are_none_are_shown(self) -> None:
        calling = Turn("assistant", (ToolCall("c1", "weather", "[1]"),))
        [_, said, _] = sent(turns=(HELLO, calling, SUNNY))["contents"]
        assert said["parts"][0]["functionCall"]["args"] == {"INVALID_JSON": "[1]"}

    @pytest.mark.parametrize(
        ("model", "signature"), [(OLD, None), (NEW, UNSIGNED), ("gemini-flash-latest", UNSIGNED)]
    )
    def test_a_call_without_its_signature_says_so_to_newer_models(self, model: str, signature: Any) -> None:
        calling = Turn("assistant", (ToolCall("c1", "weather", "{}"), NOW))
        parts = sent(model, turns=(HELLO, calling, SUNNY, LATE))["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in parts] == [signature, None]

    def test_signatures_go_back_with_the_text_they_came_with(self) -> None:
        thought = Reasoning("hm", signature="text", format="google")
        other = Reasoning("hm", signature="no", format="anthropic")
        calling = Turn("assistant", (other, thought, *CALLING.parts))
        turns = (HELLO, calling, SUNNY, LATE)
        assert sent(turns=turns)["contents"][1]["parts"][0] == {
            "text": "Let me see.",
            "thoughtSignature": "text",
        }
        later = sent(turns=(*turns, Turn.of_text("user", "Thanks")))["contents"][1]["parts"]
        assert later[0] == {"text": "Let me see."}
        alone = Turn("assistant", (thought, ROME))
        parts = sent(turns=(HELLO, alone, SUNNY))["contents"][1]["parts"]
        assert parts[-1] == {"text": "", "thoughtSignature": "text"}

    @pytest.mark.parametrize("model", [OLD, NEW])
    def test_pictures_of_results_stand_in_them_for_newer_models(self, model: str) -> None:
        seen = Turn("tool", (ToolResult("c1", (Text("Here."), PNG), name="weather"),))
        parts = sent(model, turns=(HELLO, Turn("assistant", (ROME,)), seen))["contents"][2]["parts"]
        result = {"name": "weather", "id": "c1", "response": {"output": "Here."}}
        within = [{"functionResponse": {**result, "parts": [PICTURE]}}]
        assert parts == (within if model == NEW else [{"functionResponse": result}, PICTURE])

    def test_files_in_every_form(self) -> None:
        pdf = Attachment("a.pdf", "application/pdf", b"%PDF")
        sound = Attachment("a.wav", "audio/wav", b"RIFF")
        note = Attachment("a.txt", "text/plain", b"Note")
        addresses = [
            PictureAddress("https://example.com/cat.png?x=1"),
            PictureAddress("https://example.com/"),
        ]
        [content] = sent(turns=(Turn("user", (Text("See"), pdf, sound, *addresses, note)),))["contents"]
        assert content["parts"] == [
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}},
            {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
            {"fileData": {"fileUri": "https://example.com/cat.png?x=1", "mimeType": "image/png"}},
            {"fileData": {"fileUri": "https://example.com/", "mimeType": "image/jpeg"}},
            {"text": '<file name="a.txt">\nNote\n</file>\n\nSee'},
        ]

    def test_several_texts_keep_their_places(self) -> None:
        [content] = sent(turns=(Turn("user", (Text("One:"), PNG, Text("Two:"), PNG)),))["contents"]
        assert content["parts"] == [{"text": "One:"}, PICTURE, {"text": "Two:"}, PICTURE]

    def test_a_system_prompt_alone_is_the_users(self) -> None:
        body = sent(turns=(), system="Say hello.")
        assert body == {
            "contents": [{"role": "user", "parts": [{"text": "Say hello."}]}],
            "generationConfig": {},
        }

    def test_instructions_in_the_middle_go_to_the_beginning(self) -> None:
        body = sent(turns=(HELLO, Turn.of_text("system", "Be brief.")), system="Be kind.")
        assert body["systemInstruction"] == {"parts": [{"text": "Be kind.\n\nBe brief."}]}

    def test_an_answer_that_has_begun_stays_the_last(self) -> None:
        body = sent(turns=(Turn.of_text("assistant", "First"), HELLO, Turn.of_text("assistant", "{")))
        assert [content["role"] for content in body["contents"]] == ["user", "model"]


class TestParameters:
    def test_all_that_gemini_has(self) -> None:
        wanted = {"n": 2, "seed": 7, "logprobs": True, "top_logprobs": 3}
        assert sent(**wanted)["generationConfig"] == {
            "candidateCount": 2,
            "seed": 7,
            "responseLogprobs": True,
            "logprobs": 3,
        }
        assert sent(n=1, logprobs=False, top_logprobs=3)["generationConfig"] == {}

    def test_forms_of_the_answer(self) -> None:
        is_json = {"responseMimeType": "application/json"}
        assert sent(response_format=ResponseFormat("json_object"))["generationConfig"] == is_json
        body = sent(response_format=ResponseFormat("json_schema", "thing", None, PLACE))
        assert body["generationConfig"] == {**is_json, "responseJsonSchema": CUT}
        assert sent(response_format=ResponseFormat("text"))["generationConfig"] == {}

    def test_a_form_beside_tools_is_for_newer_models(self) -> None:
        wanted = {"response_format": ResponseFormat("json_object"), "tools": (TIME,)}
        assert "tools" in sent(NEW, **wanted)
        assert refusal(**wanted).message.startswith("This model takes either tools or a form of its answer")

    @pytest.mark.parametrize("wanted", [{"logit_bias": {"5": 1.0}}, {"modalities": ("text", "audio")}])
    def test_what_would_mean_something_else_without_is_refused(self, wanted: dict[str, Any]) -> None:
        [name] = wanted
        assert refusal(**wanted).message == f"Google does not have what the request asks for: {name}."

    def test_what_does_no_harm_is_left_out(self) -> None:
        harmless = {"verbosity": "low", "prediction": {"type": "content"}, "service_tier": "flex"}
        assert sent(**harmless, modalities=("text",), parallel_tool_calls=False) == sent()

    @pytest.mark.parametrize(
        ("model", "effort", "config"),
        [
            (OLD, "low", {"thinkingBudget": 1024, "includeThoughts": True}),
            (OLD, "none", {"thinkingBudget": 0, "includeThoughts": False}),
            (OLD, "of_tomorrow", None),
            ("gemini-2.0-flash", "low", None),
            ("gemma-3-27b-it", "low", None),
            (NEW, "none", {"thinkingLevel": "minimal", "includeThoughts": True}),
            (NEW, "high", {"thinkingLevel": "high", "includeThoughts": True}),
        ],
    )
    def test_effort_is_thinking_as_the_model_has_it(self, model: str, effort: str, config: Any) -> None:
        assert sent(model, reasoning_effort=effort)["generationConfig"].get("thinkingConfig") == config


ROMES = {"functionCall": {"name": "weather", "args": {"place": "Öl"}, "id": "c1"}, "thoughtSignature": "sig"}
TIMES = {"functionCall": {"name": "time"}}
TOLD = [
    ToolCallDelta(0, "c1", "weather", signature="sig"),
    ToolCallDelta(0, arguments='{"place": "Öl"}'),
]


class TestCallsRead:
    def test_come_with_their_signatures(self) -> None:
        said = heard(response({"text": "See."}), response(ROMES), response(TIMES, reason="STOP"))
        [text, *first, second, empty, end] = events(said)
        assert [text, *first, end] == [TextDelta("See."), *TOLD, Finished("tool_calls")]
        assert (second.index, second.name, second.id[:5]) == (1, "time", "call_")
        assert empty == ToolCallDelta(1, arguments="{}")

    def test_only_one_where_no_more_is_wanted(self) -> None:
        said = heard(response(ROMES, TIMES, reason="STOP"), parallel_tool_calls=False)
        assert events(said) == [*TOLD, Finished("tool_calls")]

    @pytest.mark.parametrize("args", [None, 5, ""])
    def test_arguments_that_are_none_are_empty(self, args: Any) -> None:
        call = {"functionCall": {"name": "time", "id": "c", "args": args}}
        assert events(heard(response(call, reason="STOP")))[1] == ToolCallDelta(0, arguments="{}")

    @pytest.mark.parametrize(
        "part", [{"functionCall": {}}, {"functionCall": 5}, {"of_tomorrow": {}}, 5, None, {"text": None}]
    )
    def test_odd_parts_are_passed_over(self, part: Any) -> None:
        assert events(heard(response(part, ROMES, part), response(part, reason="STOP"))) == [
            *TOLD,
            Finished("tool_calls"),
        ]

    def test_survive_signs_of_life_and_any_cutting(self) -> None:
        odd = b": keep-alive\r\n\r\ndata:\r\n\r\n" + event({}) + event({"candidates": [5]})
        whole = odd + event(response(ROMES)) + odd + event(response(reason="STOP")) + odd
        for size in (1, 50, len(whole)):
            cut = (whole[at : at + size] for at in range(0, len(whole), size))
            assert events(raw(event_stream(*cut))) == [*TOLD, Finished("tool_calls")]

    @pytest.mark.parametrize(
        "reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"]
    )
    def test_that_failed_are_no_answer(self, reason: str) -> None:
        failed = heard(response(reason=reason)).error
        assert (failed.code, failed.message) == (
            "provider_failed",
            "The model tried to call a tool, and what it wrote was not a call.",
        )
        assert events(heard(response({"text": "Hm"}, reason=reason)))[-1] == Finished("other")

    def test_that_failed_before_a_word_are_asked_for_again(self) -> None:
        failed = event_stream(event(response(reason="MALFORMED_FUNCTION_CALL")))
        with google_server(failed, Reply([], calls=(Called("weather"),))) as server:
            said = listen(settings_of("google", server.url), request(model=OLD, tools=(WEATHER,)))
        assert (events(said)[-1], len(server.chats)) == (Finished("tool_calls"), 2)

    def test_that_nobody_asked_for_are_passed_over(self) -> None:
        assert events(heard(response({"text": "Hm"}, ROMES, reason="STOP"), tools=())) == [
            TextDelta("Hm"),
            Finished("stop"),
        ]


def test_thoughts_come_apart_with_the_signature_of_the_text() -> None:
    said = heard(
        response({"text": "Rome?", "thought": True}),
        response({"text": "Sunny."}),
        response({"text": "", "thoughtSignature": "sig"}, reason="STOP"),
    )
    assert events(said) == [
        ReasoningDelta("Rome?"),
        TextDelta("Sunny."),
        ReasoningSignature("sig", format="google"),
        Finished("stop"),
    ]


def test_tokens_are_counted_apart() -> None:
    counts = {
        "promptTokenCount": 50,
        "toolUsePromptTokenCount": 5,
        "cachedContentTokenCount": 40,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 3,
    }
    said = heard({**response({"text": "Hi"}, reason="STOP"), "usageMetadata": counts})
    assert said.usage == Usage(55, 10, cached_tokens=40, reasoning_tokens=3)


def test_several_answers_are_told_apart() -> None:
    def candidate(index: int, text: str, reason: str | None = None) -> dict[str, Any]:
        return {"index": index, "content": {"parts": [{"text": text}]}, "finishReason": reason}

    both = {"candidates": [candidate(0, "A"), candidate(1, "B"), {"index": 1}, {"index": -4}, {"index": "1"}]}
    last = {"candidates": [candidate(1, "b", "MAX_TOKENS"), candidate(0, "a", "STOP")]}
    assert events(heard(both, last, n=2)) == [
        TextDelta("A"),
        TextDelta("B", choice=1),
        TextDelta("b", choice=1),
        TextDelta("a"),
        Finished("stop", ("length",)),
    ]
    assert events(heard(both, response({"text": "a"}, reason="STOP"))) == [
        TextDelta("A"),
        TextDelta("a"),
        Finished("stop"),
    ]


def test_likelihoods_are_in_openais_form() -> None:
    result = {
        "chosenCandidates": [{"token": "Ö", "logProbability": -0.5}, {"token": 5}],
        "topCandidates": [{"candidates": [{"token": "O", "logProbability": -1}]}],
    }
    said = heard(response({"text": "Ö"}, reason="STOP", logprobsResult=result), logprobs=True)
    other = {"token": "O", "logprob": -1.0, "bytes": [79]}
    assert events(said)[1] == Logprobs(
        [
            {"token": "Ö", "logprob": -0.5, "bytes": [195, 150], "top_logprobs": [other]},
            {"token": "", "logprob": 0.0, "bytes": [], "top_logprobs": []},
        ]
    )


def test_sources_are_named() -> None:
    chunks = [{"web": {"uri": "https://example.com/", "title": "T"}}, {"web": {"uri": "javascript:x"}}, 5]
    said = heard(response({"text": "Hi"}, reason="STOP", groundingMetadata={"groundingChunks": chunks}))
    assert Cited(Citation("https://example.com/", "T")) in said.events
    assert len([each for each in said.events if isinstance(each, Cited)]) == 1


@pytest.mark.parametrize(
    ("model", "new"),
    [
        ("gemini-2.5-flash", False),
        ("models/gemini-3-pro", True),
        ("gemini-10-x", True),
        ("gemini-pro-latest", True),
        ("gemma-3", False),
    ],
)
def test_which_models_are_new(model: str, new: bool) -> None:
    assert is_new(model) is new
