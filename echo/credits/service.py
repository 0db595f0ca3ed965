"""What users may spend: held before a model is asked, taken afterwards; and what everybody has used."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from echo.credits.prices import Prices
from echo.credits.refills import next_refill
from echo.credits.transactions import ADMIN, AUTO_REFILL, TITLE, Purchase, Spent, estimate, transactions_of
from echo.errors import TooManyRequests
from echo.providers.chat import Usage
from echo.providers.titles import AskedTitle
from echo.settings.model import CreditSettings
from storage.accounts.balances import CREDITS, BalanceRepository, hold_of, left_of
from storage.accounts.transactions import ENDPOINT, KEY, TransactionRepository
from storage.core.errors import NotFound, StorageError

log = structlog.get_logger(__name__)

# Somebody has to give credits.
REFUSED_SECONDS = 3600
# What an answer without a limit of its own is taken to need until it has ended: most are shorter.
USUAL_TOKENS = 1000


class OutOfCredits(TooManyRequests):
    """A user has not the credits for what a model would only read; OpenAI's code for it.

    `balance` is what is left, `cost` what is needed, both in credits, for so many `tokens`.
    """

    def __init__(self, balance: float, cost: float, tokens: int, seconds: int) -> None:
        self.balance, self.cost, self.tokens = balance, cost, tokens
        message = f"Your credits are used up: {_shown(balance)} are left, and this needs {_shown(cost)}."
        super().__init__(seconds, message, code="insufficient_quota")


@dataclass(frozen=True)
class Wanted:
    """What is about to be asked: so many tokens are read, and up to `limit` written, in each of some answers."""

    purchase: Purchase
    tokens: int
    limit: int | None = None
    answers: int = 1


@dataclass(frozen=True)
class Stores:
    """Where balances and transactions are."""

    balances: BalanceRepository
    transactions: TransactionRepository


class Credits:
    """Balances and transactions, as the settings have them; for threads.

    What is held is let go after `hold_seconds`: no run may take longer.
    """

    def __init__(
        self,
        settings: CreditSettings,
        prices: Prices,
        stores: Stores,
        count_tokens: Callable[[str], int],
        *,
        hold_seconds: float,
    ) -> None:
        self._settings = settings
        self._count = count_tokens
        self._stores = stores
        self._hold_seconds = hold_seconds
        self.prices = prices

    @property
    def limits(self) -> bool:
        """Whether nobody spends more than there is."""
        return self._settings.enabled

    @property
    def counts(self) -> bool:
        """Whether what is used is written down."""
        return self._settings.counting

    def balance(self, owner: str) -> Mapping[str, Any] | None:
        """The owner's balance, brought in line with the settings; None where there are no balances, or no such one.

        One that is not there yet is made, if the settings say with how much.
        """
        if not self.limits:
            return None
        if (start := self._settings.start) is None:
            return self._stores.balances.get(owner)
        return self._stores.balances.begin(owner, start, self._settings.refill)

    def has_any(self, owner: str) -> bool:
        """Whether the owner could pay for something, however little."""
        return not self.limits or left_of(self.balance(owner) or {}) > 0

    def shown(self, owner: str) -> Mapping[str, Any] | None:
        """The same; raises `NotFound` for an owner who has been given nothing."""
        balance = self.balance(owner)
        if balance is None and self.limits:
            raise NotFound
        return balance

    def give(self, owner: str, amount: float) -> Mapping[str, Any]:
        """Add credits, or take some where the amount is negative, and write that down; the balance."""
        self.balance(owner)
        balance = self._stores.balances.add(owner, amount)
        self._note(owner, amount, ADMIN)
        return balance

    def put(self, owner: str, amount: float) -> Mapping[str, Any]:
        """Set the credits; the balance. LibreChat writes no transaction either."""
        return self._stores.balances.put(owner, amount)

    def reserve(self, owner: str, ticket: str, wanted: Sequence[Wanted]) -> None:
        """Hold what may be spent, until `settle`. Raises `OutOfCredits`.

        As in LibreChat there must be enough for what is read. What may be written is held as far as there is enough.
        """
        if not self.limits:
            return
        costs = [_cost(self.prices, each) for each in wanted]
        least, most = (sum(each) for each in zip(*costs, strict=True))
        if most <= 0:
            return
        hold = hold_of(ticket, least, most, self._hold_seconds)
        balances = self._stores.balances
        if balances.reserve(owner, hold):
            return
        balance: Mapping[str, Any] | None = balances.get(owner)
        if balance is None or balance.get(CREDITS) is None:
            balance = self.balance(owner)
        elif self._may_refill(balance):
            self._refill(owner, balance)
        if balances.reserve(owner, hold):
            return
        balance = balances.get(owner) or {}
        tokens = sum(each.tokens for each in wanted)
        raise OutOfCredits(max(0, left_of(balance)), least, tokens, _seconds_to(balance))

    def settle(self, owner: str, ticket: str, spent: Sequence[Spent]) -> None:
        """Take what was used and write it down, and let go what was held. Fails for nothing, but for the log."""
        rows = [row for each in spent for row in self._rows(each)]
        try:
            if self.limits:
                total = -sum(row["tokenValue"] for row in rows)
                self._stores.balances.settle(owner, ticket, total)
            if rows and self.counts:
                self._stores.transactions.insert(owner, rows)
        except StorageError as error:
            log.warning("what was used could not be written down", cause=repr(error))

    def titled(self, title: AskedTitle) -> None:
        """Take what a title came to. As in LibreChat nothing was held for it, and it is never refused."""
        if not self.counts:
            return
        used = title.usage or Usage(self._count(title.asked), self._count(title.answered))
        place = title.titled.conversation_id, title.titled.message_id
        self.settle(
            title.titled.owner, "", [Spent(Purchase(title.endpoint, title.model, TITLE, *place), used)]
        )

    def _rows(self, spent: Spent) -> list[dict[str, Any]]:
        bought = spent.purchase
        own = {ENDPOINT: bought.endpoint, **({KEY: bought.key_id} if bought.key_id else {})}
        return [{**row, **own} for row in transactions_of(self.prices, spent)]

    def _may_refill(self, balance: Mapping[str, Any]) -> bool:
        due = next_refill(balance)
        return due is not None and due <= datetime.now(UTC)

    def _refill(self, owner: str, balance: Mapping[str, Any]) -> None:
        """Add what is due, once however many see that it is, and write that down as LibreChat does."""
        if self._stores.balances.refill(owner, balance):
            self._note(owner, balance["refillAmount"], AUTO_REFILL)

    def _note(self, owner: str, amount: float, context: str) -> None:
        """Write down credits that were given."""
        row = {
            "tokenType": "credits",
            "context": context,
            "rawAmount": amount,
            "tokenValue": amount,
            "rate": 1,
        }
        self._stores.transactions.insert(owner, [row])


def _cost(prices: Prices, wanted: Wanted) -> tuple[float, float]:
    written = wanted.answers * (wanted.limit or USUAL_TOKENS)
    return estimate(prices, wanted.purchase, wanted.tokens, written)


def _seconds_to(balance: Mapping[str, Any]) -> int:
    """Until there may be more."""
    due = next_refill(balance)
    if due is None:
        return REFUSED_SECONDS
    return max(1, min(REFUSED_SECONDS, math.ceil((due - datetime.now(UTC)).total_seconds())))


def _shown(amount: float) -> str:
    """Credits as people read them."""
    return f"{math.ceil(amount):,}"
