"""Tools, thoughts, forms of answers and files in Gemini's protocol, both ways."""

import base64
from typing import Any, ClassVar

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
    Refusal,
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
from echo.providers.google import GoogleDialect
from echo.providers.google_content import UNSIGNED, is_new
from echo.providers.sites import Access
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


ACCESS = Access("key", "http://x", own_url=True)


def dialect(**settings: Any) -> GoogleDialect:
    return GoogleDialect(settings_of("google", "http://x", **settings))


class TestCalls:
    @pytest.mark.parametrize(
        ("method", "path"), [("chat", "streamGenerateContent?alt=sse"), ("short", "generateContent")]
    )
    def test_go_to_the_model(self, method: str, path: str) -> None:
        asked = ChatRequest("models/gemini/3", (HELLO,))
        call = getattr(dialect(), method)(asked, ACCESS)
        assert call.url == f"http://x/v1beta/models/gemini%2F3:{path}"
        assert (call.guarded, call.model, call.whole) == (True, "models/gemini/3", False)
        assert call.headers == {"Content-Type": "application/json", "x-goog-api-key": "key"}

    def test_may_leave_out_what_leaves_the_answer_what_it_is(self) -> None:
        wanted = {"temperature": 0.5, "seed": 1, "n": 2, "logprobs": True, "top_logprobs": 1}
        form = ResponseFormat("json_schema", schema=PLACE)
        call = dialect().chat(ChatRequest(NEW, (HELLO,), **wanted, response_format=form), ACCESS)
        needed = {"responseMimeType", "responseJsonSchema", "candidateCount", "responseLogprobs", "logprobs"}
        assert call.parameters == {"temperature", "seed", *needed}
        assert call.optional == {"temperature", "seed"}

    def test_ask_for_the_models(self) -> None:
        call = dialect().models(ACCESS)
        assert call is not None
        assert (call.url, call.guarded) == ("http://x/v1beta/models?pageSize=1000", True)
        assert (call.body, call.headers["x-goog-api-key"]) == (None, "key")
        listed = [
            {"name": "models/a", "supportedGenerationMethods": ["generateContent", "countTokens"]},
            {"name": "b", "supportedGenerationMethods": ["generateContent"]},
            {"name": "models/c", "supportedGenerationMethods": ["embedContent"]},
            {"name": "models/d", "supportedGenerationMethods": "generateContent"},
            {"name": "models/e"},
            7,
        ]
        assert dialect().read_models({"models": listed}) == ["a", "b"]
        assert dialect().read_models({"models": {}}) == dialect().read_models([]) == []

    def test_read_short_answers(self) -> None:
        parts = [{"text": "hm", "thought": True}, {"text": "a "}, {"text": "title", "thought": False}, 7]
        answer = {
            "candidates": [{"content": {"parts": parts}}, {"content": {"parts": [{"text": "another"}]}}],
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 2},
        }
        assert dialect().read_text(answer) == "a title"
        assert dialect().read_usage(answer) == [Usage(5, 2)]
        assert (dialect().read_text({}), dialect().read_usage({})) == ("", [])


def all_of(**asked: Any) -> Any:
    return dialect().chat(ChatRequest(**{"model": OLD, "turns": (HELLO,), **asked}), ACCESS).body


def test_parameters_have_googles_names() -> None:
    wanted = {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 3,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "stop": tuple("abcdef"),
        "seed": 4,
    }
    assert all_of(**wanted)["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "frequencyPenalty": 0.1,
        "presencePenalty": 0.2,
        "stopSequences": list("abcde"),
        "seed": 4,
    }


