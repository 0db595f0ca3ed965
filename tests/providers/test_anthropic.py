"""Tools, thinking, forms of answers and files in Anthropic's protocol, both ways."""

import base64
from typing import Any

import pytest

from echo.errors import ApiError
from echo.providers.anthropic import AnthropicDialect
from echo.providers.anthropic_options import ONLY_JSON
from echo.providers.chat import (
    Attachment,
    ChatRequest,
    Citation,
    Cited,
    Finished,
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
from echo.providers.errands import Errand
from echo.providers.failures import ProviderFailure
from echo.providers.sites import Access
from echo.providers.token_counts import counting_errand
from tests.support.providers import Reply, anthropic_server, event_stream
from tests.support.providers.anthropic import event
from tests.support.providers.asking import Said, listen, request, settings_of

MODEL = "claude-haiku-4-5"
MARK = {"cache_control": {"type": "ephemeral"}}
PNG = Attachment("cat.png", "image/png", b"\x89PNG")
PICTURE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"\x89PNG").decode()},
}
PLACE = {"type": "object", "properties": {"place": {"type": "string", "maxLength": 9}}}
WEATHER = Tool("weather", "How it is.", PLACE)
TIME = Tool("time")
HELLO = Turn.of_text("user", "Hello")
CALLING = Turn("assistant", (Text("Let me see."), ToolCall("call_1", "weather", '{"place":"Rome"}')))
SUNNY = Turn("tool", (ToolResult("call_1", (Text("Sunny."),)),))
LOOP = (HELLO, CALLING, SUNNY)


def sent(model: str = MODEL, **chat: Any) -> dict[str, Any]:
    """The body of a request, without what stands in each; only what the protocol allows comes that far."""
    settings = chat.pop("settings", {})
    with anthropic_server() as server:
        asked = ChatRequest(**{"model": model, "turns": (HELLO,), "max_tokens": 9, **chat})
        said = listen(settings_of("anthropic", server.url, **settings), asked)
        assert said.error is None
        [received] = server.chats
    return {
        name: received.json[name] for name in received.json if name not in ("model", "stream", "max_tokens")
    }


def refusal(model: str = MODEL, **chat: Any) -> ApiError:
    """Why a request is refused, before anything is sent."""
    asked = ChatRequest(**{"model": model, "turns": (HELLO,), **chat})
    said = listen(settings_of("anthropic", "http://127.0.0.1:1"), asked)
    assert said.error is not None
    return said.error


def heard(*events: bytes, **chat: Any) -> Said:
    """What is understood of a stream of exactly these events."""
    with anthropic_server(event_stream(*events)) as server:
        return listen(
            settings_of("anthropic", server.url), request(model=MODEL, **{"tools": (WEATHER,), **chat})
        )


