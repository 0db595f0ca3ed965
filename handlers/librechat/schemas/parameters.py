"""The parameters of a chat that LibreChat keeps: in presets, and in the same way in conversations.

Their names and types are those of LibreChat's models (`conversationPreset` in `@librechat/data-schemas`).
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, missing

from handlers.schemas.base import Number, Plain, Text, Texts


class OrNull(Text):
    """A text; whatever else there is, nothing included, is null."""

    def __init__(self, **kwargs: Any) -> None:
        # Anything but None, for which a schema does not ask a field.
        super().__init__(dump_default="", **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, str) and value else None


class Switch(fields.Boolean):
    """A boolean; anything else is left out."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value if isinstance(value, bool) else missing


class Objects(Plain):
    """A list of objects; anything else in it is left out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(list, **kwargs)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        shown = super()._serialize(value, attr, obj, **kwargs)
        return shown if shown is missing else [each for each in shown if isinstance(each, dict)]


class Given(fields.Raw):
    """A value whose type the contract has checked; null empties a field."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_none=True, **kwargs)


_TEXTS = (
    *("agent_id", "assistant_id", "chatGptLabel", "effort", "endpointType", "greeting", "iconURL"),
    *("imageDetail", "instructions", "model", "modelLabel", "promptCacheTtl", "promptPrefix"),
    *("reasoning_context", "reasoning_effort", "reasoning_mode", "reasoning_summary", "region", "spec"),
    *("system", "thinkingLevel", "verbosity"),
)
_NUMBERS = (
    *("fileTokenLimit", "frequency_penalty", "maxContextTokens", "maxOutputTokens", "maxTokens"),
    *("max_tokens", "presence_penalty", "temperature", "thinkingBudget", "topK", "topP", "top_p"),
)
_SWITCHES = (
    *("disableStreaming", "isArchived", "promptCache", "resendFiles", "resendImages", "thinking"),
    *("url_context", "useResponsesApi", "web_search"),
)
_LISTS = ("file_ids", "stop", "tags", "tools")
# How each leaves: for `Output.from_dict`.
PARAMETERS: Mapping[str, fields.Field[Any]] = {
    "endpoint": OrNull(),
    "examples": Objects(),
    **{name: Text() for name in _TEXTS},
    **{name: Number() for name in _NUMBERS},
    **{name: Switch() for name in _SWITCHES},
    **{name: Texts() for name in _LISTS},
}
# How each comes in: for `Input.from_dict`.
GIVEN_PARAMETERS: Mapping[str, fields.Field[Any]] = {name: Given() for name in PARAMETERS}
