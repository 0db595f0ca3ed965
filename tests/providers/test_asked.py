"""What steers an answer: how much to reason, and what a request asks for beyond the usual."""

from typing import Any

import pytest

from echo.errors import FieldError, Unprocessable
from echo.providers.asked import NamedTool, Parameters, ResponseFormat, Tool, refuse_missing
from echo.providers.chat import ChatRequest, SpokenBefore, Text, Turn


class TestEffort:
    @pytest.mark.parametrize(
        ("asked", "effort"),
        [
            ({}, None),
            ({"reasoning_effort": "low"}, "low"),
            ({"thinking": "off"}, "none"),
            ({"thinking": "off", "reasoning_effort": "high"}, "none"),
            ({"thinking": "unsaid"}, None),
            ({"thinking": "unsaid", "reasoning_effort": "low"}, "low"),
            ({"thinking": "on", "reasoning_effort": "low"}, "low"),
            ({"thinking": "on"}, "high"),
            ({"thinking": "on", "thinking_tokens": 0}, "high"),
            ({"thinking": "on", "thinking_tokens": 1}, "low"),
            ({"thinking": "on", "thinking_tokens": 4096}, "low"),
            ({"thinking": "on", "thinking_tokens": 4097}, "medium"),
            ({"thinking": "on", "thinking_tokens": 16_384}, "medium"),
            ({"thinking": "on", "thinking_tokens": 16_385}, "high"),
        ],
    )
    def test_is_made_of_what_was_asked_for(self, asked: Any, effort: str | None) -> None:
        assert Parameters(**asked).effort == effort


class TestNames:
    def test_are_of_what_is_set(self) -> None:
        assert Parameters().set_names() == frozenset()
        asked = Parameters(temperature=0.0, stop=("a",), seed=0, tools=(Tool("f"),), logit_bias={"1": 1})
        assert asked.set_names() == {"temperature", "stop", "seed", "tools", "logit_bias"}

    @pytest.mark.parametrize(
        ("usual", "unusual"),
        [
            ({"n": 1}, {"n": 2}),
            ({"logprobs": False}, {"logprobs": True}),
            ({"top_logprobs": 0}, {"top_logprobs": 1}),
            ({"modalities": ("text",)}, {"modalities": ("text", "audio")}),
            ({"parallel_tool_calls": True}, {"parallel_tool_calls": False}),
            ({"response_format": ResponseFormat("text")}, {"response_format": ResponseFormat("json_object")}),
            ({"stop": ()}, {"stop": ("a",)}),
            ({"logit_bias": {}}, {"logit_bias": {"1": 1}}),
        ],
    )
    def test_are_none_of_the_usual(self, usual: Any, unusual: Any) -> None:
        assert Parameters(**usual).set_names() == frozenset()
        assert Parameters(**unusual).set_names() == set(unusual)

    def test_are_also_of_what_was_said_aloud(self) -> None:
        said = (Turn.of_text("user", "Hello"), Turn("assistant", (Text("Hi."), SpokenBefore("audio_1"))))
        assert ChatRequest("m", said, seed=1).set_names() == {"audio", "seed"}
        assert ChatRequest("m", said[:1], seed=1).set_names() == {"seed"}


class TestMissing:
    MEANINGFUL: tuple[dict[str, Any], ...] = (
        {"tools": (Tool("f"),)},
        {"tool_choice": NamedTool("f")},
        {"parallel_tool_calls": False},
        {"response_format": ResponseFormat("json_object")},
        {"n": 2},
        {"logprobs": True},
        {"top_logprobs": 1},
        {"logit_bias": {"1": 1}},
        {"modalities": ("audio",)},
        {"audio": {"format": "wav"}},
        {"web_search_options": {"size": "low"}},
    )

    @pytest.mark.parametrize("asked", MEANINGFUL, ids=str)
    def test_is_refused_where_it_means_something(self, asked: dict[str, Any]) -> None:
        [name] = asked
        refuse_missing(Parameters(**asked), (), "Other")
        with pytest.raises(Unprocessable) as refused:
            refuse_missing(Parameters(**asked), (name, "temperature"), "Other")
        assert refused.value.code == "unsupported_parameter"
        assert refused.value.message == f"Other does not have what the request asks for: {name}."
        assert refused.value.errors == (FieldError(name, "is not something that Other has"),)

    def test_is_named_in_the_order_of_the_alphabet(self) -> None:
        with pytest.raises(Unprocessable, match=r": audio, logprobs, n\.$"):
            refuse_missing(
                Parameters(n=2, logprobs=True, audio={"format": "wav"}), ("n", "audio", "logprobs"), "Other"
            )

    def test_is_passed_over_where_it_does_not(self) -> None:
        asked = Parameters(
            temperature=1.0, top_p=1.0, seed=1, verbosity="low", service_tier="flex", prediction={"a": 1}
        )
        refuse_missing(asked, asked.set_names(), "Other")
