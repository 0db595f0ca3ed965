"""What models cost, found by LibreChat's rules (`data-schemas/src/methods/tx.ts`, `api/src/utils/tokens.ts`).

The unit is LibreChat's: one credit is a millionth of a US dollar, so a price in dollars per million tokens is one in
credits per token. The table is `prices.tsv`, beside this module.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

# What each token of a model costs that is not in the table.
UNKNOWN_RATE = 6.0
CREDITS_PER_DOLLAR = 1_000_000
# OpenAI's older models, whose rows have other names: the first that a model's name contains.
OLDER = (
    ("gpt-3.5-turbo-16k", "16k"),
    ("gpt-3.5", "4k"),
    ("gpt-4-vision", "gpt-4-1106"),
    ("gpt-4-0125", "gpt-4-1106"),
    ("gpt-4-turbo", "gpt-4-1106"),
    ("gpt-4-32k", "32k"),
    ("gpt-4", "8k"),
)
# What an endpoint's `tokenConfig` calls the four prices.
OWN_NAMES = ("prompt", "completion", "cacheWrite", "cacheRead")


@dataclass(frozen=True)
class Rates:
    """Credits per token: read, written, put into a cache, read from one. None in a cache is as what is read."""

    prompt: float
    completion: float
    write: float | None = None
    read: float | None = None


@dataclass(frozen=True)
class Row:
    """A row of the table; `above` holds where a request has more than `threshold` tokens of input."""

    usual: Rates
    threshold: int | None = None
    above: Rates | None = None

    def at(self, input_tokens: int) -> Rates:
        """What holds for a request of that size; what the higher price does not name is as usual."""
        if self.above is None or self.threshold is None or input_tokens <= self.threshold:
            return self.usual
        usual, above = self.usual, self.above
        return Rates(
            above.prompt,
            above.completion,
            usual.write if above.write is None else above.write,
            usual.read if above.read is None else above.read,
        )


class Prices:
    """The prices of every model; `own` are those of endpoints' `tokenConfig`, by endpoint and exact model."""

    def __init__(self, own: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        self._own = own

    def known(self, endpoint: str, model: str) -> Rates | None:
        """What a token usually costs, None for a model that has no price."""
        is_known = model in self._own.get(endpoint, {}) or name_of(model) is not None
        return self.rates(endpoint, model) if is_known else None

    def rates(
        self, endpoint: str, model: str, input_tokens: int = 0, *, unknown: float = UNKNOWN_RATE
    ) -> Rates:
        """What a token costs in a request with so many of input; `unknown` for a model that has no price."""
        if (own := self._own.get(endpoint, {}).get(model)) is not None:
            prompt, completion, write, read = (own.get(name) for name in OWN_NAMES)
            return Rates(
                UNKNOWN_RATE if prompt is None else prompt,
                UNKNOWN_RATE if completion is None else completion,
                write,
                read,
            )
        name = name_of(model)
        return Rates(unknown, unknown) if name is None else table()[name].at(input_tokens)


@lru_cache(maxsize=2000)
def name_of(model: str) -> str | None:
    """The name in the table that prices a model, None for an unknown one.

    The longest that its name contains, of equals the later one. What stands before the last slash counts only where
    nothing after it is known, or for a name in the table that has a slash itself.
    """
    lowered = model.lower()
    whole = longest_in(lowered)
    if "/" in lowered and not (whole and "/" in whole):
        whole = longest_in(lowered.rpartition("/")[2]) or whole
    return whole or next((row for part, row in OLDER if part in lowered), None)


def longest_in(name: str) -> str | None:
    """The longest name of the table in a name, of equals the later one."""
    found = [(len(key), place, key) for place, key in enumerate(table()) if key in name]
    return max(found)[2] if found else None


@cache
def table() -> Mapping[str, Row]:
    """The table, in its order."""
    text = files(__package__).joinpath("prices.tsv").read_text(encoding="utf-8")
    return dict(rows_of(text))


def rows_of(text: str) -> Iterator[tuple[str, Row]]:
    """The rows of a table as the file has it."""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, *cells = line.split("\t")
        prices = [None if cell == "-" else float(cell) for cell in cells]
        usual, threshold, above = prices[:4], prices[4:5], prices[5:]
        yield (
            name,
            Row(
                rates_of(usual),
                int(threshold[0]) if threshold and threshold[0] is not None else None,
                rates_of(above) if above else None,
            ),
        )


def rates_of(prices: list[float | None]) -> Rates:
    """Two prices or four."""
    prompt, completion, write, read = [*prices, None, None][:4]
    return Rates(prompt or 0.0, completion or 0.0, write, read)
