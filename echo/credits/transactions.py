"""What was used, as LibreChat's documents say it: one for what a model read, one for what it wrote.

Amounts are negative, as LibreChat has them (`data-schemas/src/methods/transaction.ts`,
`api/src/agents/transactions.ts`).
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from echo.credits.prices import UNKNOWN_RATE, Prices, Rates
from echo.providers.chat import Usage

Json = dict[str, Any]
PROMPT, COMPLETION = "prompt", "completion"
# LibreChat's names for what tokens were used for: an answer, one that was stopped after the model had ended, one that
# was stopped before, a title.
MESSAGE, ABORT, INCOMPLETE, TITLE = "message", "abort", "incomplete", "title"
# And Echo's own, for what notes memories beside an answer.
MEMORY = "memory"
# For the vectors by which files are searched.
EMBEDDING = "embedding"
# For what credits were given by.
ADMIN, AUTO_REFILL = "admin", "autoRefill"
# LibreChat's: what an answer that was stopped wrote is counted and not known, so it costs more.
STOPPED_FACTOR = 1.15


@dataclass(frozen=True)
class Purchase:
    """What is asked of a model, as far as it bears on the price.

    `unknown` is what a token costs where the model has no price. `key_id` is the API key that the request came with.
    """

    endpoint: str
    model: str
    context: str = MESSAGE
    conversation_id: str | None = None
    message_id: str | None = None
    key_id: str | None = None
    unknown: float = UNKNOWN_RATE


@dataclass(frozen=True)
class Spent:
    """What a purchase came to."""

    purchase: Purchase
    usage: Usage


def estimate(prices: Prices, purchase: Purchase, read: int, written: int) -> tuple[float, float]:
    """Credits for so many tokens that are read, and for those with so many that may be written."""
    rates = prices.rates(purchase.endpoint, purchase.model, read, unknown=purchase.unknown)
    return read * rates.prompt, read * rates.prompt + written * rates.completion


def transactions_of(prices: Prices, spent: Spent) -> list[Json]:
    """The documents but for whose they are and when; none where nothing was used."""
    usage, bought = spent.usage, spent.purchase
    if not (usage.input_tokens or usage.output_tokens):
        return []
    # What came from a cache or went into one is priced apart.
    new = max(0, usage.input_tokens - usage.cached_tokens - usage.cache_written)
    usage = replace(usage, input_tokens=new + usage.cached_tokens + usage.cache_written)
    rates = prices.rates(bought.endpoint, bought.model, usage.input_tokens, unknown=bought.unknown)
    cached = bool(usage.cached_tokens or usage.cache_written)
    rows = [_structured(usage, rates, new) if cached else _plain(PROMPT, new, rates.prompt)]
    if usage.output_tokens or not cached:
        rows.append(_plain(COMPLETION, usage.output_tokens, rates.completion, stopped=_is_stopped(bought)))
    return [{**_about(bought), **row} for row in rows]


def cost_of(prices: Prices, spent: Spent) -> float:
    """The credits that something came to."""
    return -sum(float(row["tokenValue"]) for row in transactions_of(prices, spent))


def _is_stopped(bought: Purchase) -> bool:
    return bought.context == INCOMPLETE


def _about(bought: Purchase) -> Json:
    about = {
        "conversationId": bought.conversation_id,
        "model": bought.model,
        "context": bought.context,
        "messageId": bought.message_id,
    }
    return {name: value for name, value in about.items() if value is not None}


def _plain(kind: str, tokens: int, rate: float, *, stopped: bool = False) -> Json:
    value = -tokens * rate
    if stopped:
        value, rate = math.ceil(value * STOPPED_FACTOR), rate * STOPPED_FACTOR
    return {"tokenType": kind, "rate": number(rate), "rawAmount": -tokens, "tokenValue": number(value)}


def _structured(usage: Usage, rates: Rates, new: int) -> Json:
    write = rates.prompt if rates.write is None else rates.write
    read = rates.prompt if rates.read is None else rates.read
    value = new * rates.prompt + usage.cache_written * write + usage.cached_tokens * read
    return {
        "tokenType": PROMPT,
        "rate": number(value / usage.input_tokens),
        "rawAmount": -usage.input_tokens,
        "tokenValue": number(-value),
        "inputTokens": -new,
        "writeTokens": -usage.cache_written,
        "readTokens": -usage.cached_tokens,
    }


def number(value: float) -> float:
    """A number as JavaScript would store it: a whole one is an integer, and there is no negative zero."""
    return int(value) if value == int(value) else value
