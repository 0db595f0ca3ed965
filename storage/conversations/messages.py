"""The `messages` collection: reading, and feedback. What also touches the conversation is in `threads`."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Database, Document
from storage.core.pages import Keyset, Page
from storage.core.portions import PAGE_BYTES, Query, Reading, read_all, read_within
from storage.core.repository import LIST_MS, LIST_SECONDS, Repository, found, now
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
SEARCHED = ("text", "content.text", "content.text.value")
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

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._conversations = database.collection("conversations")

    def list_page(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        conversation_id: str | None = None,
        search: str | None = None,
        stop: Stop | None = None,
    ) -> Page:
        """Some messages, the newest first: of one conversation, or of all that are not temporary.

        Fewer than `limit` where they have more than 4 MiB (`PAGE_BYTES`). Raises `BrokenCursor`; with `search`,
        `TookTooLong` when `stop` ends it.
        """
        keyset = Keyset("createdAt", True, f"messages|{conversation_id or ''}|{search or ''}")
        conditions = [
            keyset.after(cursor),
            visible(now()) if conversation_id is None else {"conversationId": conversation_id},
        ]
        query = {"user": owner, "$and": conditions}
        if search:
            items, complete = self._search(
                query, Search(search), keyset=keyset, most=limit + 1, stop=stop or Stop(LIST_SECONDS)
            )
        else:
            with translated():
                rows = self._lists.find(query, SHOWN, max_time_ms=LIST_MS).sort(keyset.sort)
                items, complete = read_within(rows.limit(limit + 1), PAGE_BYTES)
        return keyset.page([identified(row) for row in items], limit, complete=complete)

    def _search(
        self, query: Document, search: Search, *, keyset: Keyset, most: int, stop: Stop
    ) -> tuple[list[Document], bool]:
        query = {"$and": [query, search.within(*SEARCHED)]}
        with stop.over(self._database) as session, translated():
            rows = self._lists.find(query, SHOWN, session=session).sort(keyset.sort)
            return search.first(most, rows, spoken, stop)

    def read_conversation(self, owner: str, conversation_id: str) -> Reading:
        """All messages of a conversation, the oldest first; raises `NotFound` when there is no such conversation."""
        query = {"user": owner, "conversationId": conversation_id}
        reading = read_all(self._lists, Query(query, SHOWN, OLDEST_FIRST))
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
            return identified(found(self._collection.find_one(query, SHOWN)))

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
                query, update, projection=SHOWN, return_document=ReturnDocument.AFTER
            )
        return identified(found(changed))

    def conversations_containing(self, owner: str, search: Search, stop: Stop) -> list[str]:
        """The ids of the conversations in which a message contains the text. Raises `TookTooLong`."""
        query = {"user": owner, "conversationId": {"$ne": None}, **search.within(*SEARCHED)}
        with stop.over(self._database) as session, translated():
            if search.exact:
                ids: list[str] = self._collection.distinct("conversationId", query, session=session)
                return ids
            wanted = {"conversationId": 1, "text": 1, "content.text": 1}
            rows = self._lists.find(query, wanted, session=session)
            return list({row["conversationId"] for row in search.holding(rows, spoken, stop)})


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


def spoken(message: Document) -> Iterator[Any]:
    """What `SEARCHED` names in a message: its `text`, and the texts in the parts of newer answers."""
    yield message.get("text")
    content = message.get("content")
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, dict) else None
        yield text.get("value") if isinstance(text, dict) else text


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
