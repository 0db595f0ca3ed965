"""Chatbot UI's export (its first version): a history of plain threads, without dates."""

from collections.abc import Iterator, Mapping
from typing import Any

from echo.transfer.model import ImportedConversation, ImportedMessage
from echo.transfer.values import id_of, list_of, mapping_of, name_of, number_of, text_of

ENDPOINT = "openAI"


def recognises(value: Any) -> bool:
    """Whether this is one of Chatbot UI's; one file holds all conversations."""
    fields = mapping_of(value)
    return "version" in fields and isinstance(fields.get("history"), list)


def read_all(value: Mapping[str, Any]) -> Iterator[ImportedConversation]:
    """The conversations."""
    for place, item in enumerate(map(mapping_of, value["history"])):
        model = name_of(mapping_of(item.get("model")).get("id"))
        temperature = number_of(item.get("temperature"))
        prompt = name_of(item.get("prompt"), 64 * 1024)
        settings = {"temperature": temperature, "promptPrefix": prompt}
        yield ImportedConversation(
            format="chatbotui",
            source_id=id_of(item.get("id")) or f"#{place}",
            title=text_of(item.get("name")),
            messages=tuple(_messages(list_of(item.get("messages")), model)),
            endpoint=ENDPOINT,
            model=model,
            settings={name: value for name, value in settings.items() if value is not None},
        )


def _messages(items: list[Any], model: str | None) -> Iterator[ImportedMessage]:
    parent: str | None = None
    for place, item in enumerate(map(mapping_of, items)):
        text = text_of(item.get("content"))
        if item.get("role") not in ("user", "assistant") or not text.strip():
            continue
        is_user = item["role"] == "user"
        yield ImportedMessage(
            source_id=f"#{place}",
            parent=parent,
            is_user=is_user,
            sender="User" if is_user else model or "Assistant",
            text=text,
            model=None if is_user else model,
            endpoint=ENDPOINT,
        )
        parent = f"#{place}"
