"""Which program a value comes from, and its conversations."""

from collections.abc import Iterator
from typing import Any

from echo.transfer import chatbotui, chatgpt, claude, deepseek, librechat
from echo.transfer.model import ImportedConversation, NotAConversation

# DeepSeek's has ChatGPT's mapping, and is told from it by more.
READERS = (librechat, deepseek, chatgpt, claude)


def conversations_of(value: Any) -> Iterator[ImportedConversation]:
    """The conversations of one value of an export. Raises `NotAConversation`."""
    if chatbotui.recognises(value):
        yield from chatbotui.read_all(value)
        return
    for reader in READERS:
        if reader.recognises(value):
            yield reader.read(value)
            return
    raise NotAConversation("it has the form of no known program's")


def title_of(value: Any) -> str:
    """What to call a value of which nothing else is known; empty for most."""
    fields = value if isinstance(value, dict) else {}
    named = (fields.get(name) for name in ("title", "name"))
    return next((name for name in named if isinstance(name, str)), "")[:100]
