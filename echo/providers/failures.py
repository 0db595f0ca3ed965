"""What goes wrong with a provider, as an error of ours; the provider's own words end here."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from echo.errors import ApiError, BadGateway, ProviderLimited, ServiceUnavailable, Unprocessable
from echo.providers.constants import DEFAULT_RETRY_AFTER, MAX_RETRY_AFTER
from echo.providers.naming import Named

# An error's kind as providers name them, such as `insufficient_quota`; whatever else it may be is not repeated.
KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
# Google's way to say so comes with status 400.
BAD_KEY = "API_KEY_INVALID"
DELAY = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,9})?)s", re.ASCII)
MAX_DETAILS = 20
TOO_LONG = frozenset({"context_length_exceeded", "request_too_large", "string_above_max_length"})
UNKNOWN_MODEL = frozenset({"model_not_found", "DeploymentNotFound", "invalid_model", "unknown_model"})
# What the providers call an end because of a tool. Models ask for one also where none was offered.
TOOL_REASONS = frozenset(
    {
        *("tool_calls", "function_call", "tool_use", "pause_turn"),
        *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
    }
)


class ProviderFailure(Exception):
    """A request failed: the `error` for the client, whether trying again may help, and what the log may say.

    `retry_after` is what the provider asked for, in seconds; `kind` is its own name of the error, if harmless;
    `named` are parameters of the request that it names, `lasting` if whatever value they have.
    """

    def __init__(
        self,
        error: ApiError,
        *,
        transient: bool = False,
        retry_after: float | None = None,
        kind: str = "",
        named: Named | None = None,
    ) -> None:
        self.error = error
        self.named, self.lasting = named or Named()
        self.transient = transient
        self.retry_after = retry_after
        self.kind = kind
        super().__init__(f"{error.code} {kind}".strip())


def unusable(kind: str = "", *, transient: bool = False) -> ProviderFailure:
    """The answer is none, or not one that can be used."""
    return ProviderFailure(BadGateway(), transient=transient, kind=kind)


def without_answer(finish: str, reason: str, *, called: bool, tools: bool = False) -> ProviderFailure:
    """The model has ended and answered nothing: its filter, or it itself, would not, or it asked for a tool.

    `reason` is the provider's own word for it; `tools` says that the model was offered some.
    """
    kind = reason if KIND.fullmatch(reason) else "no_answer"
    if tools and (called or reason in TOOL_REASONS):
        failed = "The model tried to call a tool, and what it wrote was not a call."
        return ProviderFailure(BadGateway(failed), transient=True, kind=kind)
    if called or reason in TOOL_REASONS:
        asked = "The model asked for a tool instead of answering, and there are none here."
        return ProviderFailure(BadGateway(asked), kind=kind)
    if finish == "content_filter":
        withheld = "The model refused to answer, or the provider's content filter withheld the answer."
        return ProviderFailure(Unprocessable(withheld, code="provider_refused"), kind=kind)
    # Where not even a reason came, the server may just have been cut off.
    return ProviderFailure(BadGateway("The model ended without an answer."), transient=not reason, kind=kind)


def of_status(
    status: int,
    headers: Mapping[str, str],
    kinds: Sequence[str] = (),
    wait: float | None = None,
    named: Named | None = None,
) -> ProviderFailure:
    """The failure that an answer with another status than 200 tells; the rest is from its body."""
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
        return ProviderFailure(overloaded(wait), transient=True, retry_after=wait, kind=kind)
    if status in (408, 409, 425) or status >= 500:
        return ProviderFailure(BadGateway(), transient=True, retry_after=wait, kind=kind)
    return _refusal(status, kinds, named or Named()) if status >= 400 else unusable(kind)


def _refusal(status: int, kinds: Sequence[str], named: Named) -> ProviderFailure:
    """The failure of a request that the provider does not take, with the reason as far as it is known."""
    kind = kinds[0] if kinds else f"status_{status}"
    if status == 413 or not TOO_LONG.isdisjoint(kinds):
        return ProviderFailure(refused("What was sent is too long for the model."), kind=kind)
    if not UNKNOWN_MODEL.isdisjoint(kinds):
        return ProviderFailure(refused("The provider does not know that model."), kind=kind)
    if named.names:
        listed = ", ".join(sorted(named.names))
        reason = f"The provider does not take these parameters, or not with these values: {listed}."
        return ProviderFailure(refused(reason), kind=kind, named=named)
    return ProviderFailure(refused(), kind=kind)


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


def describe_answer(answer: Any) -> tuple[list[str], float | None]:
    """The same of the whole body of an answer: the error stands under `error`, or is all of it."""
    # Google's streams give it in a list.
    answer = answer[0] if isinstance(answer, list) and answer else answer
    return describe(answer.get("error", answer)) if isinstance(answer, dict) else ([], None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def refused_key() -> BadGateway:
    """The provider does not take the key, or not for this."""
    return BadGateway("The provider did not accept the key.", code="provider_refused_key")


def refused(reason: str | None = None) -> Unprocessable:
    """The provider will not do what was asked; `reason` is a sentence of ours, where there is one."""
    general = "The provider refused the request; it may be too long, or the model unknown."
    return Unprocessable(reason or general, code="provider_refused")


def overloaded(wait: float | None = None) -> ServiceUnavailable:
    """The provider cannot answer now; it has asked to `wait` for so many seconds, if it said so."""
    sentence, code = "The provider is overloaded; try again later.", "provider_busy"
    if wait is None:
        return ServiceUnavailable(sentence, code=code)
    return ServiceUnavailable(sentence, code=code, retry_after=max(1, min(math.ceil(wait), MAX_RETRY_AFTER)))


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait that an answer names, if sensible; OpenAI also gives milliseconds. Dates are not read."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value := headers.get(name, "").strip(), re.ASCII):
            return float(value) / unit
    return None
