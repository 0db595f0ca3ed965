"""The offline model, asked as every provider is: through the transport and the dialect."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from echo.errors import ApiError
from echo.providers.chat import (
    ChatProvider,
    Event,
    ReasoningDelta,
    RefusalDelta,
    ResponseFormat,
    Text,
    TextDelta,
    Tool,
    ToolResult,
    Turn,
    Usage,
)
from echo.providers.offline.answers import answer_to
from echo.providers.offline.schemas import example_of
from echo.settings import ProviderLimits, ProviderSettings, load_settings
from echo.settings.offline import MODELS
from tests.support.providers.asking import ask, listen, request

INTRODUCTION = "I am Echo's offline model; no real model answers here."
[OFFLINE] = [each for each in load_settings({}).providers if each.offline]


def events(model: str, limits: ProviderLimits | None = None, **chat: Any) -> list[Event]:
    """Everything that comes of one request."""

    async def use(provider: ChatProvider) -> list[Event]:
        asked = replace(request(model=model), **chat)
        return [event async for event in provider.stream(asked)]

    return ask(OFFLINE, use, limits) if limits else ask(OFFLINE, use)


def texts(found: list[Event]) -> list[str]:
    return [each.text for each in found if isinstance(each, TextDelta)]


class TestAnswers:
    def test_are_in_no_log(self, caplog: pytest.LogCaptureFixture) -> None:
        """A line for each request to itself would tell an operator nothing."""
        with caplog.at_level("INFO"):
            assert texts(events("echo"))
        assert [each.message for each in caplog.records if each.name.startswith("aiohttp")] == []

    def test_says_what_it_is_and_what_it_was_told_word_by_word(self) -> None:
        found = events("echo", turns=(Turn.of_text("user", "Well met"),))
        assert "".join(texts(found)).startswith(INTRODUCTION)
        assert "".join(texts(found)).endswith(" Well met")
        assert all(len(each.split()) == 1 for each in texts(found))
        assert [each.input_tokens for each in found if isinstance(each, Usage)] == [2]

    def test_are_the_same_for_the_same_seed_and_not_for_all(self) -> None:
        body = {"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}
        said = [answer_to({**body, "seed": seed}).text for seed in (1, 2, 3, 4, 5, 1)]
        assert len(set(said)) > 1
        assert said[0] == said[5]

    def test_may_be_long(self) -> None:
        assert len(texts(events("echo-long"))) > 2000

    def test_may_begin_with_reasoning(self) -> None:
        found = events("echo-reasoning")
        first = [isinstance(each, ReasoningDelta) for each in found].index(True)
        assert first < [isinstance(each, TextDelta) for each in found].index(True)

    def test_may_be_refused(self) -> None:
        found = events("echo-refusal")
        assert "refuse" in "".join(each.text for each in found if isinstance(each, RefusalDelta))
        assert texts(found) == []

    def test_are_cut_at_the_limit(self) -> None:
        assert len(texts(events("echo-cut"))) == 12
        found = events("echo", max_tokens=3)
        assert "".join(texts(found)).split() == ["I", "am", "Echo's"]


SCHEMA = {
    "type": "object",
    "properties": {
        "place": {"type": "string", "minLength": 9},
        "days": {"type": "integer", "minimum": 2},
        "unit": {"enum": ["C", "F"]},
        "tags": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/tag"}},
        "until": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
    },
    "required": ["place", "days", "unit", "tags"],
    "additionalProperties": False,
    "$defs": {
        "tag": {"type": "object", "properties": {"more": {"$ref": "#/$defs/tag"}, "n": {"type": "number"}}}
    },
}


class TestForms:
    def test_json_follows_the_schema(self) -> None:
        wanted = ResponseFormat("json_schema", name="weather", schema=SCHEMA)
        said = json.loads("".join(texts(events("echo-json", response_format=wanted))))
        assert jsonschema_rs.is_valid(SCHEMA, said)
        assert said["unit"] == "C"

    @pytest.mark.parametrize(
        "schema",
        [
            {"type": ["null", "string"], "maxLength": 3},
            {"exclusiveMinimum": 4, "type": "number"},
            {"maximum": -3, "type": "integer"},
            {"allOf": [{"required": ["a"]}, {"properties": {"a": {"const": 7}}}], "type": "object"},
            {"type": "array"},
        ],
    )
    def test_values_fit(self, schema: Mapping[str, Any]) -> None:
        assert jsonschema_rs.is_valid(schema, example_of(schema))

    def test_calls_a_tool_and_repeats_what_it_answers(self) -> None:
        tool = Tool("get_weather", parameters={"type": "object", "properties": {"place": {"type": "string"}}})
        called = "".join(str(each) for each in events("echo-tools", tools=(tool,)))
        assert "get_weather" in called
        assert "offline" in called
        turns = (
            Turn.of_text("user", "How is it?"),
            Turn("tool", (ToolResult("call_offline_0", (Text("Storm"),)),)),
        )
        assert "".join(texts(events("echo-tools", tools=(tool,), turns=turns))).endswith("Storm")


class TestFaults:
    def test_a_limit_says_when_to_come_back(self) -> None:
        with pytest.raises(ApiError) as caught:
            events("echo-limit")
        assert (caught.value.code, caught.value.headers["Retry-After"]) == ("provider_limited", "30")

    def test_breaks_off_in_the_middle(self) -> None:
        said = listen(OFFLINE, request(model="echo-broken"))
        assert said.text == "I am Echo's offline model; no real model "
        assert said.error is not None

    def test_silence_is_ended_by_the_time_limit(self) -> None:
        start = time.monotonic()
        with pytest.raises(ApiError):
            events("echo-silent", ProviderLimits(first_seconds=0.05, attempts=1))
        assert time.monotonic() - start < 5

    def test_lists_its_models(self) -> None:
        assert ask(OFFLINE, lambda provider: provider.models()) == MODELS


class TestWhetherItIsThere:
    @pytest.mark.parametrize(
        ("environ", "there"),
        [
            ({}, True),
            ({"ECHO_OFFLINE_MODEL": "off"}, False),
            ({"OPENAI_API_KEY": "sk-tests-only"}, False),
            ({"ANTHROPIC_API_KEY": "user_provided"}, False),
            ({"OPENAI_API_KEY": "sk-tests-only", "ECHO_OFFLINE_MODEL": "on"}, True),
            ({"MONGO_URI": "mongodb://x"}, False),
            ({"MONGO_URI": "mongodb://x", "ECHO_OFFLINE_MODEL": "true"}, True),
        ],
    )
    def test_by_default_only_where_nothing_else_is(self, environ: dict[str, str], there: bool) -> None:
        secrets = {"JWT_SECRET": "tests-only-" + "a1B2" * 8, "JWT_REFRESH_SECRET": "tests-only-" + "c3D4" * 8}
        found: list[ProviderSettings] = [
            each for each in load_settings({**secrets, **environ}).providers if each.offline
        ]
        assert [each.name for each in found] == (["Offline"] if there else [])
