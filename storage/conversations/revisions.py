"""Changes of single parts of an answer: LibreChat keeps newer answers in parts, those of each agent among them."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession

from storage.conversations.claims import naming
from storage.conversations.counts import Counts
from storage.conversations.messages import IN_FULL, by_id, identified
from storage.conversations.shapes import branched
from storage.core.database import Database, Document
from storage.core.errors import UnknownPart
from storage.core.repository import found, now
from storage.core.translation import translated

Session = ClientSession | None
# The parts that a person may edit hold their text under the name of their type.
EDITABLE = ("text", "think")


class RevisionRepository:
    """Writes across the two collections; see `storage.conversations.threads` for whole messages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")
        self._counts = Counts(database)

    def edit_part(
        self,
        owner: str,
        conversation_id: str,
        message_id: str,
        index: int,
        *,
        text: str,
        count_tokens: Callable[[str], int],
    ) -> Document:
        """Change the text of one part of a message; the message. The tokens of the old text are taken off its count.

        Raises `NotFound`, `UnknownPart` when there is no such part of text or thought, `InvalidDocument`.
        """
        mine = {"user": owner, "conversationId": conversation_id, **by_id(message_id)}

        def change(session: Session) -> Document:
            message = found(self._messages.find_one(mine, {"content": 1, "tokenCount": 1}, session=session))
            place, before = _place(message.get("content"), index)
            fields: Document = {place: text}
            if isinstance(tokens := message.get("tokenCount"), int | float):
                fields["tokenCount"] = max(0, int(tokens) - count_tokens(before)) + count_tokens(text)
            # Without transactions somebody else may have changed the part meanwhile.
            return self._set({**mine, place: before}, fields, session)

        return self._write(owner, conversation_id, change)

    def text_of(self, owner: str, message_id: str) -> Document:
        """What a message says, and in which conversation; raises `NotFound`."""
        shown = {"messageId": 1, "conversationId": 1, "text": 1, "content": 1}
        with translated():
            return found(self._messages.find_one({"user": owner, **by_id(message_id)}, shown))

    def replace_text(
        self, owner: str, message: Mapping[str, Any], index: int | None, before: str, after: str
    ) -> Document:
        """Put `after` in place of what `text_of` gave as the text of a part, or of the message; the message.

        Raises `UnknownPart` when it has changed meanwhile, `InvalidDocument`.
        """
        place = "text" if index is None else f"content.{index}.text"
        # By the whole key of a sharded collection as well: before MongoDB 8 nothing else finds one to change there.
        query = {"user": owner, "_id": message["_id"], "messageId": message.get("messageId"), place: before}

        def change(session: Session) -> Document:
            return self._set(query, {place: after}, session)

        return self._write(owner, message["conversationId"], change)

    def branch(self, owner: str, message_id: str, agent_id: str) -> Document:
        """Make what one of several agents said in an answer an answer of its own, beside that; the new message.

        Raises `NotFound`, `UnknownPart` when the agent said nothing in it.
        """
        original = {"user": owner, **by_id(message_id)}
        with translated():
            conversation_id = found(self._messages.find_one(original, {"conversationId": 1}))[
                "conversationId"
            ]

        def write(session: Session) -> Document:
            message = found(self._messages.find_one(original, session=session))
            made = branched(message, agent_id, str(uuid.uuid4()))
            # The message first: a conversation never names one that is not there.
            self._messages.insert_one(made, session=session)
            return made

        return self._write(owner, conversation_id, write, names_it=True)

    def _set(self, query: Document, fields: Document, session: Session) -> Document:
        update = {"$set": {**fields, "updatedAt": now(), "_meiliIndex": False}}
        changed = self._messages.find_one_and_update(
            query, update, projection=IN_FULL, return_document=ReturnDocument.AFTER, session=session
        )
        if changed is None:
            raise UnknownPart
        return identified(changed)

    def _write(
        self,
        owner: str,
        conversation_id: str,
        change: Callable[[Session], Document],
        *,
        names_it: bool = False,
    ) -> Document:
        mine = {"user": owner, "conversationId": conversation_id}

        def write(session: Session) -> tuple[Document, Document | None]:
            message = change(session)
            update: Document = {"$max": {"updatedAt": message["updatedAt"]}}
            if names_it:
                update["$push"] = naming([message["_id"]])
            counted = {"chatProjectId": 1}
            return message, self._conversations.find_one_and_update(
                mine, update, projection=counted, session=session
            )

        message, conversation = self._database.atomically(write)
        self._counts.touch(owner, conversation)
        return message


def _place(content: Any, index: int) -> tuple[str, str]:
    """Where a part has its text, and the text. Raises `UnknownPart`."""
    part: Any = content[index] if isinstance(content, list) and 0 <= index < len(content) else None
    if not isinstance(part, dict) or part.get("type") not in EDITABLE:
        raise UnknownPart
    kind = part["type"]
    value, place = part.get(kind), f"content.{index}.{kind}"
    # OpenAI's assistants wrap a text once more, together with its citations.
    if isinstance(value, dict):
        value, place = value.get("value"), f"{place}.value"
    if not isinstance(value, str):
        raise UnknownPart
    return place, value
