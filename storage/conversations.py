"""The `conversations` collection. What also touches messages is in `storage.threads`."""

from typing import ClassVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.database import Database, Document
from storage.messages import MessageRepository
from storage.pages import Keyset, Page
from storage.repository import Repository, found, now
from storage.search import contains, is_searchable
from storage.translation import translated

# LibreChat's title of a conversation that has none yet.
UNTITLED = "New Chat"
# What the contract shows; the array of message ids alone can be larger than all the rest.
SHOWN = {
    "conversationId": 1,
    "title": 1,
    "endpoint": 1,
    "model": 1,
    "createdAt": 1,
    "updatedAt": 1,
    "isArchived": 1,
    "tags": 1,
    "user": 1,
}
# LibreChat hides temporary conversations, which carry a date of expiry, and those of its subagents.
LISTED: Document = {"expiredAt": None, "subagentThread": {"$exists": False}}


class ConversationRepository(Repository):
    """Conversations; `user` is the owner's id as text, as LibreChat has it."""

    collection_name: ClassVar[str] = "conversations"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(
            [("conversationId", ASCENDING), ("user", ASCENDING), ("tenantId", ASCENDING)],
            unique=True,
            background=True,
        ),
        IndexModel([("expiredAt", ASCENDING)], expireAfterSeconds=0, background=True),
        # The list: an older document without `isArchived` sorts in beside those where it is false.
        IndexModel(
            [("user", ASCENDING), ("isArchived", ASCENDING), ("updatedAt", DESCENDING), ("_id", DESCENDING)],
            background=True,
        ),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._messages = MessageRepository(database)

    def list_page(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        archived: bool = False,
        newest_first: bool = True,
        search: str | None = None,
    ) -> Page:
        """Some conversations by their last change; with `search`, those whose title or messages contain it.

        Raises `BrokenCursor`.
        """
        keyset = Keyset("updatedAt", newest_first, f"conversations|{archived}|{search or ''}")
        query: Document = {
            "user": owner,
            "isArchived": True if archived else {"$in": [False, None]},
            **LISTED,
        }
        conditions = [keyset.after(cursor)]
        if search:
            if not is_searchable(search):
                return Page([], None)
            conditions.append(self._matching(owner, search))
        query["$and"] = conditions
        with translated():
            rows = self._collection.find(query, SHOWN).sort(keyset.sort).limit(limit + 1)
            return keyset.page(list(rows), limit)

    def _matching(self, owner: str, search: str) -> Document:
        in_messages = self._messages.conversations_containing(owner, search)
        return {"$or": [contains("title", search), {"conversationId": {"$in": in_messages}}]}

    def get(self, owner: str, conversation_id: str) -> Document:
        """One conversation; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one(self._mine(owner, conversation_id), SHOWN))

    def update(
        self, owner: str, conversation_id: str, *, title: str | None = None, archived: bool | None = None
    ) -> Document:
        """Rename, archive or restore; None leaves as it is. Raises `NotFound`."""
        moment = now()
        changes: Document = {"updatedAt": moment}
        if title is not None:
            changes["title"] = title
        if archived is not None:
            # LibreChat sorts its archive by this date.
            changes |= {"isArchived": archived, "archivedAt": moment if archived else None}
        with translated():
            return found(
                self._collection.find_one_and_update(
                    self._mine(owner, conversation_id),
                    {"$set": changes},
                    projection=SHOWN,
                    return_document=ReturnDocument.AFTER,
                )
            )

    @staticmethod
    def _mine(owner: str, conversation_id: str) -> Document:
        return {"conversationId": conversation_id, "user": owner}
