"""What API keys have used, in the documents of the keys themselves: it goes with the key, and stays small.

Everything that counts is one update of one document, so requests that race, in however many processes, are
admitted one after another. A request that is under way holds the tokens that it may need (`open`), until it is
settled by what it did use. A process that dies leaves its requests open: they count until their time is over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from pymongo import ReturnDocument

from storage.accounts.api_keys import LIMITS, USAGE, key_of
from storage.core.database import Document
from storage.core.repository import Repository, found, now
from storage.core.translation import translated

Expression = Any

ADMITTED = "admitted"
REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE = "requestsPerMinute", "tokensPerMinute"
TOKENS_PER_DAY, TOKENS_PER_MONTH = "tokensPerDay", "tokensPerMonth"
DOLLARS_PER_DAY, DOLLARS_PER_MONTH = "dollarsPerDay", "dollarsPerMonth"
# The limits of tokens and of money with their windows, as they are asked one after another.
TOKEN_LIMITS = {TOKENS_PER_MONTH: "month", TOKENS_PER_DAY: "day", TOKENS_PER_MINUTE: "minute"}
MONEY_LIMITS = {DOLLARS_PER_MONTH: "month", DOLLARS_PER_DAY: "day"}
TOKENS, DOLLARS = "tokens", "dollars"
COUNTS = ("requests", "inputTokens", "outputTokens", DOLLARS)
EMPTY = dict.fromkeys(COUNTS, 0)


@dataclass(frozen=True)
class Need:
    """What a request may use: `least` tokens must be left for it, and it holds up to `most` of those that are.

    The same in US dollars: `least_cost` and `most_cost`.
    """

    least: int
    most: int
    least_cost: float = 0.0
    most_cost: float = 0.0


class KeyUsageRepository(Repository):
    """Counts of the current minute, day and month (UTC) and of all time, beside each key's limits."""

    collection_name: ClassVar[str] = "agentapikeys"

    def reserve(
        self, owner: str, key_id: str, ticket: str, need: Need, *, seconds: float, at: datetime | None = None
    ) -> Document:
        """Begin a request, if the key's limits allow it: its `verdict` is `ADMITTED`, or the limit's name.

        Returns the limits and the counts, both as they are after that. What is held under the `ticket` is let go by
        `settle`, at the latest after so many seconds. Raises `NotFound`.
        """
        moment = at or now()
        opened = {
            "id": ticket,
            TOKENS: _held_by(need.most, TOKEN_LIMITS),
            DOLLARS: _held_by(need.most_cost, MONEY_LIMITS),
            "until": moment + timedelta(seconds=seconds),
        }
        admitted = {
            "minute": {"$mergeObjects": [_usage("minute"), {"requests": _sum("minute.requests", 1)}]},
            "open": {"$concatArrays": [_usage("open"), [opened]]},
        }
        stages = [
            _rolled(moment),
            {"$set": {f"{USAGE}.verdict": _verdict(need)}},
            {
                "$set": {
                    f"{USAGE}.{name}": {
                        "$cond": [{"$eq": [_usage("verdict"), ADMITTED]}, value, _usage(name)]
                    }
                    for name, value in admitted.items()
                }
            },
        ]
        return self._change(owner, key_id, stages)

    def settle(
        self,
        owner: str,
        key_id: str,
        ticket: str,
        *,
        input_tokens: int,
        output_tokens: int,
        dollars: float = 0.0,
        at: datetime | None = None,
    ) -> Document:
        """Count a request that has ended, and let go what it held, if it held something; raises `NotFound`."""
        moment = at or now()
        used = {"requests": 1, "inputTokens": input_tokens, "outputTokens": output_tokens, DOLLARS: dollars}
        counted = {
            f"{USAGE}.{window}.{name}": _sum(f"{window}.{name}", amount)
            for window in ("day", "month", "total")
            for name, amount in used.items()
        }
        tokens = {
            f"{USAGE}.minute.{name}": _sum(f"minute.{name}", used[name])
            for name in ("inputTokens", "outputTokens")
        }
        others = {"$filter": {"input": _usage("open"), "cond": {"$ne": ["$$this.id", ticket]}}}
        stages = [_rolled(moment), {"$set": {**counted, **tokens, f"{USAGE}.open": others}}]
        return self._change(owner, key_id, stages)

    def _change(self, owner: str, key_id: str, stages: list[Mapping[str, Any]]) -> Document:
        with translated():
            return found(
                self._collection.find_one_and_update(
                    key_of(owner, key_id),
                    stages,
                    projection={LIMITS: 1, USAGE: 1},
                    return_document=ReturnDocument.AFTER,
                )
            )