class TestThinking:
    @pytest.mark.parametrize(
        ("effort", "budget", "level"),
        [
            ("none", 0, "minimal"),
            ("minimal", 1024, "minimal"),
            ("low", 1024, "low"),
            ("medium", 8192, "medium"),
            ("high", 24_576, "high"),
            ("xhigh", 24_576, None),
        ],
    )
    def test_is_by_tokens_or_by_a_level(self, effort: str, budget: int, level: str | None) -> None:
        for model in (OLD, f"models/{OLD}"):
            config = all_of(model=model, reasoning_effort=effort)["generationConfig"]
            assert config["thinkingConfig"] == {"thinkingBudget": budget, "includeThoughts": budget > 0}
        config = all_of(model=NEW, reasoning_effort=effort)["generationConfig"]
        assert config.get("thinkingConfig") == (level and {"thinkingLevel": level, "includeThoughts": True})

    @pytest.mark.parametrize(
        ("asked", "budget"),
        [
            ({"thinking": "off", "thinking_tokens": 500}, 0),
            ({"thinking": "on", "thinking_tokens": 500}, 500),
            ({"thinking": "on", "thinking_tokens": 99_999}, 24_576),
            ({"reasoning_effort": "low", "thinking_tokens": 7}, 7),
        ],
    )
    def test_has_as_many_tokens_as_were_given(self, asked: Any, budget: int) -> None:
        config = all_of(**asked)["generationConfig"]["thinkingConfig"]
        assert config == {"thinkingBudget": budget, "includeThoughts": budget > 0}


@pytest.mark.parametrize(
    ("schema", "declared"),
    [
        (None, None),
        ({}, None),
        ({"type": "object"}, None),
        ({"properties": {}}, None),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}),
        ({"anyOf": [{"type": "string"}]}, {"type": "object", "anyOf": [{"type": "string"}]}),
        ({"additionalProperties": True}, {"type": "object", "additionalProperties": True}),
    ],
    ids=repr,
)
def test_a_tool_is_declared_with_its_arguments_where_it_has_any(schema: Any, declared: Any) -> None:
    [tools] = all_of(tools=(Tool("f", None, schema),))["tools"]
    expected = {"name": "f", "description": ""}
    assert tools["functionDeclarations"] == [
        {**expected, "parametersJsonSchema": declared} if declared else expected
    ]


def test_forms_are_refused_beside_tools_that_may_be_called() -> None:
    wanted = {"response_format": ResponseFormat("json_object"), "tools": (TIME,)}
    assert refusal(**wanted).message == (
        "This model takes either tools or a form of its answer; Gemini takes both from version 3 on."
    )
    assert "responseMimeType" in all_of(**wanted, tool_choice="none")["generationConfig"]
    bare = all_of(response_format=ResponseFormat("json_schema", schema=None))["generationConfig"]
    assert bare == {"responseMimeType": "application/json"}


class TestParts:
    NOTE = Attachment("a.txt", "text/plain", b"Note")
    SHOWN: ClassVar[dict[str, str]] = {"text": '<file name="a.txt">\nNote\n</file>'}

    def test_of_text_files_stand_where_several_texts_do(self) -> None:
        turn = Turn("user", (Text("One:"), self.NOTE, Text("Two:"), Refusal("No."), Text("")))
        assert all_of(turns=(turn,))["contents"] == [
            {"role": "user", "parts": [{"text": "One:"}, self.SHOWN, {"text": "Two:"}, {"text": "No."}]}
        ]

    def test_of_one_text_come_after_what_goes_with_it(self) -> None:
        turn = Turn("user", (Text("See"), PNG))
        assert all_of(turns=(turn,))["contents"][0]["parts"] == [PICTURE, {"text": "See"}]
        assert all_of(turns=(Turn("user", (PNG,)),))["contents"][0]["parts"] == [PICTURE]

    def test_of_results_are_lines_with_files(self) -> None:
        result = ToolResult("c9", (Text("a"), self.NOTE, Text("b")))
        [content] = all_of(turns=(Turn("tool", (result,)),))["contents"]
        output = f"a\n{self.SHOWN['text']}\nb"
        # Nobody has called it, so its id is all that is known of its name.
        assert content["parts"] == [
            {"functionResponse": {"name": "c9", "id": "c9", "response": {"output": output}}}
        ]

    def test_signatures_belong_to_the_next_text_alone(self) -> None:
        thought = Reasoning("hm", signature="s", format="google")
        bare = Reasoning("hm", format="google")
        said = Turn("assistant", (thought, bare, Text("a"), Text("b"), Refusal("c"), Text("")))
        [_, content] = all_of(turns=(HELLO, said))["contents"]
        assert content["parts"] == [{"text": "a", "thoughtSignature": "s"}, {"text": "b"}, {"text": "c"}]

    def test_that_are_none_make_no_content(self) -> None:
        turns = (HELLO, Turn("assistant", (Text(""),)), Turn("user", ()), HELLO)
        assert all_of(turns=turns)["contents"] == [{"role": "user", "parts": [{"text": "Hello"}]}] * 2
