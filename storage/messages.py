"""The `messages` collection: reading. What also touches the conversation is in `storage.threads`."""

from typing import ClassVar

from pymongo import ASCENDING, DESCENDING
from pymongo.operations import IndexModel

from storage.database import Document
from storage.pages import Keyset, Page
from storage.repository import Repository, found
from storage.search import contains, is_searchable
from storage.translation import translated

# LibreChat's parent of a message that has none.
NO_PARENT = "00000000-0000-0000-0000-000000000000"
# What the contract shows, and what its values are made of.
SHOWN = {
    "messageId": 1,
    "conversationId": 1,
    "parentMessageId": 1,
    "sender": 1,
    "isCreatedByUser": 1,
    "text": 1,
    "content.type": 1,
    "content.text": 1,
    "model": 1,
    "tokenCount": 1,
    "createdAt": 1,
    "updatedAt": 1,
    "feedback.rating": 1,
}
OLDEST_FIRST = [("createdAt", ASCENDING), ("_id", ASCENDING)]


class MessageRepository(Repository):
    """Messages; `user` is the owner's id as text, as LibreChat has it."""

    collection_name: ClassVar[str] = "messages"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(
            [("messageId", ASCENDING), ("user", ASCENDING), ("tenantId", ASCENDING)],
            unique=True,
            background=True,
        ),
        IndexModel([("expiredAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel(
            [
                ("conversationId", ASCENDING),
                ("user", ASCENDING),
                ("createdAt", ASCENDING),
                ("_id", ASCENDING),
            ],
            background=True,
        ),
        IndexModel([("user", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], background=True),
    )

    def list_page(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        conversation_id: str | None = None,
        search: str | None = None,
    ) -> Page:
        """Some messages, the newest first; raises `BrokenCursor`."""
        keyset = Keyset("createdAt", True, f"messages|{conversation_id or ''}|{search or ''}")
        query: Document = {"user": owner, "expiredAt": None}
        conditions = [keyset.after(cursor)]
        if conversation_id is not None:
            query["conversationId"] = conversation_id
        if search:
            if not is_searchable(search):
                return Page([], None)
            conditions.append(text_contains(search))
        query["$and"] = conditions
        with translated():
            rows = self._collection.find(query, SHOWN).sort(keyset.sort).limit(limit + 1)
            return keyset.page(list(rows), limit)

    def list_conversation(self, owner: str, conversation_id: str) -> list[Document]:
        """All messages of a conversation, the oldest first."""
        with translated():
            rows = self._collection.find({"conversationId": conversation_id, "user": owner}, SHOWN)
            return list(rows.sort(OLDEST_FIRST))

    def get(self, owner: str, conversation_id: str, message_id: str) -> Document:
        """One message; raises `NotFound`."""
        query = {"messageId": message_id, "conversationId": conversation_id, "user": owner}
        with translated():
            return found(self._collection.find_one(query, SHOWN))

    def conversations_containing(self, owner: str, search: str) -> list[str]:
        """The ids of the conversations in which a message contains the text."""
        with translated():
            ids: list[str] = self._collection.distinct(
                "conversationId", {"user": owner, **text_contains(search)}
            )
        return ids


def text_contains(search: str) -> Document:
    """The filter for messages that contain the text: in `text`, or in the parts of newer answers."""
    fields = ("text", "content.text", "content.text.value")
    return {"$or": [contains(field, search) for field in fields]}
