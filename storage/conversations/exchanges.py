"""Questions and answers that are stored together, with their conversation: all of it or nothing.

Without transactions a crash in the middle leaves the earlier messages, which read as a conversation too.
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo.client_session import ClientSession

from storage.conversations.additions import storable
from storage.conversations.claims import LAST_NAMED, Claims, naming
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
        self._claims = Claims(database)

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
            messages = _messages(mine, None, said, origin, {})
            # The messages first: a conversation never names one that is not there.
            self._messages.insert_many(messages, session=session)
            once = {**new_conversation(messages[0]), **extra}
            update = {
                **_moved_up(messages, origin),
                "$push": naming([message["_id"] for message in messages]),
                "$setOnInsert": {name: value for name, value in once.items() if name not in origin.fields},
            }
            self._conversations.update_one(mine, update, upsert=True, session=session)
            return Stored(mine["conversationId"], messages[-1]["messageId"])

        return self._database.atomically(write)

    def add(
        self, owner: str, conversation_id: str, said: Sequence[Said], origin: Origin, *, parent: str | None
    ) -> Stored:
        """Add messages to a conversation after its message `parent`, None for an empty conversation.

        Raises `NotFound` when the conversation is gone, `UnknownParent` when the message is.
        """
        mine = {"user": owner, "conversationId": conversation_id}
        added = self._claimed(mine, said, origin, parent)
        if added is None:
            added = self._claims.settled(lambda session: self._added(mine, said, origin, parent, session))
        stored, conversation = added
        self._counts.touch(owner, conversation)
        return stored

    def _claimed(
        self, mine: Document, said: Sequence[Said], origin: Origin, parent: str | None
    ) -> tuple[Stored, Document] | None:
        """What is stored, and the conversation as it was; None where it is not to be had without a transaction."""
        began, after = time.monotonic(), None
        with self._database.line() as line:
            if parent is not None:
                with translated():
                    there = line.find(self._messages, {**mine, **by_id(parent)}, {"_id": 1}, most=1)
                if not there:
                    return None
                after = there[0]["_id"]
            made = _messages(mine, parent, said, origin, {})
            drafts = [storable({**each, "_id": ObjectId()}) for each in made]
            keys = [each["_id"] for each in drafts]
            before = self._claims.claim(line, mine, keys, _moved_up(drafts, origin), after)
            if before is None:
                return None
            life = {"isTemporary": bool(before.get("isTemporary")), "expiredAt": before.get("expiredAt")}
            self._claims.store(line, mine, [{**draft, **life} for draft in drafts], began)
        return Stored(mine["conversationId"], drafts[-1]["messageId"]), before

    def _added(
        self,
        mine: Document,
        said: Sequence[Said],
        origin: Origin,
        parent: str | None,
        session: ClientSession | None,
    ) -> tuple[Stored, Document]:
        shown = {**INHERITED, **LAST_NAMED}
        conversation = found(self._conversations.find_one(mine, shown, session=session))
        self._claims.check(conversation, mine, session)
        if parent and not self._messages.find_one({**mine, **by_id(parent)}, {"_id": 1}, session=session):
            raise UnknownParent
        messages = _messages(mine, parent, said, origin, conversation)
        # The messages first: a conversation never names one that is not there.
        self._messages.insert_many(messages, session=session)
        update = {**_moved_up(messages, origin), "$push": naming([each["_id"] for each in messages])}
        self._conversations.update_one(mine, update, session=session)
        return Stored(mine["conversationId"], messages[-1]["messageId"]), conversation

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


def _messages(
    mine: Document, parent: str | None, said: Sequence[Said], origin: Origin, conversation: Mapping[str, Any]
) -> list[Document]:
    """The documents, each the parent of the next."""
    messages: list[Document] = []
    for each in said:
        model = None if each.sender == USER else origin.model
        fields = {"text": each.text, "tokenCount": each.token_count, "model": model}
        if each.content is not None:
            fields["content"] = list(each.content)
        inherited = {**conversation, "endpoint": origin.endpoint}
        messages.append(new_message(mine, parent or NO_PARENT, each.sender, fields, inherited))
        parent = messages[-1]["messageId"]
    return messages


def _moved_up(messages: Sequence[Document], origin: Origin) -> Document:
    """What messages change in their conversation, besides being named."""
    return {"$max": {"updatedAt": messages[-1]["createdAt"]}, "$set": origin.fields}
