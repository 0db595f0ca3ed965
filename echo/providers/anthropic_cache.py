"""Asking Anthropic to remember what a next request will begin with again.

As LibreChat's `promptCache` does it, which is on unless `dropParams` has that name: the tools, the system prompt, and
the last two turns of the user's, once there are any before. What is too short is not remembered, and costs nothing.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching
"""

from collections.abc import Mapping
from typing import Any

from echo.providers.anthropic_models import is_claude
from echo.settings import ProviderSettings

PARAMETER = "promptCache"
MARK = {"type": "ephemeral"}
TURNS = 2


def with_marks(body: Mapping[str, Any], settings: ProviderSettings) -> dict[str, Any]:
    """The request, marked up to where it is worth remembering; other models than Anthropic's own know no marks."""
    if PARAMETER in settings.drop_parameters or not is_claude(body["model"]):
        return dict(body)
    made = {**body, "messages": _turns_marked(body["messages"])}
    if isinstance(system := body.get("system"), str):
        made["system"] = [{"type": "text", "text": system, "cache_control": MARK}]
    if tools := body.get("tools"):
        made["tools"] = [*tools[:-1], {**tools[-1], "cache_control": MARK}]
    return made


def _turns_marked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if len(messages) < TURNS:
        return messages
    users = [index for index, message in enumerate(messages) if message["role"] == "user"]
    last = set(users[-TURNS:])
    return [_marked(message) if index in last else message for index, message in enumerate(messages)]


def _marked(message: dict[str, Any]) -> dict[str, Any]:
    *before, block = message["content"]
    return {**message, "content": [*before, {**block, "cache_control": MARK}]}
