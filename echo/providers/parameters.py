"""The parameters of a request, with what the operator adds to them and takes away."""

from collections.abc import Iterable, Mapping
from typing import Any

from echo.settings import ProviderSettings

# One thing under several names: LibreChat's own and each provider's.
SAME: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("max_completion_tokens", "maxOutputTokens"),
    "max_completion_tokens": ("max_tokens",),
    "maxTokens": ("max_tokens", "max_completion_tokens", "maxOutputTokens"),
    "top_p": ("topP",),
    "topP": ("top_p",),
    "top_k": ("topK",),
    "topK": ("top_k",),
    "frequency_penalty": ("frequencyPenalty",),
    "frequencyPenalty": ("frequency_penalty",),
    "presence_penalty": ("presencePenalty",),
    "presencePenalty": ("presence_penalty",),
    "stop": ("stop_sequences", "stopSequences"),
    "reasoning_effort": ("thinking", "effort", "thinkingConfig"),
}


def adjusted(parameters: Mapping[str, Any], settings: ProviderSettings) -> dict[str, Any]:
    """The parameters that are set, without the dropped ones, with the added ones."""
    dropped = {name for each in settings.drop_parameters for name in (each, *SAME.get(each, ()))}
    kept = {name: value for name, value in parameters.items() if value is not None and name not in dropped}
    return {**kept, **settings.add_parameters}


def named(
    parameters: Mapping[str, Any], settings: ProviderSettings, *, needed: Iterable[str] = ()
) -> dict[str, Any]:
    """The names of parameters for `Call`: all, and those that are neither `needed` nor the operator's."""
    names = frozenset(parameters)
    return {"parameters": names, "optional": names.difference(needed, settings.add_parameters)}