class TestToolsSent:
    def test_are_declared_and_marked_for_the_cache(self) -> None:
        assert sent(tools=(WEATHER, TIME)) == {
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
            "tools": [
                {"name": "weather", "description": "How it is.", "input_schema": PLACE},
                {"name": "time", "input_schema": {"type": "object"}, **MARK},
            ],
        }

    def test_take_one_object_where_the_schema_has_a_choice(self) -> None:
        schema = {
            "anyOf": [{"required": ["a"]}, {"properties": {"b": {"type": "null"}}, "required": ["b"]}],
            "allOf": [{"properties": {"c": {}}, "required": ["c"]}],
            "properties": {"a": {}},
        }
        [made] = sent(tools=(Tool("weather", None, schema),))["tools"]
        assert made["input_schema"] == {
            "type": "object",
            "properties": {"b": {"type": "null"}, "c": {}, "a": {}},
            "required": ["c"],
        }

    def test_are_strict_where_the_model_has_it(self) -> None:
        tool = Tool("weather", None, PLACE, strict=True)
        [made] = sent(tools=(tool,))["tools"]
        assert made["strict"] is True
        assert made["input_schema"] == {
            "type": "object",
            "properties": {"place": {"type": "string", "description": "(maxLength: 9)"}},
            "additionalProperties": False,
        }
        [made] = sent("claude-opus-4-1", tools=(tool,))["tools"]
        assert (made["input_schema"], "strict" in made) == (PLACE, False)

    @pytest.mark.parametrize(
        ("choice", "parallel", "made"),
        [
            (None, None, None),
            (None, True, None),
            (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
            ("auto", None, None),
            ("none", False, {"type": "none"}),
            ("required", None, {"type": "any"}),
            ("required", False, {"type": "any", "disable_parallel_tool_use": True}),
            (NamedTool("time"), None, {"type": "tool", "name": "time"}),
        ],
    )
    def test_are_chosen(self, choice: Any, parallel: Any, made: Any) -> None:
        body = sent(tools=(WEATHER, TIME), tool_choice=choice, parallel_tool_calls=parallel)
        assert body.get("tool_choice") == made

    def test_a_choice_without_tools_is_none(self) -> None:
        assert "tool_choice" not in sent(tool_choice="auto")

    def test_the_operators_stay(self) -> None:
        search = {"type": "web_search_20250305", "name": "web_search"}
        added = {"add_parameters": {"tools": [search]}}
        assert [tool["name"] for tool in sent(tools=(TIME,), settings=added)["tools"]] == [
            "web_search",
            "time",
        ]

    def test_those_of_earlier_calls_are_declared_for_them(self) -> None:
        body = sent(turns=LOOP)
        assert body["tools"] == [{"name": "weather", "input_schema": {"type": "object"}, **MARK}]
        assert body["tool_choice"] == {"type": "none"}

    def test_a_search_of_the_web_is_the_providers_own(self) -> None:
        near = {"type": "approximate", "approximate": {"city": "Rome", "country": "IT", "other": 1}}
        body = sent(web_search_options={"user_location": near, "search_context_size": "low"})
        place = {"type": "approximate", "city": "Rome", "country": "IT"}
        search = {"type": "web_search_20250305", "name": "web_search"}
        assert body["tools"] == [{**search, "user_location": place, **MARK}]
        assert sent(web_search_options={})["tools"] == [{**search, **MARK}]


class TestTurnsSent:
    def test_calls_and_results(self) -> None:
        results = (
            Turn("tool", (ToolResult("call_1", (Text("Sunny."), PNG)),)),
            Turn("tool", (ToolResult("functions.time:0", (Text("No clock."),), is_error=True),)),
            Turn("tool", (ToolResult("empty"),)),
            Turn.of_text("user", "And now?"),
        )
        calls = (
            ToolCall("call_1", "weather", '{"place":"Rome"}'),
            ToolCall("functions.time:0", "time", ""),
            ToolCall("empty", "time", '{"broken'),
        )
        body = sent(turns=(HELLO, Turn("assistant", (Text(" "), *calls)), *results), tools=(WEATHER, TIME))
        assert body["messages"][1:] == [
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"place": "Rome"}},
                    {"type": "tool_use", "id": "functions_time_0", "name": "time", "input": {}},
                    {
                        "type": "tool_use",
                        "id": "empty",
                        "name": "time",
                        "input": {"INVALID_JSON": '{"broken'},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "call_1",
                        "content": [{"type": "text", "text": "Sunny."}, PICTURE],
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "functions_time_0",
                        "content": "No clock.",
                        "is_error": True,
                    },
                    {"type": "tool_result", "tool_use_id": "empty"},
                    {"type": "text", "text": "And now?", **MARK},
                ],
            },
        ]

    def test_results_come_first_whatever_is_said_before_them(self) -> None:
        body = sent(turns=(HELLO, CALLING, Turn.of_text("user", "Well?"), SUNNY), tools=(WEATHER,))
        assert [block["type"] for block in body["messages"][-1]["content"]] == ["tool_result", "text"]

    def test_thinking_goes_back_with_its_signature_while_tools_are_called(self) -> None:
        thoughts = (
            Reasoning("Rome?", signature="sig", format="anthropic"),
            Reasoning(redacted="hidden", format="anthropic"),
            Reasoning("of another", signature="g", format="google"),
            Reasoning("unsigned"),
        )
        calling = Turn("assistant", (*thoughts, *CALLING.parts))
        body = sent(turns=(HELLO, calling, SUNNY), tools=(WEATHER,))
        assert body["messages"][1]["content"] == [
            {"type": "thinking", "thinking": "Rome?", "signature": "sig"},
            {"type": "redacted_thinking", "data": "hidden"},
            {"type": "text", "text": "Let me see."},
            {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"place": "Rome"}},
        ]
        later = sent(turns=(HELLO, calling, SUNNY, Turn.of_text("user", "Thanks")), tools=(WEATHER,))
        assert [block["type"] for block in later["messages"][1]["content"]] == ["text", "tool_use"]

    def test_files_in_every_form(self) -> None:
        pdf = Attachment("a.pdf", "application/pdf", b"%PDF")
        note = Attachment("a.txt", "text/plain", b"Note")
        address = PictureAddress("https://example.com/cat.png", "high")
        [message] = sent(turns=(Turn("user", (Text("See"), pdf, address, note)),))["messages"]
        source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
        assert message["content"] == [
            {"type": "document", "source": source, "title": "a.pdf"},
            {"type": "image", "source": {"type": "url", "url": "https://example.com/cat.png"}},
            {"type": "text", "text": '<file name="a.txt">\nNote\n</file>\n\nSee'},
        ]

    def test_several_texts_keep_their_places(self) -> None:
        [message] = sent(turns=(Turn("user", (Text("One:"), PNG, Text("Two:"), PNG)),))["messages"]
        assert message["content"] == [
            {"type": "text", "text": "One:"},
            PICTURE,
            {"type": "text", "text": "Two:"},
            PICTURE,
        ]

    def test_sounds_are_refused(self) -> None:
        sound = Attachment("a.wav", "audio/wav", b"RIFF")
        error = refusal(turns=(Turn("user", (sound,)),))
        assert (error.code, error.message) == (
            "unsupported_parameter",
            "Anthropic's models take no audio.",
        )

    def test_turns_of_one_side_are_one_message(self) -> None:
        turns = (HELLO, HELLO, Turn("assistant", (Refusal("No."),)), Turn.of_text("assistant", "Hi."), HELLO)
        roles = [(message["role"], len(message["content"])) for message in sent(turns=turns)["messages"]]
        assert roles == [("user", 2), ("assistant", 2), ("user", 1)]

    def test_a_system_prompt_alone_is_the_users(self) -> None:
        body = sent(turns=(), system="Say hello.")
        assert body == {"messages": [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]}

    def test_instructions_in_the_middle_go_to_the_beginning(self) -> None:
        body = sent(turns=(HELLO, Turn.of_text("system", "Be brief.")), system="Be kind.")
        assert body["system"] == [{"type": "text", "text": "Be kind.\n\nBe brief.", **MARK}]

    def test_a_call_may_come_first(self) -> None:
        body = sent(turns=(CALLING, SUNNY), tools=(WEATHER,))
        assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]

    @pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-1", "proxys-own"])
    def test_an_answer_that_has_begun_is_gone_on_with(self, model: str) -> None:
        body = sent(model, turns=(HELLO, Turn.of_text("assistant", "{ \n")))
        assert body["messages"][1]["content"] == [{"type": "text", "text": "{"}]

    @pytest.mark.parametrize("model", ["claude-sonnet-4-6", "claude-opus-5-5", "claude-mythos-preview"])
    def test_newer_models_refuse_one(self, model: str) -> None:
        error = refusal(model, turns=(HELLO, Turn.of_text("assistant", "{")))
        assert (error.status, error.code) == (422, "unsupported_parameter")
        assert error.message.startswith("This model does not go on with an answer that has begun")


