"""Documents as LibreChat writes them."""

from typing import Any

import pytest

from echo.credits.prices import Prices
from echo.credits.transactions import INCOMPLETE, Purchase, Spent, cost_of, estimate, transactions_of
from echo.providers.chat import Usage

PRICES = Prices({"own": {"m": {"prompt": 2, "completion": 3}}})
BOUGHT = Purchase("anthropic", "claude-sonnet-4", conversation_id="c", message_id="a")
ABOUT = {"conversationId": "c", "model": "claude-sonnet-4", "context": "message", "messageId": "a"}


def rows(usage: Usage, bought: Purchase = BOUGHT) -> list[dict[str, Any]]:
    return transactions_of(PRICES, Spent(bought, usage))


def test_there_is_one_for_what_was_read_and_one_for_what_was_written() -> None:
    assert rows(Usage(100, 20)) == [
        {**ABOUT, "tokenType": "prompt", "rate": 3, "rawAmount": -100, "tokenValue": -300},
        {**ABOUT, "tokenType": "completion", "rate": 15, "rawAmount": -20, "tokenValue": -300},
    ]


def test_what_was_cached_is_priced_apart() -> None:
    prompt, completion = rows(Usage(1000, 10, cached_tokens=600, cache_written=300))
    assert prompt == {
        **ABOUT,
        "tokenType": "prompt",
        "inputTokens": -100,
        "writeTokens": -300,
        "readTokens": -600,
        "rawAmount": -1000,
        # 100 at 3, 300 at 3.75, 600 at 0.3; the rate is their mean.
        "tokenValue": -1605,
        "rate": 1.605,
    }
    assert completion["tokenValue"] == -150


def test_what_a_cache_is_said_to_hold_beyond_the_prompt_was_read_too() -> None:
    [prompt, _] = rows(Usage(10, 1, cached_tokens=8, cache_written=5))
    assert (prompt["inputTokens"], prompt["writeTokens"], prompt["readTokens"]) == (0, -5, -8)
    # 5 at 3.75, 8 at 0.3.
    assert (prompt["rawAmount"], prompt["tokenValue"]) == (-13, -21.15)
    assert prompt["rate"] == pytest.approx(21.15 / 13)
    # By how many were read it is known whether the higher price holds.
    bought = Purchase("openAI", "gpt-5.4")
    assert cost_of(PRICES, Spent(bought, Usage(10, 0, cached_tokens=272_001))) == 272_001 * 0.5


def test_of_a_cached_prompt_without_an_answer_there_is_one_document() -> None:
    assert [row["tokenType"] for row in rows(Usage(10, 0, cached_tokens=10))] == ["prompt"]
    assert [row["rawAmount"] for row in rows(Usage(10, 0))] == [-10, 0]


def test_without_prices_for_a_cache_it_costs_as_what_is_read() -> None:
    [prompt, _] = rows(Usage(10, 1, cached_tokens=4, cache_written=6), Purchase("own", "m"))
    assert (prompt["rate"], prompt["tokenValue"]) == (2, -20)


def test_an_answer_that_was_stopped_costs_more() -> None:
    _, completion = rows(Usage(10, 7), Purchase("own", "m", INCOMPLETE))
    # 7 x 3 x 1.15 is 24.15; LibreChat rounds towards nothing.
    assert completion["tokenValue"] == -24
    assert completion["rate"] == pytest.approx(3.45)
    assert completion["context"] == "incomplete"


def test_of_nothing_there_is_nothing() -> None:
    assert rows(Usage(0, 0)) == []
    assert cost_of(PRICES, Spent(BOUGHT, Usage(0, 0))) == 0


def test_many_tokens_cost_more_also_for_what_is_written() -> None:
    bought = Purchase("openAI", "gpt-5.4")
    assert cost_of(PRICES, Spent(bought, Usage(272_001, 10))) == 272_001 * 5 + 10 * 22.5
    assert cost_of(PRICES, Spent(bought, Usage(272_000, 10))) == 272_000 * 2.5 + 10 * 15


def test_an_estimate_is_of_what_is_read_and_of_both() -> None:
    assert estimate(PRICES, Purchase("own", "m"), 10, 4) == (20, 32)


def test_an_estimate_is_at_the_price_of_that_many_tokens_and_of_an_unknown_model() -> None:
    bought = Purchase("openAI", "gpt-5.4")
    assert estimate(PRICES, bought, 272_001, 10) == (272_001 * 5, 272_001 * 5 + 10 * 22.5)
    assert estimate(PRICES, bought, 272_000, 10) == (272_000 * 2.5, 272_000 * 2.5 + 10 * 15)
    unknown = Purchase("nowhere", "nothing like it", unknown=7)
    assert estimate(PRICES, unknown, 10, 1) == (70, 77)
    assert cost_of(PRICES, Spent(unknown, Usage(10, 1))) == 77