def current(usage: Mapping[str, Any], at: datetime | None = None) -> dict[str, Any]:
    """Stored counts as they are at a moment, now by default: what is over has begun anew."""
    windows = {
        name: usage[name] if usage[name]["since"] >= start else {"since": start, **EMPTY}
        for name, start in starts(at or now()).items()
    }
    return {**usage, **windows, "total": usage.get("total", EMPTY)}


def starts(moment: datetime) -> dict[str, datetime]:
    """When the minute, the day and the month began."""
    minute = moment.replace(second=0, microsecond=0)
    day = minute.replace(hour=0, minute=0)
    return {"minute": minute, "day": day, "month": day.replace(day=1)}


def _usage(name: str) -> str:
    return f"${USAGE}.{name}"


def _sum(name: str, amount: Expression) -> Expression:
    # What was counted before there were prices has no money.
    return {"$add": [{"$ifNull": [_usage(name), 0]}, amount]}


def _rolled(moment: datetime) -> Mapping[str, Any]:
    """The stage that begins anew what is over, and makes what is not there yet."""
    windows = {
        f"{USAGE}.{name}": {
            # What is not there is less than any time. A window of another process's later clock is kept.
            "$cond": [{"$gte": [_usage(f"{name}.since"), start]}, _usage(name), {"since": start, **EMPTY}]
        }
        for name, start in starts(moment).items()
    }
    still = {
        "$filter": {"input": {"$ifNull": [_usage("open"), []]}, "cond": {"$gt": ["$$this.until", moment]}}
    }
    total = {"$ifNull": [_usage("total"), EMPTY]}
    return {"$set": {**windows, f"{USAGE}.open": still, f"{USAGE}.total": total}}


def _left(limit: str) -> Expression:
    """The tokens or the money that a limit leaves beside what is used and what is held."""
    if limit in MONEY_LIMITS:
        spent = {"$ifNull": [_usage(f"{MONEY_LIMITS[limit]}.{DOLLARS}"), 0]}
        taken = [spent, {"$sum": _usage(f"open.{DOLLARS}")}]
    else:
        window = TOKEN_LIMITS[limit]
        taken = [
            _usage(f"{window}.inputTokens"),
            _usage(f"{window}.outputTokens"),
            {"$sum": _usage(f"open.{TOKENS}")},
        ]
    return {"$subtract": [{"$ifNull": [f"${LIMITS}.{limit}", float("inf")]}, {"$add": taken}]}


def _held_by(most: float, limits: Iterable[str]) -> Expression:
    return {"$min": [most, *(_left(limit) for limit in limits)]}


def _verdict(need: Need) -> Expression:
    """`ADMITTED`, or the name of the first limit that is in the way."""
    money = [{"case": {"$lt": [_left(limit), need.least_cost]}, "then": limit} for limit in MONEY_LIMITS]
    # Once it is used up there is nothing left for a request that costs next to nothing, either.
    used_up = [{"case": {"$lte": [_left(limit), 0]}, "then": limit} for limit in MONEY_LIMITS]
    money = [*money, *used_up] if need.most_cost > 0 else []
    tokens = [{"case": {"$lt": [_left(limit), need.least]}, "then": limit} for limit in TOKEN_LIMITS]
    most = {"$ifNull": [f"${LIMITS}.{REQUESTS_PER_MINUTE}", float("inf")]}
    requests = {"case": {"$gte": [_usage("minute.requests"), most]}, "then": REQUESTS_PER_MINUTE}
    return {"$switch": {"branches": [*money, *tokens, requests], "default": ADMITTED}}
