"""Prices by LibreChat's rules: the expectations are what LibreChat 0.8.8-rc1 charges."""

import pytest

from echo.credits.prices import Prices, Rates, Row, name_of, rows_of, table

PRICES = Prices(
    {"Own": {"gpt-4o": {"prompt": 1, "completion": 2, "cacheRead": 0.5}, "bare": {}}, "Other": {}},
)


class TestNames:
    @pytest.mark.parametrize(
        ("model", "name"),
        [
            ("gpt-4o", "gpt-4o"),
            ("GPT-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("claude-sonnet-4-20250514", "claude-sonnet-4"),
            ("claude-opus-4-5-20251101", "claude-opus-4-5"),
            ("gemini-2.5-pro", "gemini-2.5-pro"),
            # The vendor's name is longer than the model's, and counts only where nothing else does.
            ("moonshotai/kimi-k2", "kimi-k2"),
            ("deepseek/unknown", "deepseek"),
            ("openrouter/vendor/gpt-4.1-nano", "gpt-4.1-nano"),
            # OpenAI's older ones have rows of other names.
            ("gpt-3.5-turbo-16k-0613", "16k"),
            ("gpt-3.5-turbo-0613", "4k"),
            ("gpt-4-vision-preview", "gpt-4-1106"),
            ("gpt-4-0125-preview", "gpt-4-1106"),
            ("gpt-4-turbo-2024-04-09", "gpt-4-1106"),
            ("gpt-4-32k-0613", "32k"),
            ("gpt-4-0613", "8k"),
            ("my-own-thing", None),
            ("", None),
        ],
    )
    def test_are_found_in_a_models(self, model: str, name: str | None) -> None:
        assert name_of(model) == name


class TestRates:
    @pytest.mark.parametrize(
        ("model", "tokens", "rates"),
        [
            ("gpt-4o", 10, Rates(2.5, 10, 2.5, 1.25)),
            ("claude-3-5-sonnet-latest", 10, Rates(3, 15, 3.75, 0.3)),
            ("my-own-thing", 10, Rates(6, 6)),
            # At the threshold the usual price still holds.
            ("gpt-5.4", 272_000, Rates(2.5, 15, 2.5, 0.25)),
            ("gpt-5.4", 272_001, Rates(5, 22.5, 5, 0.5)),
            # What a row says nothing of above is as below.
            ("gemini-3.1-pro", 200_001, Rates(4, 18, 2, 0.2)),
            ("grok-4.6", 200_001, Rates(4, 12)),
        ],
    )
    def test_of_the_table(self, model: str, tokens: int, rates: Rates) -> None:
        assert PRICES.rates("openAI", model, tokens) == rates

    def test_of_an_endpoint_are_its_own(self) -> None:
        assert PRICES.rates("Own", "gpt-4o") == Rates(1, 2, None, 0.5)
        # What its file does not name costs as an unknown model does, in LibreChat too.
        assert PRICES.rates("Own", "bare") == Rates(6, 6)

    @pytest.mark.parametrize("endpoint", ["Own", "Other", "another"])
    def test_of_an_endpoints_other_models_are_the_tables(self, endpoint: str) -> None:
        assert PRICES.rates(endpoint, "gpt-4o-mini") == Rates(0.15, 0.6, 0.15, 0.075)

    def test_of_an_unknown_model_are_the_callers_to_say(self) -> None:
        assert PRICES.rates("openAI", "tts-1", unknown=0.0) == Rates(0, 0)

    def test_are_known_of_models_that_have_some(self) -> None:
        assert PRICES.known("Own", "bare") == Rates(6, 6)
        assert PRICES.known("Own", "gpt-4o") == Rates(1, 2, None, 0.5)
        assert PRICES.known("openAI", "gpt-4o") == Rates(2.5, 10, 2.5, 1.25)
        assert PRICES.known("openAI", "my-own-thing") is None


def test_the_table_has_every_row() -> None:
    assert len(table()) == 295
    assert all(row.usual.prompt >= 0 for row in table().values())


def test_a_row_has_a_higher_price_only_with_a_threshold() -> None:
    usual, above = Rates(1, 2), Rates(3, 4)
    assert Row(usual, None, above).at(10**9) == usual
    assert Row(usual, 5).at(6) == usual
    assert (Row(usual, 5, above).at(5), Row(usual, 5, above).at(6)) == (usual, above)


def test_a_row_may_have_two_prices_or_more() -> None:
    rows = dict(rows_of("# comment\na\t1\t2\nb\t1\t2\t-\t0.5\nc\t1\t2\t-\t-\t100\t3\t4\n"))
    assert rows["a"].usual == Rates(1, 2)
    assert rows["b"].usual == Rates(1, 2, None, 0.5)
    assert rows["c"].at(101) == Rates(3, 4)
    assert rows["c"].at(100) == Rates(1, 2)
