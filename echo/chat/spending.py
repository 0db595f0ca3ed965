"""What a run costs: held before its models are asked, taken once they have ended, however they did."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from echo.chat.equipping import Count, read_by
from echo.chat.prepared import Asking, Prepared
from echo.chat.speaker import Speaker
from echo.chat.voice import Voice
from echo.credits import Credits, OutOfCredits, Purchase, Spent
from echo.credits.prices import CREDITS_PER_DOLLAR
from echo.credits.service import Wanted
from echo.credits.transactions import ABORT, INCOMPLETE, MESSAGE, cost_of, number
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

    async def reserve_more(
        self, rounds: Iterable[tuple[Asking, Usage]], coming: Iterable[tuple[Asking, int]]
    ) -> None:
        """Hold what the models have used, and what they are asked now and next, each with so many tokens.

        Raises as `reserve` does, and what was held before stays held.
        """
        if not self._credits.limits:
            return
        wanted = [
            Wanted(self._purchase(each, MESSAGE), usage.input_tokens, max(1, usage.output_tokens))
            for each, usage in rounds
        ]
        for each, tokens in coming:
            wanted.append(Wanted(self._purchase(each, MESSAGE), tokens, each.request.max_tokens))
        try:
            await self._in_thread(self._credits.reserve, self._prepared.owner, self._prepared.run_id, wanted)
        except OutOfCredits as error:
            raise token_balance(error) from error

    def cost(self, usages: Iterable[tuple[Asking, Usage]]) -> float | None:
        """What requests came to in US dollars; None where the client is not to be told."""
        if not self._prepared.tells_cost:
            return None
        spent = (Spent(self._purchase(asking, MESSAGE), usage) for asking, usage in usages)
        return sum(cost_of(self._credits.prices, each) for each in spent) / CREDITS_PER_DOLLAR

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


async def used_by(voice: Voice, count: Count) -> list[Used]:
    """What each request of a voice used; those that nobody has noted yet come last.

    They are counted where the provider did not tell, or not of all. One that has asked nothing has used what it would
    have read.
    """
    used = [Used(asking, usage, spoke=True, ended=True) for asking, usage in voice.rounds]
    used += [await _present(each, count) for each in voice.speakers if each.present.is_asking]
    first = voice.speakers[0]
    return used or [Used(first.asking, Usage(first.present.tokens, 0), spoke=False, ended=False)]


async def _present(speaker: Speaker, count: Count) -> Used:
    present = speaker.present
    return Used(speaker.asking, await present.used(count), speaker.has_spoken, present.has_ended)


def token_balance(error: OutOfCredits) -> ApiError:
    """The error as LibreChat's clients read it: its text is JSON, which they show in the reader's language."""
    told = {
        "type": PaymentRequired.default_code,
        "balance": number(error.balance),
        "tokenCost": number(error.cost),
        "promptTokens": error.tokens,
    }
    return PaymentRequired(orjson.dumps(told).decode())
