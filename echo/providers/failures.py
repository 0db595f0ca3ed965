"""What goes wrong with a provider, as an error of ours; the provider's own words end here."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from echo.errors import ApiError, BadGateway, ProviderLimited, ServiceUnavailable, Unprocessable
from echo.providers.constants import DEFAULT_RETRY_AFTER, MAX_RETRY_AFTER

# An error's kind as providers name them, such as `insufficient_quota`; whatever else it may be is not repeated.
KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# Google's way to say so comes with status 400.
BAD_KEY = "API_KEY_INVALID"
DELAY = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s", re.ASCII)
MAX_DETAILS = 20
# What the providers call an end because of a tool. None is ever offered to a model, and some ask nevertheless.
TOOL_REASONS = frozenset(
    {
        *("tool_calls", "function_call", "tool_use", "pause_turn"),
        *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
    }
)


class ProviderFailure(Exception):
    """A request failed: the `error` for the client, whether trying again may help, and what the log may say.

    `retry_after` is what the provider asked for, in seconds; `kind` is its own name of the error, if harmless.
    """

    def __init__(
        self, error: ApiError, *, transient: bool = False, retry_after: float | None = None, kind: str = ""
    ) -> None:
        self.error = error
        self.transient = transient
        self.retry_after = retry_after
        self.kind = kind
        super().__init__(f"{error.code} {kind}".strip())


def unusable(kind: str = "", *, transient: bool = False) -> ProviderFailure:
    """The answer is none, or not one that can be used."""
    return ProviderFailure(BadGateway(), transient=transient, kind=kind)


def without_answer(finish: str, reason: str, *, called: bool) -> ProviderFailure:
    """The model has ended and answered nothing: its filter, or it itself, would not, or it asked for a tool.

    `reason` is the provider's own word for it.
    """
    kind = reason if KIND.fullmatch(reason) else "no_answer"
    if called or reason in TOOL_REASONS:
        asked = "The model asked for a tool instead of answering, and there are none here."
        return ProviderFailure(BadGateway(asked), kind=kind)
    if finish == "content_filter":
        withheld = "The model refused to answer, or the provider's content filter withheld the answer."
        return ProviderFailure(Unprocessable(withheld, code="provider_refused"), kind=kind)
    # Where not even a reason came, the server may just have been cut off.
    return ProviderFailure(BadGateway("The model ended without an answer."), transient=not reason, kind=kind)


def of_status(
    status: int, headers: Mapping[str, str], kinds: Sequence[str] = (), wait: float | None = None
) -> ProviderFailure:
    """The failure that an answer with another status than 200 tells; `kinds` and `wait` are from its body."""
    kind = kinds[0] if kinds else f"status_{status}"
    retry_after = read_retry_after(headers)
    wait = wait if retry_after is None else retry_after
    if status == 429:
        seconds = DEFAULT_RETRY_AFTER if wait is None else min(math.ceil(wait), MAX_RETRY_AFTER)
        # Without a time to wait it is as likely a quota that is used up: trying at once would not help.
        error: ApiError = ProviderLimited(seconds)
        return ProviderFailure(error, transient=wait is not None, retry_after=wait, kind=kind)
    if status in (401, 403) or BAD_KEY in kinds:
        return ProviderFailure(refused_key(), kind=kind)
    if status in (503, 529):
        return ProviderFailure(overloaded(), transient=True, retry_after=wait, kind=kind)
    if status in (408, 409, 425) or status >= 500:
        return ProviderFailure(BadGateway(), transient=True, retry_after=wait, kind=kind)
    return ProviderFailure(refused(), kind=kind) if status >= 400 else unusable(kind)


def of_error(error: Any, statuses: Mapping[str, int]) -> ProviderFailure:
    """The failure that an error object in a stream tells; `statuses` are of the provider's kinds, 500 is the rest."""
    kinds, wait = describe(error)
    code = error.get("code") if isinstance(error, dict) else None
    told = code if isinstance(code, int) and 400 <= code <= 599 else 500
    return of_status(next((statuses[kind] for kind in kinds if kind in statuses), told), {}, kinds, wait)


def describe(error: Any) -> tuple[list[str], float | None]:
    """The names that an error object gives itself, most special first, and the seconds to wait that it asks for.

    Only names that are harmless to repeat. Google gives both among its details.
    """
    if not isinstance(error, dict):
        return [], None
    details = [each for each in _list(error.get("details"))[:MAX_DETAILS] if isinstance(each, dict)]
    names = [each.get("reason") for each in details] + [
        error.get(name) for name in ("code", "type", "status")
    ]
    delays = [
        DELAY.fullmatch(each["retryDelay"]) for each in details if isinstance(each.get("retryDelay"), str)
    ]
    wait = next((float(delay[1]) for delay in delays if delay), None)
    return [name for name in names if isinstance(name, str) and KIND.fullmatch(name)], wait


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def refused_key() -> BadGateway:
    """The provider does not take the key, or not for this."""
    return BadGateway("The provider did not accept the key.", code="provider_refused_key")


def refused() -> Unprocessable:
    """The provider will not do what was asked."""
    return Unprocessable(
        "The provider refused the request; it may be too long, or the model unknown.", code="provider_refused"
    )


def overloaded() -> ServiceUnavailable:
    """The provider cannot answer now."""
    return ServiceUnavailable("The provider is overloaded; try again later.", code="provider_busy")


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait that an answer names, if sensible; OpenAI also gives milliseconds. Dates are not read."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value := headers.get(name, "").strip(), re.ASCII):
            return float(value) / unit
    return None
