"""The `balances` collection: what each user may still spend, in credits.

Everything that counts is one update of one document, so runs that race, in however many processes, are admitted one
after another. A run that is under way holds what it may come to (`echoHeld`), until it is settled by what it did. A
process that dies leaves its holds: they count until their time is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pymongo import ASCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

Expression = Any
CREDITS, HELD, LAST_REFILL = "tokenCredits", "echoHeld", "lastRefill"
# As LibreChat's model fills in a new document.
DEFAULTS: Mapping[str, Any] = {
    "autoRefillEnabled": False,
    "refillIntervalValue": 30,
    "refillIntervalUnit": "days",
    "refillAmount": 0,
}


@dataclass(frozen=True)
class Hold:
    """What a run may come to: `least` credits must be left for it, and it holds up to `most` of those that are."""

    ticket: str
    least: float
    most: float
    until: datetime


class BalanceRepository(Repository):
    """Balances, as LibreChat stores them: one of each user, who need not have one."""

    collection_name: ClassVar[str] = "balances"
    indexes: ClassVar[tuple[IndexModel, ...]] = (IndexModel([("user", ASCENDING)], background=True),)

    def get(self, owner: str) -> Document | None:
        """The owner's balance."""
        with translated():
            return self._collection.find_one({"user": owner_id(owner)})

    def begin(self, owner: str, start: float, refill: Mapping[str, Any]) -> Document:
        """The owner's balance: a new one has `start` credits, one with other fields of `refill` gets those."""
        balance = self.get(owner)
        wanted = {**refill, **({} if balance and balance.get(CREDITS) is not None else {CREDITS: start})}
        if refill and not (balance and balance.get(LAST_REFILL)):
            wanted[LAST_REFILL] = now()
        known = balance or {}
        changed = {name: value for name, value in wanted.items() if known.get(name) != value}
        if balance is not None and not changed:
            return balance
        return self._set(owner, changed, {})

    def reserve(self, owner: str, hold: Hold) -> bool:
        """Whether there is as much as the hold needs at least; it holds what it may come to from then.

        Where nothing is left there is nothing for one that needs next to nothing, either: what it will write is not
        known yet. What the same ticket held before counts as left, and is not held any more.
        """
        moment = now()
        left = _left(moment, hold.ticket)
        amount = {"$min": [hold.most, left]}
        held = {"$concatArrays": [_others(moment, hold.ticket), [_opened(hold, amount)]]}
        with translated():
            changed = self._collection.update_one(
                {
                    "user": owner_id(owner),
                    "$expr": {"$and": [{"$gte": [left, hold.least]}, {"$gt": [left, 0]}]},
                },
                [{"$set": {HELD: held}}],
            )
        return changed.matched_count == 1

    def settle(self, owner: str, ticket: str, spent: float) -> None:
        """Take what a run came to, never below nothing, and let go what it held, if it held something."""
        rest = _others(now(), ticket)
        stages = [
            {"$set": {CREDITS: {"$max": [0, {"$subtract": [_credits(), spent]}]}, HELD: rest}},
            # LibreChat shows whole documents: one that nobody is using has nothing of ours.
            {"$set": {HELD: {"$cond": [{"$eq": [f"${HELD}", []]}, "$$REMOVE", f"${HELD}"]}}},
        ]
        with translated():
            self._collection.update_one({"user": owner_id(owner)}, stages)

    def refill(self, owner: str, balance: Mapping[str, Any]) -> bool:
        """Add the balance's own amount; whether this call has done it, of several that saw the same balance."""
        seen = {"user": owner_id(owner), LAST_REFILL: balance.get(LAST_REFILL)}
        change = {"$inc": {CREDITS: balance["refillAmount"]}, "$set": {LAST_REFILL: now()}}
        with translated():
            return self._collection.update_one(seen, change).modified_count == 1

    def add(self, owner: str, amount: float) -> Document:
        """Give credits, or take them where the amount is negative, never below nothing; the balance."""
        self._set(owner, {}, {CREDITS: 0})
        stages = [{"$set": {CREDITS: {"$max": [0, {"$add": [_credits(), amount]}]}}}]
        with translated():
            return found(
                self._collection.find_one_and_update(
                    {"user": owner_id(owner)}, stages, return_document=ReturnDocument.AFTER
                )
            )

    def put(self, owner: str, amount: float) -> Document:
        """Set the credits; the balance."""
        return self._set(owner, {CREDITS: amount}, {})

    def _set(self, owner: str, fields: Mapping[str, Any], at_first: Mapping[str, Any]) -> Document:
        """Set fields of the balance, which is made where there is none."""
        fresh = {**DEFAULTS, LAST_REFILL: now(), **at_first}
        on_insert = {name: value for name, value in fresh.items() if name not in fields}
        # LibreChat's index is not unique: of those that make one at the same time, the id lets only one.
        on_insert |= {"_id": owner_id(owner), "__v": 0}
        change = {"$setOnInsert": on_insert, **({"$set": dict(fields)} if fields else {})}

        def update() -> Document:
            with translated():
                return found(
                    self._collection.find_one_and_update(
                        {"user": owner_id(owner)}, change, upsert=True, return_document=ReturnDocument.AFTER
                    )
                )

        try:
            return update()
        except Conflict:
            return update()


def left_of(balance: Mapping[str, Any]) -> float:
    """The credits of a balance that no run holds at this moment."""
    moment, amount = now(), balance.get(CREDITS)
    taken: list[float] = [each["amount"] for each in balance.get(HELD, ()) if each["until"] > moment]
    return float(amount if isinstance(amount, int | float) else 0) - sum(taken)


def hold_of(ticket: str, least: float, most: float, seconds: float) -> Hold:
    """A hold for so many seconds from now."""
    return Hold(ticket, least, most, now() + timedelta(seconds=seconds))


def _credits() -> Expression:
    # Another program may have written anything.
    return {"$cond": [{"$isNumber": f"${CREDITS}"}, f"${CREDITS}", 0]}


def _others(moment: datetime, ticket: str) -> Expression:
    """The holds of others whose time is not over."""
    kept = [{"$gt": ["$$this.until", moment]}, {"$ne": ["$$this.id", ticket]}]
    return {"$filter": {"input": {"$ifNull": [f"${HELD}", []]}, "cond": {"$and": kept}}}


def _left(moment: datetime, ticket: str) -> Expression:
    taken = {"$map": {"input": _others(moment, ticket), "in": "$$this.amount"}}
    return {"$subtract": [_credits(), {"$sum": taken}]}


def _opened(hold: Hold, amount: Expression) -> Document:
    return {"id": hold.ticket, "amount": amount, "until": hold.until}
