"""What programs use, held within the limits of their API keys and the credits of their users, and written down.

Before a model is asked the request reserves what it may use; afterwards it is settled by what it did use. All of it
is in MongoDB, so the processes of a server count together (`storage/accounts/key_usage.py`, `balances.py`).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from echo.accounts.key_limits import KeyState
from echo.accounts.standing import key_refused
from echo.credits import Credits
from echo.credits.prices import CREDITS_PER_DOLLAR
from echo.credits.service import USUAL_TOKENS, Wanted
from echo.credits.transactions import Purchase, Spent, cost_of, estimate
from echo.handling.caller import Caller
from echo.providers.chat import Usage
from storage.accounts.api_keys import LIMITS, USAGE
from storage.accounts.key_usage import ADMITTED, KeyUsageRepository, Need
from storage.core.errors import NotFound, StorageError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Meter:
    """What all requests share. A reservation is for `hold_seconds` at most: no request may take longer."""

    usage: KeyUsageRepository
    credits: Credits
    count_tokens: Callable[[str], int]
    hold_seconds: float

    def begin(self, caller: Caller) -> "Spending":
        """One request."""
        return Spending(self, caller)


class Spending:
    """What one request uses. `headers` are OpenAI's about limits, where the key has such, once it is reserved."""

    def __init__(self, meter: Meter, caller: Caller) -> None:
        self._meter = meter
        self._caller = caller
        self._owner = caller.id
        self._key = caller.key
        self._counts = caller.key is not None or meter.credits.counts
        self._ticket = secrets.token_hex(8)
        self._purchase: Purchase | None = None
        self._settling: asyncio.Task[None] | None = None
        self._asked: tuple[str, ...] = ()
        self._beside = 0
        self._written: list[str] = []
        self._told: Usage | None = None
        self._worked = False
        self.headers: dict[str, str] = {}

    @asynccontextmanager
    async def reserved(
        self,
        asked: Iterable[str],
        max_tokens: int | None = None,
        *,
        answers: int = 1,
        beside: int = 0,
        purchase: Purchase | None = None,
    ) -> AsyncIterator[None]:
        """Ask a model in this context: the texts that it gets, and the most tokens of each of its `answers`.

        It gets so many tokens `beside` the texts.

        Raises `TooManyRequests` with OpenAI's code where the key's limits are in the way, `OutOfCredits`, and
        `Unauthorized` where the key is gone. However the context ends, the request is counted by what was told of it
        until then. What has no `purchase` has no price.
        """
        self._asked, self._beside = tuple(asked), beside
        await self._hold(purchase, max_tokens, answers)
        try:
            yield
        finally:
            await self.settle()

    async def another(
        self, endpoint: str, model: str, tokens: int, max_tokens: int | None = None
    ) -> "Spending":
        """A further request of the same caller's, which reads so many tokens: to be settled, however it ends.

        It counts and costs as one of its own. Raises as `reserved`.
        """
        further = Spending(self._meter, self._caller)
        further._beside = tokens
        before = self._purchase
        purchase = None if before is None else replace(before, endpoint=endpoint, model=model)
        await further._hold(purchase, max_tokens, 1)
        return further

    async def _hold(self, purchase: Purchase | None, max_tokens: int | None, answers: int) -> None:
        if purchase is not None and self._key is not None:
            purchase = replace(purchase, key_id=self._key.id)
        self._purchase = purchase
        is_limited = self._key is not None and self._key.is_counted
        if is_limited or (purchase is not None and self._meter.credits.limits):
            await self._whole(asyncio.to_thread(self._reserve, max_tokens, answers))

    @contextmanager
    def counted_here(self) -> Iterator[None]:
        """The same, in a thread that may wait for the database, for what takes no tokens. Raises as `reserved`."""
        if self._key and self._key.is_counted:
            self._reserve(None, 0)
        try:
            yield
        finally:
            if self._key:
                self._settle()

    def wrote(self, text: str) -> None:
        """The model has written this; counted where the provider does not tell."""
        if self._counts:
            self._written.append(text)

    def told(self, input_tokens: int, output_tokens: int, *, cached: int = 0, written: int = 0) -> None:
        """The tokens so far, as the provider counts them; some tell the first ones at the beginning.

        Of the first so many were read from a cache, and put into one.
        """
        self._told = Usage(input_tokens, output_tokens, cached, written)

    def worked(self) -> None:
        """The model has ended its answer: what it read counts, and what the provider has told is all of it."""
        self._worked = True

    async def settle(self) -> None:
        """Count what was used, once: called as soon as the model has ended, and in any case at the end.

        It comes to its end also when the request is cut short, and fails for nothing.
        """
        if not self._counts:
            return
        if self._settling is None:
            self._settling = asyncio.ensure_future(asyncio.to_thread(self._settle))
        await asyncio.shield(self._settling)

    async def _whole(self, reserve: Coroutine[Any, Any, None]) -> None:
        """Reserve; if the request is given up meanwhile, what it will have reserved is let go."""

        def let_go(done: asyncio.Task[None]) -> None:
            if not done.cancelled() and done.exception() is None:
                self._settling = asyncio.ensure_future(asyncio.to_thread(self._settle))

        reserving = asyncio.ensure_future(reserve)
        try:
            await asyncio.shield(reserving)
        except asyncio.CancelledError:
            reserving.add_done_callback(let_go)
            raise

    def _reserve(self, max_tokens: int | None, answers: int) -> None:
        """Of the user's credits, then of the key's limits: both, or none."""
        read, ledger = self._read(), self._meter.credits
        if self._purchase is not None:
            wanted = Wanted(self._purchase, read, max_tokens, answers)
            ledger.reserve(self._owner, self._ticket, [wanted])
        if self._key is None or not self._key.is_counted:
            return
        try:
            self._reserve_of_key(self._key.id, read, max_tokens, answers)
        except BaseException:
            ledger.settle(self._owner, self._ticket, [])
            raise

    def _reserve_of_key(self, key_id: str, read: int, max_tokens: int | None, answers: int) -> None:
        most = answers * (max_tokens or USUAL_TOKENS)
        costs = (0.0, 0.0)
        if self._purchase is not None:
            costs = estimate(self._meter.credits.prices, self._purchase, read, most)
        need = Need(
            read + answers * (max_tokens or 1), read + most, *(each / CREDITS_PER_DOLLAR for each in costs)
        )
        try:
            found = self._meter.usage.reserve(
                self._owner, key_id, self._ticket, need, seconds=self._meter.hold_seconds
            )
        except NotFound:
            raise key_refused() from None
        state = KeyState(found[USAGE], found.get(LIMITS, {}), datetime.now(UTC))
        self.headers = state.headers()
        if state.usage["verdict"] != ADMITTED:
            raise state.refusal(need)

    def _settle(self) -> None:
        used, ledger = self._used(), self._meter.credits
        spent = [] if self._purchase is None else [Spent(self._purchase, used)]
        ledger.settle(self._owner, self._ticket, spent)
        if self._key is None:
            return
        cost = sum(cost_of(ledger.prices, each) for each in spent)
        try:
            self._meter.usage.settle(
                self._owner,
                self._key.id,
                self._ticket,
                input_tokens=used.input_tokens,
                output_tokens=used.output_tokens,
                dollars=cost / CREDITS_PER_DOLLAR,
            )
        except NotFound:
            # The key was deleted meanwhile.
            return
        except StorageError as error:
            log.warning("what an API key has used could not be counted", cause=repr(error))

    def _used(self) -> Usage:
        """The tokens in and out."""
        if self._told and self._worked:
            return self._told
        if self._told:
            # Broken off: the provider has told what it read, and may not have come to what it wrote.
            written = max(self._told.output_tokens, self._count(self._written))
            return replace(self._told, output_tokens=written)
        # Refused, or broken off before a word: nobody has charged for it.
        read = self._read() if self._written or self._worked else 0
        return Usage(read, self._count(self._written))

    def _read(self) -> int:
        return self._count(self._asked) + self._beside

    def _count(self, texts: Iterable[str]) -> int:
        return self._meter.count_tokens("".join(texts))
