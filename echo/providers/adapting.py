"""Doing without parameters that a server refuses: servers that resemble a provider take fewer of them than it does.

Only what a 400 or 422 names is left out, only what the server can do without, and never what the operator adds.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from echo.providers.constants import MAX_REMEMBERED
from echo.providers.failures import ProviderFailure
from echo.providers.transport import Call

log = structlog.get_logger(__name__)

# How often one request is changed: servers that name one parameter at a time have mostly said all by then.
MOST_CHANGES = 5
# The limit of tokens is not left out, as an answer could be far longer then: OpenAI's newer name and the one before.
OTHER_NAMES: Mapping[str, str] = {
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_completion_tokens",
}
LIMITS = frozenset({*OTHER_NAMES, "maxOutputTokens"})
# What belongs to the protocol, whatever the model.
OF_ALL_MODELS = frozenset({"stream_options"})
# Where Google's requests have their parameters.
NESTED = "generationConfig"

# For each parameter its other name, or None to leave it out.
Changes = Mapping[str, str | None]


class Refused:
    """What one endpoint is known to refuse, by address and model; forgotten when the process ends."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, str | None]] = {}

    def known(self, call: Call) -> Changes:
        """What to change in a request."""
        return {**self._known.get((call.url, ""), {}), **self._known.get((call.url, call.model), {})}

    def learn(self, call: Call, changes: Changes) -> None:
        """Remember what a request went well without."""
        for name, other in changes.items():
            key = (call.url, "" if name in OF_ALL_MODELS else call.model)
            if key not in self._known and len(self._known) >= MAX_REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known.setdefault(key, {})[name] = other


class Adapting:
    """One request, and what is changed in it; `call` is how to send it now."""

    def __init__(self, refused: Refused, call: Call, provider: str) -> None:
        self._refused = refused
        self._original = call
        self._provider = provider
        self._changes = dict(refused.known(call))
        self._lasting: dict[str, str | None] = {}
        self._left = MOST_CHANGES
        self.call = changed(call, self._changes)

    def adapt(self, failure: ProviderFailure) -> bool:
        """Whether the request has been changed by what the failure names, and is worth sending again."""
        found = {
            name: OTHER_NAMES.get(name) for name in sorted(failure.named) if self._can_change(name, failure)
        }
        if not found or self._left <= 0:
            return False
        self._left -= 1
        self._changes |= found
        if failure.lasting:
            self._lasting |= found
        self.call = changed(self._original, self._changes)
        return True

    def _can_change(self, name: str, failure: ProviderFailure) -> bool:
        if name not in self.call.optional or name in self._changes:
            return False
        # A limit that is too large is not too large by its name.
        return name not in LIMITS or (
            failure.lasting and name in OTHER_NAMES and OTHER_NAMES[name] not in self._changes
        )

    def worked(self) -> None:
        """Called when the provider has begun to answer: only then was it what has been changed."""
        if self._lasting:
            log.info(
                "a provider takes fewer parameters", provider=self._provider, names=sorted(self._lasting)
            )
            self._refused.learn(self._original, self._lasting)
            self._lasting = {}


def changed(call: Call, changes: Changes) -> Call:
    """The request with these parameters renamed or left out, where it has them and they are not the operator's."""
    names = {name: other for name, other in changes.items() if name in call.optional}
    if not names:
        return call
    body: dict[str, Any] = dict(call.body)
    if isinstance(body.get(NESTED), dict):
        body[NESTED] = _without(body[NESTED], names)
    others = {other for other in names.values() if other}
    return replace(
        call,
        body=_without(body, names),
        parameters=call.parameters - names.keys() | others,
        optional=call.optional - names.keys() | others,
    )


def _without(parameters: Mapping[str, Any], names: Changes) -> dict[str, Any]:
    kept = {name: value for name, value in parameters.items() if name not in names}
    renamed = {other: parameters[name] for name, other in names.items() if other and name in parameters}
    return {**renamed, **kept}
