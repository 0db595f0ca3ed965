"""A conversation from an export, in no program's form: what every reader makes and the importer stores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = dict[str, Any]


class NotAConversation(Exception):
    """The value is no conversation of a format that is known; the text says why, for people."""


@dataclass(frozen=True)
class ImportedMessage:
    """One message. `parent` is the `source_id` of another one, which need not be there.

    `content` are LibreChat's parts, for what is more than text; `extra` are fields of LibreChat's message, checked.
    """

    source_id: str
    parent: str | None
    is_user: bool
    sender: str
    text: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    content: tuple[Json, ...] = ()
    model: str | None = None
    endpoint: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportedConversation:
    """One conversation.

    `passed_over` are nodes of the source's tree that are no messages here (system prompts, for one), each with its
    parent: what hangs on such a node hangs on the next one above. With `keeps_ids` the ids are those that Echo or
    LibreChat gave, so the owner may have the very conversation already.
    """

    format: str
    source_id: str
    title: str | None
    messages: tuple[ImportedMessage, ...]
    created_at: datetime | None = None
    updated_at: datetime | None = None
    endpoint: str | None = None
    model: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    passed_over: Mapping[str, str | None] = field(default_factory=dict)
    keeps_ids: bool = False
