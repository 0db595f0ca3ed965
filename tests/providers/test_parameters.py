"""The parameters of a request: what the operator drops, adds, and what may be left out."""

import pytest

from echo.providers.parameters import adjusted, named
from tests.support.providers.asking import settings_of

SAME = {
    "max_tokens": {"max_tokens", "max_completion_tokens", "maxOutputTokens"},
    "max_completion_tokens": {"max_completion_tokens", "max_tokens"},
    "maxTokens": {"maxTokens", "max_tokens", "max_completion_tokens", "maxOutputTokens"},
    "top_p": {"top_p", "topP"},
    "topP": {"topP", "top_p"},
    "top_k": {"top_k", "topK"},
    "topK": {"topK", "top_k"},
    "frequency_penalty": {"frequency_penalty", "frequencyPenalty"},
    "frequencyPenalty": {"frequencyPenalty", "frequency_penalty"},
    "presence_penalty": {"presence_penalty", "presencePenalty"},
    "presencePenalty": {"presencePenalty", "presence_penalty"},
    "stop": {"stop", "stop_sequences", "stopSequences"},
    "reasoning_effort": {"reasoning_effort", "thinking", "effort", "thinkingConfig"},
    "seed": {"seed"},
}
EVERY = set().union(*SAME.values())


@pytest.mark.parametrize(("dropped", "gone"), SAME.items(), ids=list(SAME))
def test_what_is_dropped_is_gone_under_each_of_its_names(dropped: str, gone: set[str]) -> None:
    settings = settings_of("openai", "http://x", drop_parameters=(dropped,))
    assert set(adjusted(dict.fromkeys(EVERY, 0), settings)) == EVERY - gone


def test_what_is_not_set_is_not_sent_and_what_is_added_wins() -> None:
    settings = settings_of(
        "openai", "http://x", add_parameters={"seed": 7, "n": None}, drop_parameters=("top_p",)
    )
    assert adjusted({"seed": 1, "top_k": None, "stop": [], "top_p": 1, "user": "a"}, settings) == {
        "seed": 7,
        "n": None,
        "stop": [],
        "user": "a",
    }


def test_what_is_needed_or_added_is_not_left_out() -> None:
    settings = settings_of("openai", "http://x", add_parameters={"seed": 7})
    given = {"seed": 7, "tools": [], "top_p": 1}
    assert named(given, settings, needed=("tools", "other")) == {
        "parameters": {"seed", "tools", "top_p"},
        "optional": {"top_p"},
    }
    assert named(given, settings)["optional"] == {"tools", "top_p"}