class TestCache:
    def test_marks_tools_system_and_the_last_two_turns_of_the_users(self) -> None:
        body = sent(
            turns=(HELLO, *LOOP[1:], Turn.of_text("assistant", "Sunny."), HELLO), tools=(WEATHER,), system="s"
        )
        assert body["system"] == [{"type": "text", "text": "s", **MARK}]
        marked = ["cache_control" in message["content"][-1] for message in body["messages"]]
        assert marked == [False, False, True, False, True]
        assert "cache_control" in body["tools"][0]

    def test_can_be_switched_off(self) -> None:
        body = sent(turns=LOOP, tools=(WEATHER,), system="s", settings={"drop_parameters": ("promptCache",)})
        assert "cache_control" not in str(body)
        assert body["system"] == "s"

    def test_is_not_asked_of_other_models(self) -> None:
        assert "cache_control" not in str(sent("proxys-own", turns=LOOP, tools=(WEATHER,), system="s"))

    def test_is_counted_apart(self) -> None:
        counts = {"input_tokens": 3, "cache_creation_input_tokens": 7, "cache_read_input_tokens": 40}
        end = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}}
        end["usage"]["output_tokens_details"] = {"thinking_tokens": 5}
        said = heard(event("message_start", message={"usage": counts}), event("message_delta", **end))
        assert said.usage == Usage(50, 12, cached_tokens=40, cache_written=7, reasoning_tokens=5)


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


