"""Questions and answers that are stored together, with their conversation: all of it or nothing.

Without transactions a crash in the middle leaves the earlier messages, which read as a conversation too.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.client_session import ClientSession

from storage.conversations.counts import Counts
from storage.conversations.messages import NO_PARENT, by_id
from storage.conversations.shapes import INHERITED, USER, new_conversation, new_message
from storage.core.database import Database, Document
from storage.core.errors import UnknownParent
from storage.core.repository import found, now
from storage.core.translation import translated


@dataclass(frozen=True)
class Said:
    """One message to store; `sender` is "user" or "assistant", `content` its parts where it is more than a text."""

    sender: str
    text: str
    token_count: int
    content: Sequence[Document] | None = None


@dataclass(frozen=True)
class Origin:
    """Where an answer comes from, by LibreChat's names; a custom endpoint has the type "custom"."""

    endpoint: str
    model: str
    endpoint_type: str | None = None

    @property
    def fields(self) -> Document:
        """The fields of the conversation."""
        fields = {"endpoint": self.endpoint, "model": self.model}
        return {**fields, "endpointType": self.endpoint_type} if self.endpoint_type else fields


@dataclass(frozen=True)
class Stored:
    """Where an exchange is: its conversation, and the last message of it."""

    conversation_id: str
    message_id: str


class ExchangeRepository:
    """Writes across the two collections; see `storage.conversations.threads` for single messages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")
        self._counts = Counts(database)

    def prompt_prefix(self, owner: str, conversation_id: str) -> str | None:
        """The system prompt of a conversation; raises `NotFound` when there is no such conversation."""
        mine = {"user": owner, "conversationId": conversation_id}
        with translated():
            conversation = found(self._conversations.find_one(mine, {"promptPrefix": 1}))
        prefix = conversation.get("promptPrefix")
        return prefix if isinstance(prefix, str) and prefix else None

    def begin(
        self, owner: str, said: Sequence[Said], origin: Origin, *, prompt_prefix: str | None = None
    ) -> Stored:
        """Store a new conversation with these messages, each the parent of the next."""
        mine = {"user": owner, "conversationId": str(uuid.uuid4())}
        extra = {"promptPrefix": prompt_prefix} if prompt_prefix else {}

        def write(session: ClientSession | None) -> Stored:
            return self._write(mine, NO_PARENT, said, origin, {}, session, extra)

        return self._database.atomically(write)

    def add(
        self, owner: str, conversation_id: str, said: Sequence[Said], origin: Origin, *, parent: str | None
    ) -> Stored:
        """Add messages to a conversation after its message `parent`, None for an empty conversation.

        Raises `NotFound` when the conversation is gone, `UnknownParent` when the message is.
        """
        mine = {"user": owner, "conversationId": conversation_id}
        counted: Document = {}

        def write(session: ClientSession | None) -> Stored:
            conversation = found(self._conversations.find_one(mine, INHERITED, session=session))
            if parent and not self._messages.find_one({**mine, **by_id(parent)}, {"_id": 1}, session=session):
                raise UnknownParent
            counted.update(conversation)
            return self._write(mine, parent or NO_PARENT, said, origin, conversation, session, {})

        stored = self._database.atomically(write)
        self._counts.settle(owner, counted)
        return stored

    def amend(self, owner: str, conversation_id: str, message_id: str, said: Said) -> None:
        """Let an answer say this in place of what it said: it has gone on. Raises `NotFound`."""
        answer = {
            "user": owner,
            "conversationId": conversation_id,
            **by_id(message_id),
            "isCreatedByUser": False,
        }
        fields: Document = {"text": said.text, "tokenCount": said.token_count, "updatedAt": now()}
        change: Document = {"$set": {**fields, "_meiliIndex": False}}
        if said.content is None:
            change["$unset"] = {"content": ""}
        else:
            change["$set"]["content"] = list(said.content)
        with translated():
            found(self._messages.find_one_and_update(answer, change, {"_id": 1}))

    def _write(  # noqa: PLR0917 - one step of the two above
        self,
        mine: Document,
        parent: str,
        said: Sequence[Said],
        origin: Origin,
        conversation: Mapping[str, Any],
        session: ClientSession | None,
        extra: Document,
    ) -> Stored:
        messages: list[Document] = []
        for each in said:
            model = None if each.sender == USER else origin.model
            fields = {"text": each.text, "tokenCount": each.token_count, "model": model}
            if each.content is not None:
                fields["content"] = list(each.content)
            inherited = {**conversation, "endpoint": origin.endpoint}
            messages.append(new_message(mine, parent, each.sender, fields, inherited))
            parent = messages[-1]["messageId"]
        # The messages first: a conversation never names one that is not there.
        self._messages.insert_many(messages, session=session)
        always = origin.fields
        once = {**new_conversation(messages[0]), **extra}
        update = {
            "$push": {"messages": {"$each": [message["_id"] for message in messages]}},
            "$max": {"updatedAt": messages[-1]["createdAt"]},
            "$set": always,
            "$setOnInsert": {name: value for name, value in once.items() if name not in always},
        }
        self._conversations.update_one(mine, update, upsert=True, session=session)
        return Stored(mine["conversationId"], parent)
