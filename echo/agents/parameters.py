"""The parameters of an agent's model, as LibreChat's server stores them."""

import math
from collections.abc import Mapping
from typing import Any

# What LibreChat's own server makes numbers of.
NUMBERS = frozenset(
    {
        *("temperature", "top_p", "topP", "top_k", "topK", "frequency_penalty", "frequencyPenalty"),
        *("presence_penalty", "presencePenalty", "max_tokens", "maxTokens", "max_output_tokens"),
        *("maxOutputTokens", "max_context_tokens", "maxContextTokens", "fileTokenLimit"),
        *("thinking_budget", "thinkingBudget"),
    }
)


def tidy_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters without what is empty; where a number belongs there is one, or nothing."""
    tidied = {name: number(value) if name in NUMBERS else value for name, value in parameters.items()}
    return {name: value for name, value in tidied.items() if value not in (None, "")}


def number(value: Any) -> Any:
    """A number, also of a text that is one; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
        value = int(value) if value.is_integer() else value
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and math.isfinite(value) else None