class TestParameters:
    def test_a_schema_is_the_models_own_form(self) -> None:
        body = sent(response_format=ResponseFormat("json_schema", "thing", None, SCHEMA, strict=True))
        made = {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
        assert body["output_config"] == {"format": made}

    def test_older_models_cannot_be_held_to_one(self) -> None:
        error = refusal("claude-opus-4-1", response_format=ResponseFormat("json_schema", schema=SCHEMA))
        assert error.message.startswith("This model cannot be held to a JSON schema")

    def test_json_without_a_schema_is_asked_for_in_words(self) -> None:
        asked = ResponseFormat("json_object")
        assert sent(response_format=asked)["system"][0]["text"] == ONLY_JSON
        assert sent(response_format=asked, system="Hi.")["system"][0]["text"] == f"Hi.\n\n{ONLY_JSON}"

    @pytest.mark.parametrize(
        "wanted",
        [{"n": 2}, {"logprobs": True}, {"logit_bias": {"5": 1.0}}, {"modalities": ("text", "audio")}],
    )
    def test_what_would_mean_something_else_without_is_refused(self, wanted: dict[str, Any]) -> None:
        error = refusal(**wanted)
        [name] = wanted
        assert (error.status, error.code) == (422, "unsupported_parameter")
        assert error.message == f"Anthropic does not have what the request asks for: {name}."

    def test_what_does_no_harm_is_left_out(self) -> None:
        harmless = {
            "seed": 4,
            "verbosity": "low",
            "prediction": {"type": "content"},
            "n": 1,
            "logprobs": False,
        }
        assert sent(**harmless, frequency_penalty=1.0, presence_penalty=1.0, modalities=("text",)) == sent()

    @pytest.mark.parametrize(
        ("tier", "made"), [("auto", "auto"), ("default", "standard_only"), ("flex", None)]
    )
    def test_a_tier_goes_by_its_name_here(self, tier: str, made: str | None) -> None:
        assert sent(service_tier=tier).get("service_tier") == made


class TestEffort:
    @pytest.mark.parametrize(
        ("model", "effort", "thinking", "config"),
        [
            ("claude-3-5-sonnet-20241022", "high", None, None),
            ("proxys-own", "high", None, None),
            ("claude-haiku-4-5", "low", {"type": "enabled", "budget_tokens": 1024}, None),
            ("claude-haiku-4-5", "none", None, None),
            ("claude-haiku-4-5", "of_tomorrow", None, None),
            ("claude-opus-4-6", "medium", {"type": "adaptive"}, {"effort": "medium"}),
            ("claude-opus-4-6", "xhigh", {"type": "adaptive"}, None),
            ("claude-opus-4-7", "xhigh", {"type": "adaptive", "display": "summarized"}, {"effort": "xhigh"}),
            (
                "claude-mythos-preview",
                "minimal",
                {"type": "adaptive", "display": "summarized"},
                {"effort": "low"},
            ),
            ("claude-opus-5", "none", None, {"effort": "low"}),
        ],
    )
    def test_is_thinking_as_the_model_has_it(
        self, model: str, effort: str, thinking: Any, config: Any
    ) -> None:
        body = sent(model, reasoning_effort=effort, max_tokens=5000)
        assert (body.get("thinking"), body.get("output_config")) == (thinking, config)

    @pytest.mark.parametrize(
        ("model", "wanted", "thinking", "config"),
        [
            (
                "claude-haiku-4-5",
                {"thinking": "on", "thinking_tokens": 2000},
                {"type": "enabled", "budget_tokens": 2000},
                None,
            ),
            ("claude-haiku-4-5", {"thinking": "off", "thinking_tokens": 2000}, {"type": "disabled"}, None),
            ("claude-haiku-4-5", {"thinking": "unsaid", "reasoning_effort": "high"}, None, None),
            ("claude-opus-4-6", {"thinking": "on"}, {"type": "adaptive"}, None),
            ("claude-opus-4-6", {"thinking": "off", "reasoning_effort": "max"}, {"type": "disabled"}, None),
            ("claude-opus-4-7", {"thinking": "unsaid", "reasoning_effort": "max"}, None, {"effort": "max"}),
            ("proxys-own", {"thinking": "off"}, None, None),
        ],
    )
    def test_is_kept_apart_from_thinking_where_the_request_does(
        self, model: str, wanted: Any, thinking: Any, config: Any
    ) -> None:
        body = sent(model, **{"max_tokens": 5000, **wanted})
        assert (body.get("thinking"), body.get("output_config")) == (thinking, config)

    def test_leaves_room_for_the_answer(self) -> None:
        body = sent(reasoning_effort="high", max_tokens=2000)
        assert body["thinking"] == {"type": "enabled", "budget_tokens": 1999}
        assert "thinking" not in sent(reasoning_effort="high", max_tokens=1000)

    def test_goes_without_what_is_refused_beside_it(self) -> None:
        body = sent(reasoning_effort="low", max_tokens=5000, temperature=0.5, top_k=3)
        assert not {"temperature", "top_k"} & set(body)

    def test_gives_way_to_a_tool_that_must_be_called_and_to_an_answer_that_has_begun(self) -> None:
        body = sent(
            reasoning_effort="low", max_tokens=5000, tools=(TIME,), tool_choice="required", temperature=0.5
        )
        assert ("thinking" in body, body["temperature"]) == (False, 0.5)
        begun = (HELLO, Turn.of_text("assistant", "{"))
        assert "thinking" not in sent(reasoning_effort="low", max_tokens=5000, turns=begun)

    def test_gives_way_where_the_thinking_before_a_call_is_lost(self) -> None:
        wanted = {"reasoning_effort": "low", "max_tokens": 5000, "tools": (WEATHER,)}
        assert "thinking" not in sent(turns=LOOP, **wanted)
        kept = Turn("assistant", (Reasoning("hm", "sig", format="anthropic"), *CALLING.parts))
        assert "thinking" in sent(turns=(HELLO, kept, SUNNY), **wanted)
        assert "thinking" in sent("claude-opus-4-6", turns=LOOP, **wanted)


def start(index: Any, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def delta(index: Any, kind: str, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta={"type": kind, **fields})


def stop(index: Any) -> bytes:
    return event("content_block_stop", index=index)


def end(reason: str) -> bytes:
    ending = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=ending, usage={"output_tokens": 3}) + event("message_stop")


USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
PIECES = [delta(1, "input_json_delta", partial_json=piece) for piece in ("", '{"pla', 'ce": "Rome"}')]
CALLED = [start(1, **USE), *PIECES, stop(1)]
TOLD = [ToolCallDelta(0, "toolu_1", "weather"), ToolCallDelta(0, arguments='{"pla')]
TOLD += [ToolCallDelta(0, arguments='ce": "Rome"}')]


def events(said: Said) -> list[Any]:
    """What is said, without the counts."""
    assert said.error is None
    return [each for each in said.events if not isinstance(each, Usage)]


class TestCallsRead:
    def test_come_piece_by_piece(self) -> None:
        text = [start(0, type="text", text=""), delta(0, "text_delta", text="See."), stop(0)]
        said = heard(*text, *CALLED, end("tool_use"))
        assert events(said) == [TextDelta("See."), *TOLD, Finished("tool_calls")]

    def test_two_at_a_time(self) -> None:
        other = {"type": "tool_use", "id": "toolu_2", "name": "time", "input": {}}
        mixed = [start(1, **USE), start(2, **other), *PIECES, stop(2), stop(1)]
        assert events(heard(*mixed, end("tool_use"))) == [
            TOLD[0],
            ToolCallDelta(1, "toolu_2", "time"),
            *TOLD[1:],
            ToolCallDelta(1, arguments="{}"),
            Finished("tool_calls"),
        ]

    @pytest.mark.parametrize(
        "pieces",
        [
            [start(1, **USE), stop(1)],
            [start(1, **USE), delta(1, "input_json_delta", partial_json=""), stop(1)],
            [start(1, **USE)],
            [start(None, **USE), stop(None)],
        ],
    )
    def test_without_input_have_an_empty_one(self, pieces: list[bytes]) -> None:
        assert events(heard(*pieces, end("tool_use"))) == [
            TOLD[0],
            ToolCallDelta(0, arguments="{}"),
            Finished("tool_calls"),
        ]

    def test_with_all_of_their_input_at_the_beginning(self) -> None:
        whole = {**USE, "input": {"place": "Öl"}}
        assert events(heard(start(1, **whole), stop(1), end("tool_use")))[1] == ToolCallDelta(
            0, arguments='{"place": "Öl"}'
        )

    def test_without_numbers(self) -> None:
        pieces = [event("content_block_start", content_block=USE), event("content_block_stop")]
        pieces.insert(1, event("content_block_delta", delta={"partial_json": "{}"}))
        assert events(heard(*pieces * 2, end("tool_use"))) == [
            TOLD[0],
            ToolCallDelta(0, arguments="{}"),
            ToolCallDelta(1, "toolu_1", "weather"),
            ToolCallDelta(1, arguments="{}"),
            Finished("tool_calls"),
        ]

    def test_without_an_id_get_one(self) -> None:
        [first, *_] = events(heard(start(0, type="tool_use", name="time"), end("tool_use")))
        assert first.id.startswith("call_")
        assert len(first.id) > 20

    def test_of_the_providers_own_tools_are_passed_over(self) -> None:
        server = {"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}}
        found = {"type": "web_search_tool_result", "tool_use_id": "srv", "content": []}
        said = heard(
            start(0, **server),
            delta(0, "input_json_delta", partial_json='{"query": "x"}'),
            stop(0),
            start(1, **found),
            stop(1),
            delta(2, "text_delta", text="Found."),
            end("pause_turn"),
        )
        assert events(said) == [TextDelta("Found."), Finished("length")]

    def test_that_end_with_another_reason_are_still_calls(self) -> None:
        assert events(heard(*CALLED, end("end_turn")))[-1] == Finished("tool_calls")
        assert events(heard(*CALLED, end("max_tokens")))[-1] == Finished("length")

    def test_without_end_are_broken_off(self) -> None:
        said = heard(start(1, **USE), *PIECES)
        assert said.events == TOLD
        assert said.error.code == "provider_failed"

    def test_survive_signs_of_life_and_unknown_blocks_between(self) -> None:
        odd = [
            event("ping"),
            b": keep-alive\n\n",
            b"data:\n\n",
            start(9, type="of_tomorrow", text=5),
            delta(9, "of_tomorrow"),
            stop(9),
            event("content_block_delta", index=1),
            stop(77),
        ]
        said = heard(*odd, start(1, **USE), *odd, *PIECES, *odd, stop(1), *odd, end("tool_use"))
        assert events(said) == [*TOLD, Finished("tool_calls")]

    def test_survive_pieces_that_arrive_together_or_byte_by_byte(self) -> None:
        whole = b"".join([*CALLED, end("tool_use")])
        for size in (1, 50, len(whole)):
            cut = [whole[at : at + size] for at in range(0, len(whole), size)]
            assert events(heard(*cut)) == [*TOLD, Finished("tool_calls")]

    def test_half_a_character_waits_for_the_other(self) -> None:
        halves = [
            b'data: {"type":"content_block_delta","index":1,"delta":{"partial_json":"\\ud83d"}}\n\n',
            b'data: {"type":"content_block_delta","index":1,"delta":{"partial_json":"\\ude00"}}\n\n',
        ]
        assert events(heard(start(1, **USE), *halves, end("tool_use")))[1] == ToolCallDelta(0, arguments="😀")

    def test_too_many_blocks_are_too_many(self) -> None:
        said = heard(*(start(index, type="text", text="") for index in range(1001)), end("end_turn"))
        assert said.error.code == "provider_failed"


class TestThinkingRead:
    def test_ends_with_its_signature(self) -> None:
        said = heard(
            start(0, type="thinking", thinking="", signature=""),
            delta(0, "thinking_delta", thinking="Rome?"),
            delta(0, "signature_delta", signature="si"),
            delta(0, "signature_delta", signature="g"),
            stop(0),
            start(1, type="redacted_thinking", data="hidden"),
            stop(1),
            *CALLED,
            end("tool_use"),
        )
        assert events(said) == [
            ReasoningDelta("Rome?"),
            ReasoningSignature("sig", format="anthropic"),
            ReasoningSignature(redacted="hidden", format="anthropic"),
            *TOLD,
            Finished("tool_calls"),
        ]

    def test_a_signature_has_a_bound(self) -> None:
        long = [delta(0, "signature_delta", signature="s" * 600_000)] * 2
        said = heard(start(0, type="thinking", thinking=""), *long, stop(0), end("end_turn"))
        assert said.error.code == "provider_failed"


def test_sources_are_named_at_the_end_of_their_text() -> None:
    page = {
        "type": "web_search_result_location",
        "url": "https://example.com/",
        "title": "T",
        "cited_text": "…",
    }
    inside = {"type": "char_location", "document_index": 0, "cited_text": "…"}
    said = heard(
        delta(0, "text_delta", text="Well: "),
        start(1, type="text", text="", citations=[]),
        delta(1, "citations_delta", citation=page),
        delta(1, "citations_delta", citation=inside),
        delta(1, "text_delta", text="sunny"),
        stop(1),
        end("end_turn"),
    )
    assert events(said) == [
        TextDelta("Well: "),
        TextDelta("sunny"),
        Cited(Citation("https://example.com/", "T", 6, 11)),
        Finished("stop"),
    ]


def test_a_refusal_after_some_words_is_told() -> None:
    said = heard(delta(0, "text_delta", text="I"), end("refusal"))
    assert events(said) == [TextDelta("I"), Finished("content_filter")]


def test_a_loop_with_the_protocol_server() -> None:
    """The server refuses what the API refuses; `Reply` is what the model says."""
    assert sent(turns=(*LOOP, Turn.of_text("assistant", "Sunny."), HELLO), tools=(WEATHER,))["messages"]
    with anthropic_server(Reply(reasoning=["hm"])) as server:
        said = listen(settings_of("anthropic", server.url), request(model=MODEL))
    assert ReasoningSignature("EqQBCgIYAhIM1gbcDa9GJwZA2b3h", format="anthropic") in said.events


class TestCounting:
    """What is sent to be counted, and what comes back."""

    def errand(self, **chat: Any) -> Errand[int]:
        errand = counting_errand(
            settings_of("anthropic", "http://127.0.0.1:1"), ChatRequest(MODEL, (HELLO,), **chat)
        )
        assert errand is not None
        return errand

    def test_says_nothing_but_what_is_read(self) -> None:
        call = self.errand(
            system="Be brief.", max_tokens=5, temperature=0.5, stop=("a",), tools=(TIME,)
        ).call(Access("k", "http://127.0.0.1:1"))
        assert call.url == "http://127.0.0.1:1/v1/messages/count_tokens"
        assert set(call.body) == {"model", "messages", "system", "tools"}
        assert "temperature" not in call.parameters | call.optional

    @pytest.mark.parametrize(
        "content", [b"{}", b"[]", b"x", b'{"input_tokens": "7"}', b'{"input_tokens": -1}']
    )
    def test_an_answer_without_a_number_is_a_failure(self, content: bytes) -> None:
        assert self.errand().read(b'{"input_tokens": 7}') == 7
        with pytest.raises(ProviderFailure):
            self.errand().read(content)

    @pytest.mark.parametrize("kind", ["openai", "google"])
    def test_others_do_not_count(self, kind: str) -> None:
        assert counting_errand(settings_of(kind, "http://127.0.0.1:1"), ChatRequest(MODEL, (HELLO,))) is None


def test_the_text_at_which_it_stopped_is_told() -> None:
    ending = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    with anthropic_server(
        event_stream(
            start(0, type="text", text=""),
            delta(0, "text_delta", text="Hi"),
            event("message_delta", delta=ending, usage={"output_tokens": 1}),
            event("message_stop"),
        )
    ) as server:
        said = listen(settings_of("anthropic", server.url), ChatRequest(MODEL, (HELLO,), max_tokens=9))
    assert said.events[-1] == Finished("stop", stop_sequence="END")


ACCESS = Access("key", "http://x", own_url=True)


def call_of(method: str = "chat", settings: Any = None, **chat: Any) -> Any:
    """The request that one becomes."""
    asked = ChatRequest(**{"model": MODEL, "turns": (HELLO,), **chat})
    dialect = AnthropicDialect(settings_of("anthropic", "http://x", **(settings or {})))
    return getattr(dialect, method)(asked, ACCESS)


class TestCalls:
    def test_go_to_the_messages(self) -> None:
        call = call_of()
        assert (call.url, call.guarded, call.model) == ("http://x/v1/messages", True, MODEL)
        assert call.headers == {
            "Content-Type": "application/json",
            "x-api-key": "key",
            "anthropic-version": "2023-06-01",
        }
        assert (call.body["model"], call.body["stream"], call.body["max_tokens"]) == (MODEL, True, 64_000)

    def test_of_short_answers_are_marked_for_no_cache(self) -> None:
        call = call_of("short", system="s", tools=(WEATHER,))
        assert call.body["stream"] is False
        assert "cache_control" not in str(call.body)
        assert "cache_control" in str(call_of(system="s", tools=(WEATHER,)).body)

    def test_to_count_say_what_is_read_and_may_leave_out_only_that(self) -> None:
        call = call_of("count", system="s", temperature=0.5, reasoning_effort="low", tools=(TIME,))
        assert call.url == "http://x/v1/messages/count_tokens"
        assert set(call.body) == {"model", "messages", "system", "tools", "thinking"}
        assert call.parameters == {"system", "tools", "thinking"}
        assert call.optional == {"thinking"}

    def test_may_leave_out_what_leaves_the_answer_what_it_is(self) -> None:
        asked = {
            "system": "s",
            "temperature": 0.5,
            "stop": ("a",),
            "tools": (TIME,),
            "tool_choice": "required",
        }
        call = call_of(**asked)
        assert call.parameters == {
            *("system", "temperature", "stop_sequences", "tools", "tool_choice", "max_tokens"),
        }
        assert call.optional == {"temperature", "stop_sequences"}

    def test_ask_for_the_models(self) -> None:
        dialect = AnthropicDialect(settings_of("anthropic", "http://x"))
        call = dialect.models(ACCESS)
        assert call is not None
        assert (call.url, call.guarded, call.body) == ("http://x/v1/models?limit=1000", True, None)
        assert call.headers["x-api-key"] == "key"
        assert dialect.read_models({"data": [{"id": "a"}, {}, 7]}) == ["a", "", ""]
        assert dialect.read_models({"data": {"id": "a"}}) == dialect.read_models(None) == []

    def test_read_short_answers(self) -> None:
        dialect = AnthropicDialect(settings_of("anthropic", "http://x"))
        answer = {
            "content": [{"type": "thinking", "thinking": "hm"}, {"text": "a "}, {"text": "title"}, None],
            "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 2},
        }
        assert dialect.read_text(answer) == "a title"
        assert dialect.read_usage(answer) == [Usage(7, 2, cached_tokens=4)]
        assert (dialect.read_text({"content": "a"}), dialect.read_usage({})) == ("", [])

    def test_keep_the_operators_own_forms(self) -> None:
        added = {"add_parameters": {"output_config": {"effort": "low", "own": 1}, "max_tokens": 7}}
        body = call_of(settings=added, model="claude-opus-4-7", reasoning_effort="high").body
        assert (body["output_config"], body["max_tokens"]) == ({"effort": "high", "own": 1}, 7)
        body = call_of(settings=added, model="claude-opus-4-7").body
        assert body["output_config"] == {"effort": "low", "own": 1}


class TestSampling:
    @pytest.mark.parametrize(
        ("model", "more", "taken"),
        [
            ("claude-opus-4-0", {}, {"temperature": 0.5, "top_p": 0.9, "top_k": 3}),
            # Of these only one of the first two.
            ("claude-opus-4-1", {}, {"temperature": 0.5, "top_k": 3}),
            ("claude-opus-4-1", {"temperature": None}, {"top_p": 0.9, "top_k": 3}),
            ("claude-opus-4-6", {}, {"temperature": 0.5, "top_k": 3}),
            ("claude-opus-4-6", {"thinking": "off"}, {"temperature": 0.5, "top_k": 3}),
            ("claude-opus-4-6", {"thinking": "on"}, {}),
            ("claude-opus-4-7", {}, {}),
            ("claude-opus-4-7", {"thinking": "off"}, {}),
            ("claude-opus-4-0", {"temperature": 2.0}, {"temperature": 1.0, "top_p": 0.9, "top_k": 3}),
        ],
    )
    def test_is_what_the_model_takes(self, model: str, more: Any, taken: Any) -> None:
        asked = {"temperature": 0.5, "top_p": 0.9, "top_k": 3, "model": model, **more}
        body = call_of(**asked).body
        assert {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body} == taken


@pytest.mark.parametrize(
    ("effort", "budget"),
    [
        *(("minimal", 1024), ("low", 1024), ("medium", 8192)),
        *(("high", 24_576), ("xhigh", 32_000), ("max", 32_000)),
    ],
)
def test_an_effort_is_a_number_of_tokens_for_older_models(effort: str, budget: int) -> None:
    body = call_of(reasoning_effort=effort).body
    assert body["thinking"] == {"type": "enabled", "budget_tokens": budget}


@pytest.mark.parametrize(
    ("asked", "budget"),
    [
        ({"thinking_tokens": 1023}, None),
        ({"thinking_tokens": 1024}, 1024),
        ({"thinking_tokens": 4000, "max_tokens": 4000}, 3999),
        ({"thinking_tokens": 4000, "max_tokens": 4001}, 4000),
        ({"thinking_tokens": 4000, "max_tokens": 1025}, 1024),
        ({"thinking_tokens": 4000, "max_tokens": 1024}, None),
    ],
)
def test_thinking_has_its_bounds(asked: dict[str, int], budget: int | None) -> None:
    thinking = call_of(thinking="on", **asked).body.get("thinking")
    assert thinking == (budget and {"type": "enabled", "budget_tokens": budget})


def test_who_thinks_where_the_answer_goes_on_is_nobody() -> None:
    """Neither before a forced call nor where the thinking of a call is lost; a result of tools is no such end."""
    forced = {"tools": (TIME,), "tool_choice": NamedTool("time")}
    assert "thinking" not in call_of(reasoning_effort="low", **forced).body
    redacted = Turn("assistant", (Reasoning(redacted="h", format="anthropic"), *CALLING.parts))
    unsigned = Turn("assistant", (Reasoning("hm", format="anthropic"), *CALLING.parts))
    others = Turn("assistant", (Reasoning("hm", "sig", format="google"), *CALLING.parts))
    for calling, thinks in ((redacted, True), (unsigned, False), (others, False)):
        body = call_of(reasoning_effort="low", turns=(HELLO, calling, SUNNY), tools=(WEATHER,)).body
        assert ("thinking" in body) is thinks


def test_the_refusal_to_be_held_to_a_schema_says_which_models_can() -> None:
    error = refusal("claude-opus-4-1", response_format=ResponseFormat("json_schema", schema=SCHEMA))
    assert (error.code, error.message) == (
        "unsupported_parameter",
        "This model cannot be held to a JSON schema; Anthropic's can from version 4.5 on.",
    )
    error = refusal("claude-opus-4-6", turns=(HELLO, Turn.of_text("assistant", "{")))
    assert error.message == (
        "This model does not go on with an answer that has begun: the last message must be the user's."
    )


def test_counting_is_an_errand_of_its_own() -> None:
    errand = counting_errand(settings_of("anthropic", "http://x"), ChatRequest(MODEL, (HELLO,)))
    assert errand is not None
    assert (errand.name, errand.model, errand.most) == ("count_tokens", MODEL, 65_536)
    with pytest.raises(ProviderFailure) as failed:
        errand.read(b"{}")
    assert failed.value.kind == "no_count"
