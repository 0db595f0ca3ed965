"""Where an API key stands with its limits, and what is answered to who is over one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from echo.errors import TooManyRequests
from storage.accounts.key_usage import (
    DOLLARS,
    MONEY_LIMITS,
    REQUESTS_PER_MINUTE,
    TOKEN_LIMITS,
    TOKENS_PER_MINUTE,
    Need,
    starts,
)

# When others that are under way may have ended.
BUSY_SECONDS = 5
ONE_MINUTE, ONE_DAY, OVER_A_MONTH = timedelta(minutes=1), timedelta(days=1), timedelta(days=32)


@dataclass(frozen=True)
class KeyState:
    """A key's limits and counts at a moment, as they are stored."""

    usage: Mapping[str, Any]
    limits: Mapping[str, Any]
    now: datetime

    def refusal(self, need: Need) -> TooManyRequests:
        """What to answer to a request that the verdict refuses."""
        limit, minute = self.usage["verdict"], self._seconds_left("minute")
        most = self.limits[limit]
        if limit == REQUESTS_PER_MINUTE:
            sentence = f"This API key may make {most} requests a minute."
            return refused(sentence, "rate_limit_exceeded", minute, self.headers())
        if limit in MONEY_LIMITS:
            window = MONEY_LIMITS[limit]
            spent = self.usage[window].get(DOLLARS, 0)
            sentence = f"This API key may spend {most} US dollars a {window}, and has spent {spent:.6g}."
            if spent + need.least_cost <= most and spent < most:
                sentence = f"{sentence} Its other requests may need what is left."
                return refused(sentence, "rate_limit_exceeded", BUSY_SECONDS, self.headers())
            return refused(sentence, "insufficient_quota", self._seconds_left(window), self.headers())
        window = TOKEN_LIMITS[limit]
        used, sentence = self._tokens(window), f"This API key may use {most} tokens a {window}"
        if need.least > most:
            sentence = f"{sentence}, and the request alone may need {need.least}."
        elif used + need.least > most:
            sentence = f"{sentence}, and has used {used}."
        else:
            sentence = f"{sentence}, and its other requests may need what is left."
            return refused(sentence, "rate_limit_exceeded", BUSY_SECONDS, self.headers())
        if limit == TOKENS_PER_MINUTE:
            return refused(sentence, "rate_limit_exceeded", minute, self.headers())
        return refused(sentence, "insufficient_quota", self._seconds_left(window), self.headers())

    def headers(self) -> dict[str, str]:
        """OpenAI's headers about the limits of a minute that there are."""
        requests = (REQUESTS_PER_MINUTE, "requests", self.usage["minute"]["requests"])
        tokens = (TOKENS_PER_MINUTE, "tokens", self._tokens("minute") + self._held)
        found: dict[str, str] = {}
        for limit, kind, used in (requests, tokens):
            if most := self.limits.get(limit):
                found[f"x-ratelimit-limit-{kind}"] = str(most)
                found[f"x-ratelimit-remaining-{kind}"] = str(max(0, most - used))
                found[f"x-ratelimit-reset-{kind}"] = f"{self._seconds_left('minute')}s"
        return found

    @property
    def _held(self) -> int:
        return sum(int(each["tokens"]) for each in self.usage["open"])

    def _tokens(self, window: str) -> int:
        return int(self.usage[window]["inputTokens"] + self.usage[window]["outputTokens"])

    def _seconds_left(self, window: str) -> int:
        """Until the next window begins."""
        start = starts(self.now)[window]
        later = {"minute": start + ONE_MINUTE, "day": start + ONE_DAY, "month": start + OVER_A_MONTH}[window]
        return max(1, math.ceil((starts(later)[window] - self.now).total_seconds()))


def refused(sentence: str, code: str, seconds: int, headers: Mapping[str, str]) -> TooManyRequests:
    """A refusal, with the headers that an answer would have."""
    error = TooManyRequests(seconds, sentence, code=code)
    error.headers |= headers
    return error
