"""Which turns a model is sent."""

import pytest

from echo.chat.context import Weighed, fit, picture_tokens, share_of, window_of
from echo.chat.request import settle
from echo.chat.senders import sender_of
from echo.settings import ProviderSettings


def turns(*tokens: int) -> list[Weighed]:
    """Questions and answers in turn, of so many tokens each."""
    return [Weighed(str(number), each, number % 2 == 0) for number, each in enumerate(tokens)]


class TestFit:
    def test_keeps_all_that_fits(self) -> None:
        assert fit(turns(10, 10, 10), window=1000, system=0).ids == ["0", "1", "2"]

    def test_cuts_whole_turns_from_the_oldest(self) -> None:
        fitted = fit(turns(100, 100, 100, 100, 100), window=400, system=0)
        assert fitted.ids == ["2", "3", "4"]
        assert (fitted.before, fitted.counts["count"]) == (500, 3)

    def test_keeps_the_newest_whatever_it_takes(self) -> None:
        assert fit(turns(10, 10, 9999), window=100, system=50).ids == ["2"]

    def test_leaves_room_for_the_system_prompt_and_the_answer(self) -> None:
        both = turns(100, 100, 100)
        assert fit(both, window=400, system=0).ids == ["0", "1", "2"]
        assert fit(both, window=400, system=100).ids == ["2"]
        assert fit(both, window=400, system=0, reserved=100).ids == ["2"]
        assert fit(both, window=700, system=0, reserved=10**9).ids == ["0", "1", "2"]

    def test_begins_with_the_user(self) -> None:
        odd = [Weighed("a", 10, False), Weighed("b", 10, True)]
        assert fit(odd, window=1000, system=0).ids == ["b"]
        assert fit(odd[:1], window=1000, system=0).ids == []

    def test_tells_its_figures(self) -> None:
        """Three tokens for each message, and three for the request."""
        fitted = fit(turns(10, 20, 30), window=100, system=5, reserved=20)
        assert vars(fitted) == {
            "ids": ["2"],
            "window": 100,
            "budget": 76,
            "system": 5,
            "messages": 36,
            "before": 60,
        }
        assert fit(turns(10, 20, 30), window=200, system=0).messages == 72
        assert fit([], window=200, system=0).messages == 0

    @pytest.mark.parametrize(("room", "kept"), [(72, ["0", "1", "2"]), (71, ["2"])])
    def test_fills_the_window_to_the_last_token(self, room: int, kept: list[str]) -> None:
        assert fit(turns(10, 20, 30), window=room, system=0, share=1.0).ids == kept

    @pytest.mark.parametrize(
        ("reserve", "share"), [(None, 0.95), (0.25, 0.75), (0, 0.95), (1, 0.95), (-0.5, 0.95), (1.5, 0.95)]
    )
    def test_leaves_the_share_that_an_operator_wants(self, reserve: float | None, share: float) -> None:
        assert share_of(reserve) == share

    def test_of_very_many_is_quick(self) -> None:
        assert len(fit(turns(*[1] * 100_001), window=10**9, system=0).ids) == 100_001


class TestWindows:
    @pytest.mark.parametrize(
        ("model", "tokens"),
        [
            ("gpt-4o-mini", 128_000),
            ("gpt-4", 8_192),
            ("openai/gpt-4.1-nano", 1_047_576),
            ("o3", 200_000),
            ("claude-sonnet-4-5", 200_000),
            ("gemini-2.5-pro", 1_048_576),
            ("fake-small", 32_000),
        ],
    )
    def test_are_known_by_the_models_name(self, model: str, tokens: int) -> None:
        assert window_of(model) == int(tokens * 0.95)

    def test_of_the_conversation_win(self) -> None:
        assert window_of("gpt-4", 100) == 100
        assert window_of("gpt-4", 100, set_to=50) == 100
        assert window_of("gpt-4", set_to=1000) == 950


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [(8, 8, 255), (1024, 1024, 765), (4096, 2048, 1105), (None, None, 1105), (0, 5, 1105), ("x", 1, 1105)],
)
def test_pictures_cost_by_their_tiles(width: object, height: object, tokens: int) -> None:
    assert picture_tokens(width, height) == tokens


class TestSettling:
    def test_the_first_that_says_something_holds(self) -> None:
        settled = settle(
            {"temperature": 0, "model": None}, [{"temperature": 1, "model": "m"}, {"model": "n"}]
        )
        assert (settled.temperature, settled.model, settled.system) == (0, "m", None)

    def test_names_of_other_providers_mean_the_same(self) -> None:
        settled = settle({"topP": 0.5, "maxOutputTokens": 9, "system": "s", "chatGptLabel": "l"}, [])
        assert (settled.top_p, settled.max_tokens, settled.system, settled.label) == (0.5, 9, "s", "l")

    @pytest.mark.parametrize("odd", ["x", True, float("nan"), -1, 5, [], {}])
    def test_what_is_no_value_counts_for_none(self, odd: object) -> None:
        settled = settle({}, [{"temperature": odd, "stop": odd, "model": odd if odd != "x" else None}])
        assert settled.temperature is None
        assert settled.stop == ()
        assert settled.model is None

    def test_parameters_of_some_providers_only(self) -> None:
        settled = settle(
            {"topK": 40, "frequency_penalty": 0},
            [{"presence_penalty": -2, "frequency_penalty": 1, "effort": "low"}, {"reasoning_effort": "high"}],
        )
        assert (settled.top_k, settled.reasoning_effort) == (40, "low")
        assert (settled.frequency_penalty, settled.presence_penalty) == (0, -2)
        odd = settle({"topK": 0, "presence_penalty": 3, "reasoning_effort": ""}, [{"effort": 5}])
        assert (odd.top_k, odd.presence_penalty, odd.reasoning_effort) == (None, None, None)

    def test_only_the_request_is_kept(self) -> None:
        kept = settle({"temperature": 1, "tenantId": "t", "user": "u"}, [{"top_p": 0.1}]).kept
        assert kept == {"temperature": 1}


class TestSenders:
    @pytest.mark.parametrize(
        ("kind", "model", "name"),
        [
            ("openai", "gpt-4o-mini", "GPT-4o"),
            ("openai", "gpt-4.1", "GPT-4.1"),
            ("azure", "o3-mini", "o3"),
            ("openai", "davinci", "ChatGPT"),
            ("anthropic", "claude-x", "Claude"),
            ("google", "gemini-x", "Gemini"),
            ("google", "gemma-x", "Google"),
            ("custom", "any", "Fake"),
        ],
    )
    def test_are_the_models_families(self, kind: str, model: str, name: str) -> None:
        assert sender_of(ProviderSettings("Fake", kind, ()), model, None) == name

    def test_are_labels_where_there_are_some(self) -> None:
        labelled = ProviderSettings("Fake", "openai", (), model_display_label="Ours")
        assert sender_of(labelled, "gpt-4o", None) == "Ours"
        assert sender_of(labelled, "gpt-4o", "Mine") == "Mine"
