"""What a key is told that has reached a limit: by which code, until when, and with which headers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from echo.accounts.metering import KeyState
from echo.errors import TooManyRequests
from storage.accounts.key_usage import Need

# 42.5 s before the next minute, 01:00:42.5 before the next day, and a day more before the next month.
NOW = datetime(2026, 12, 30, 22, 59, 17, 500_000, UTC)
MINUTE, DAY, MONTH = 43, 3_643, 90_043


def used(requests: int = 0, read: int = 0, written: int = 0, dollars: float = 0.0) -> dict[str, Any]:
    return {"requests": requests, "inputTokens": read, "outputTokens": written, "dollars": dollars}


def state(verdict: str, limits: dict[str, Any], open_: tuple[int, ...] = (), **windows: Any) -> KeyState:
    usage = {"minute": used(), "day": used(), "month": used(), **windows}
    return KeyState(
        {**usage, "verdict": verdict, "open": [{"tokens": tokens} for tokens in open_]}, limits, NOW
    )


def told(error: TooManyRequests) -> tuple[str, str, int]:
    return error.message, str(error.code), int(error.headers["Retry-After"])


def refusal(verdict: str, most: Any, need: Need | None = None, **windows: Any) -> tuple[str, str, int]:
    error = state(verdict, {verdict: most}, **windows).refusal(need or Need(10, 100))
    assert error.status == 429
    return told(error)


RATE, QUOTA = "rate_limit_exceeded", "insufficient_quota"
OTHERS = "Its other requests may need what is left."


class TestRefusals:
    def test_of_requests_are_for_the_rest_of_the_minute(self) -> None:
        assert refusal("requestsPerMinute", 3) == (
            "This API key may make 3 requests a minute.",
            RATE,
            MINUTE,
        )

    @pytest.mark.parametrize(
        ("limit", "window", "code", "seconds"),
        [
            ("tokensPerMinute", "minute", RATE, MINUTE),
            ("tokensPerDay", "day", QUOTA, DAY),
            ("tokensPerMonth", "month", QUOTA, MONTH),
        ],
    )
    def test_of_tokens_are_for_the_rest_of_their_window(
        self, limit: str, window: str, code: str, seconds: int
    ) -> None:
        begin = f"This API key may use 100 tokens a {window}"
        large = refusal(limit, 100, Need(101, 200))
        assert large == (f"{begin}, and the request alone may need 101.", code, seconds)
        spent = refusal(limit, 100, Need(50, 200), **{window: used(1, 30, 21)})
        assert spent == (f"{begin}, and has used 51.", code, seconds)
        # There is room, but what others have not used yet is held.
        for need, before in ((Need(50, 200), used(1, 30, 20)), (Need(100, 200), used())):
            waiting = refusal(limit, 100, need, **{window: before})
            assert waiting == (f"{begin}, and its other requests may need what is left.", RATE, 5)

    @pytest.mark.parametrize(
        ("limit", "window", "seconds"), [("dollarsPerDay", "day", DAY), ("dollarsPerMonth", "month", MONTH)]
    )
    def test_of_money_are_for_the_rest_of_their_window(self, limit: str, window: str, seconds: int) -> None:
        def ask(spent: float, least_cost: float) -> tuple[str, str, int]:
            need = Need(1, 1, least_cost, 1.0)
            return refusal(limit, 0.5, need, **{window: used(dollars=spent)})

        begin = f"This API key may spend 0.5 US dollars a {window}, and has spent"
        assert ask(0.25, 0.375) == (f"{begin} 0.25.", QUOTA, seconds)
        assert ask(0.5, 0.0) == (f"{begin} 0.5.", QUOTA, seconds)
        assert ask(0.123456789, 0.25) == (f"{begin} 0.123457. {OTHERS}", RATE, 5)
        assert ask(0.25, 0.25) == (f"{begin} 0.25. {OTHERS}", RATE, 5)

    def test_of_a_key_that_has_spent_nothing_of_that_kind_say_nought(self) -> None:
        before = used()
        del before["dollars"]
        assert refusal("dollarsPerDay", 1, Need(1, 1, 2.0, 2.0), day=before)[0].endswith("has spent 0.")

    def test_have_the_headers_of_an_answer(self) -> None:
        error = state("tokensPerDay", {"tokensPerDay": 100, "requestsPerMinute": 3}).refusal(Need(101, 200))
        assert error.headers == {
            "Retry-After": str(DAY),
            "x-ratelimit-limit-requests": "3",
            "x-ratelimit-remaining-requests": "3",
            "x-ratelimit-reset-requests": "43s",
        }


class TestHeaders:
    def test_are_of_the_minute_with_what_is_held(self) -> None:
        limits = {"requestsPerMinute": 10, "tokensPerMinute": 1000, "tokensPerDay": 5}
        found = state("admitted", limits, (50, 7), minute=used(4, 100, 20), day=used(9, 9, 9)).headers()
        assert found == {
            "x-ratelimit-limit-requests": "10",
            "x-ratelimit-remaining-requests": "6",
            "x-ratelimit-reset-requests": "43s",
            "x-ratelimit-limit-tokens": "1000",
            "x-ratelimit-remaining-tokens": "823",
            "x-ratelimit-reset-tokens": "43s",
        }

    def test_never_say_less_than_nothing(self) -> None:
        found = state("admitted", {"tokensPerMinute": 100}, (60,), minute=used(1, 50)).headers()
        assert found["x-ratelimit-remaining-tokens"] == "0"

    def test_are_none_without_a_limit_of_a_minute(self) -> None:
        assert state("admitted", {"tokensPerDay": 5, "dollarsPerDay": 1}).headers() == {}


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        (datetime(2026, 12, 30, 22, 59, 0, 0, UTC), "60s"),
        (datetime(2026, 12, 30, 22, 59, 59, 999_999, UTC), "1s"),
        (datetime(2026, 12, 30, 22, 59, 58, 0, UTC), "2s"),
    ],
)
def test_a_second_that_has_begun_counts(now: datetime, seconds: str) -> None:
    usage = {"minute": used(), "verdict": "admitted", "open": []}
    headers = KeyState(usage, {"requestsPerMinute": 1}, now).headers()
    assert headers["x-ratelimit-reset-requests"] == seconds
