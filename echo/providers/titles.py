"""Titles of conversations: asked of a provider, or made from the first words."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import structlog

from echo.errors import BadGateway, ServiceUnavailable
from echo.providers.calls import calling
from echo.providers.http import post
from echo.settings import ProviderSettings

log = structlog.get_logger(__name__)

UNTITLED = "New Chat"
MAX_FALLBACK = 40
MAX_TITLE = 80
MAX_EXCERPT = 2000
MAX_TOKENS = 40
INSTRUCTION = (
    "Write a title of at most five words for the following conversation, in its own language. "
    "Answer with the title only, without quotation marks."
)

Ask = Callable[[ProviderSettings, str], Any]


class TitleService:
    """Makes titles; never fails: what a provider does not give is made from the first message."""

    def __init__(self, providers: Sequence[ProviderSettings], *, enabled: bool = True) -> None:
        self._provider = next(
            (each for each in providers if enabled and each.available and each.type in _ASK), None
        )

    def title_for(self, first_user_message: str, first_answer: str | None = None) -> str:
        """A short title of one line."""
        if self._provider is not None:
            excerpt = f"{first_user_message[:MAX_EXCERPT]}\n\n{(first_answer or '')[:MAX_EXCERPT]}".strip()
            try:
                with calling(self._provider.name, "title"):
                    asked = _ASK[self._provider.type](self._provider, excerpt)
            except (BadGateway, ServiceUnavailable) as error:
                log.warning("a title could not be asked for", provider=self._provider.name, code=error.code)
            else:
                if title := clean(asked, MAX_TITLE).strip("\"'“”«» "):
                    return title
        return clean(first_user_message, MAX_FALLBACK) or UNTITLED


def clean(text: Any, longest: int) -> str:
    """One line of printable text, cut at the end of a word where there is one; empty for anything else."""
    if not isinstance(text, str):
        return ""
    kept = (char if unicodedata.category(char)[0] != "C" else " " for char in text[: longest * 20])
    line = re.sub(r"\s+", " ", "".join(kept)).strip()
    if len(line) <= longest:
        return line
    head, space, _ = line[: longest + 1].rpartition(" ")
    return f"{head if space and len(head) > longest // 2 else line[: longest - 1]}…"


def _ask_openai(provider: ProviderSettings, excerpt: str) -> Any:
    answer = post(
        f"{provider.base_url}/chat/completions",
        headers={"Authorization": f"Bearer {provider.api_key}"},
        json_body={
            "model": provider.title_model or provider.models[0],
            "max_completion_tokens": MAX_TOKENS,
            "messages": [{"role": "system", "content": INSTRUCTION}, {"role": "user", "content": excerpt}],
        },
    )
    return dig(answer, "choices", 0, "message", "content")


def _ask_anthropic(provider: ProviderSettings, excerpt: str) -> Any:
    answer = post(
        f"{provider.base_url}/v1/messages",
        headers={"x-api-key": str(provider.api_key), "anthropic-version": "2023-06-01"},
        json_body={
            "model": provider.title_model or provider.models[0],
            "max_tokens": MAX_TOKENS,
            "system": INSTRUCTION,
            "messages": [{"role": "user", "content": excerpt}],
        },
    )
    return dig(answer, "content", 0, "text")


def _ask_google(provider: ProviderSettings, excerpt: str) -> Any:
    model = quote(provider.title_model or provider.models[0], safe="")
    answer = post(
        f"{provider.base_url}/v1beta/models/{model}:generateContent",
        headers={"x-goog-api-key": str(provider.api_key)},
        json_body={
            "systemInstruction": {"parts": [{"text": INSTRUCTION}]},
            "contents": [{"role": "user", "parts": [{"text": excerpt}]}],
            "generationConfig": {"maxOutputTokens": MAX_TOKENS},
        },
    )
    return dig(answer, "candidates", 0, "content", "parts", 0, "text")


_ASK: Mapping[str, Ask] = {"openai": _ask_openai, "anthropic": _ask_anthropic, "google": _ask_google}


def dig(value: Any, *path: str | int) -> Any:
    """What stands at a path in parsed JSON, None where there is nothing."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and len(value) > step:
            value = value[step]
        else:
            return None
    return value
