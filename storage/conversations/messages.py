"""The `messages` collection: reading, and feedback. What also touches the conversation is in `threads`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.conversations.message_searches import OF_ALL, OF_ONE_CONVERSATION, Asked, MessageSearches
from storage.conversations.narrowing import Narrowing
from storage.core.database import Database, Document
from storage.core.finding import find_one_at_once
from storage.core.lists import ListRepository
from storage.core.pages import Keyset, Page
from storage.core.portions import Query, Reading, read_all
from storage.core.repository import LIST_SECONDS, found, now
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated

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
# What LibreChat's contract does not show: what its server, its search and its traces keep for themselves.
IN_FULL = dict.fromkeys(
    (
        *("__v", "_meiliIndex", "clientId", "contextMeta", "conversationSignature", "invocationId"),
        *("langfuseDestinationIds", "langfuseSampled", "metadata.thoughtSignatures", "subagentTask"),
        *("subagentTranscript", "summary", "summaryTokenCount", "tenantId"),
    ),
    0,
)
OLDEST_FIRST = [("createdAt", ASCENDING), ("_id", ASCENDING)]


class MessageRepository(ListRepository):
    """Messages; `user` is the owner's id as text, as LibreChat has it. `shown` is what there is of each."""

    collection_name: ClassVar[str] = "messages"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(
            [("messageId", ASCENDING), ("user", ASCENDING), ("tenantId", ASCENDING)],
            unique=True,
            background=True,
        ),
        IndexModel([("expiredAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel(OF_ONE_CONVERSATION, background=True),
        IndexModel(OF_ALL, background=True),
        # What came and what was changed since the index of searches was made.
        IndexModel([("user", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("user", ASCENDING), ("updatedAt", ASCENDING), ("_id", ASCENDING)]),
    )

    def __init__(
        self, database: Database, *, shown: Mapping[str, Any] = SHOWN, index: Narrowing | None = None
    ) -> None:
        super().__init__(database)
        self._shown = shown
        self._searches = MessageSearches(database, index)
        self._conversations = database.collection("conversations")

    def list_page(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        conversation_id: str | None = None,
        search: str | None = None,
        sort_by: str = "createdAt",
        newest_first: bool = True,
        stop: Stop | None = None,
    ) -> Page:
        """Some messages, the newest first: of one conversation, or of all that are not temporary.

        `sort_by` is `createdAt`, `updatedAt` or `endpoint`. Fewer than `limit` where they have more than 4 MiB
        (`PAGE_BYTES`). Raises `BrokenCursor`; with `search`, `TookTooLong` when `stop` ends it.
        """
        kind = f"messages|{conversation_id or ''}|{search or ''}"
        keyset = Keyset(sort_by, newest_first, kind, of_text=sort_by == "endpoint")
        conditions = [
            keyset.after(cursor),
            visible(now()) if conversation_id is None else {"conversationId": conversation_id},
        ]
        query, stop = {"user": owner, "$and": conditions}, stop or Stop(LIST_SECONDS)
        if search:
            asked = Asked(owner, query, keyset, limit, Search(search), stop)
            page = self._searches.page(asked, self._shown, of_one_conversation=conversation_id is not None)
        else:
            page = self._page(query, self._shown, keyset, limit=limit, sought=None, stop=stop)
        return Page([identified(row) for row in page.items], page.next_cursor)

    def read_conversation(self, owner: str, conversation_id: str) -> Reading:
        """All messages of a conversation, the oldest first; raises `NotFound` when there is no such conversation."""
        query = {"user": owner, "conversationId": conversation_id}
        reading = read_all(self._lists, Query(query, self._shown, OLDEST_FIRST))
        if not reading.is_whole:
            portions = ([identified(row) for row in rows] for rows in reading.portions)
            return Reading(portions, False, reading.held)
        messages = [identified(row) for row in reading.documents()]
        if not messages:
            with translated():
                found(self._conversations.find_one(query, {"_id": 1}))
        return Reading([messages], True, reading.held)

    def get(self, owner: str, conversation_id: str, message_id: str) -> Document:
        """One message; raises `NotFound`."""
        query = {"user": owner, "conversationId": conversation_id, **by_id(message_id)}
        with translated():
            return identified(found(find_one_at_once(self._collection, query, self._shown)))

    def of_id(self, owner: str, message_id: str) -> Document:
        """One message of whatever conversation; raises `NotFound`."""
        with translated():
            query = {"user": owner, "messageId": message_id}
            return found(self._collection.find_one(query, self._shown))

    def find(self, owner: str, conversation_id: str, message_id: str) -> list[Document]:
        """The message, if there is one."""
        query = {"user": owner, "conversationId": conversation_id, **by_id(message_id)}
        with translated():
            return [identified(row) for row in self._lists.find(query, self._shown).limit(1)]

    def give_feedback(
        self, owner: str, conversation_id: str, message_id: str, feedback: Mapping[str, Any] | None
    ) -> Document:
        """Store what the owner thinks of a message, None for nothing any more; the message. Raises `NotFound`."""
        query = {"user": owner, "conversationId": conversation_id, **by_id(message_id)}
        update: Document = {"$unset": {"feedback": ""}}
        if feedback is not None:
            named = {name: feedback[name] for name in ("rating", "tag", "text") if name in feedback}
            update = {"$set": {"feedback": named}}
        with translated():
            changed = self._collection.find_one_and_update(
                query, update, projection=self._shown, return_document=ReturnDocument.AFTER
            )
        return identified(found(changed))


def identified(message: Document) -> Document:
    """The message with an id. LibreChat's API takes messages without one; they go by their `_id`."""
    if not message.get("messageId"):
        message["messageId"] = str(message["_id"])
    return message


def by_id(message_id: str) -> Document:
    """The filter for an id as `identified` gives it."""
    query: Document = {"messageId": message_id}
    if not ObjectId.is_valid(message_id):
        return query
    return {"$or": [query, {"_id": ObjectId(message_id), "messageId": {"$in": [None, ""]}}]}


def visible(moment: datetime) -> Document:
    """The filter for what a list shows: LibreChat hides temporary chats, and what has expired.

    A date of expiry alone made a document temporary before `isTemporary` was there; now a policy may set it for all.
    """
    return {
        "$or": [
            {"expiredAt": None, "isTemporary": {"$ne": True}},
            {"expiredAt": {"$gt": moment}, "isTemporary": False},
        ]
    }
