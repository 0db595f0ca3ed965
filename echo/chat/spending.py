"""What a run costs: held before its models are asked, taken once they have ended, however they did."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from echo.chat.prepared import Asking, Prepared
from echo.credits import Credits, OutOfCredits, Purchase, Spent
from echo.credits.service import Wanted
from echo.credits.transactions import ABORT, INCOMPLETE, MESSAGE, number
from echo.errors import ApiError, PaymentRequired
from echo.providers.chat import Usage


@dataclass(frozen=True)
class Used:
    """What one model of a run did: its tokens, told or counted, whether it said anything, and whether it ended."""

    asking: Asking
    usage: Usage
    spoke: bool
    ended: bool


class RunSpending:
    """The credits of one run; everything belongs to the event loop."""

    def __init__(self, ledger: Credits, in_thread: Callable[..., Awaitable[Any]], prepared: Prepared) -> None:
        self._credits = ledger
        self._in_thread = in_thread
        self._prepared = prepared
        self._settled = False

    async def reserve(self) -> None:
        """Hold what the models may come to. Raises `ApiError` with LibreChat's code where there is not enough."""
        if not self._credits.limits:
            return
        wanted = [
            Wanted(self._purchase(each, MESSAGE), read_by(each.counts), each.request.max_tokens)
            for each in self._prepared.askings
        ]
        try:
            await self._in_thread(self._credits.reserve, self._prepared.owner, self._prepared.run_id, wanted)
        except OutOfCredits as error:
            self._settled = True
            raise token_balance(error) from error

    async def settle(self, used: Sequence[Used], *, stopped: bool) -> None:
        """Take what was used, once, and let go what was held. `stopped`: its reader has ended it."""
        if self._settled or not self._credits.counts:
            return
        self._settled = True
        spent = [
            Spent(self._purchase(each.asking, context), each.usage)
            for each in used
            if (context := context_of(each, stopped=stopped)) is not None
        ]
        await self._in_thread(self._credits.settle, self._prepared.owner, self._prepared.run_id, spent)

    def _purchase(self, asking: Asking, context: str) -> Purchase:
        prepared = self._prepared
        return Purchase(
            asking.endpoint or str(prepared.about["endpoint"]),
            asking.request.model,
            context,
            prepared.conversation_id,
            str(prepared.about["responseMessageId"]),
        )


def context_of(used: Used, *, stopped: bool) -> str | None:
    """LibreChat's word for what the tokens were used for; None for what nobody has charged."""
    if stopped:
        return ABORT if used.ended else INCOMPLETE
    # One that failed before a word has cost nothing.
    return MESSAGE if used.spoke or used.ended else None


def read_by(counts: Mapping[str, int]) -> int:
    """The tokens of a request, as they are counted before anybody is asked."""
    return counts["system"] + counts["messages"]


def token_balance(error: OutOfCredits) -> ApiError:
    """The error as LibreChat's clients read it: its text is JSON, which they show in the reader's language."""
    told = {
        "type": PaymentRequired.default_code,
        "balance": number(error.balance),
        "tokenCost": number(error.cost),
        "promptTokens": error.tokens,
    }
    return PaymentRequired(orjson.dumps(told).decode())


def at_least(usage: Usage, counted: int) -> Usage:
    """What a provider has told of an answer that broke off, of which so many tokens had come."""
    return replace(usage, output_tokens=max(usage.output_tokens, counted))
