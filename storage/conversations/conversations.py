"""The `conversations` collection. What also touches messages is in `storage.conversations.threads`."""

from datetime import datetime
from typing import ClassVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.conversations.messages import MessageRepository, visible
from storage.core.database import Database, Document
from storage.core.pages import Keyset, Page
from storage.core.portions import PAGE_BYTES, read_within
from storage.core.repository import LIST_MS, LIST_SECONDS, Repository, found, now
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated

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
# LibreChat's subagents keep records of their own in this collection, which its lists leave out.
OF_PEOPLE: Document = {"subagentThread": {"$exists": False}}


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
        stop: Stop | None = None,
    ) -> Page:
        """Some conversations by their last change; with `search`, those whose title or messages contain it.

        Fewer than `limit` where they have more than 4 MiB (`PAGE_BYTES`). Raises `BrokenCursor`; with `search`,
        `TookTooLong` when `stop` ends it.
        """
        keyset = Keyset("updatedAt", newest_first, f"conversations|{archived}|{search or ''}")
        conditions = [keyset.after(cursor), visible(now()), OF_PEOPLE]
        query = {
            "user": owner,
            # Older documents have no `isArchived`. Two points of the index, unlike `$ne`, keep its order.
            "isArchived": True if archived else {"$in": [False, None]},
            "$and": conditions,
        }
        if search:
            items, complete = self._search(
                query, Search(search), keyset=keyset, most=limit + 1, stop=stop or Stop(LIST_SECONDS)
            )
        else:
            with translated():
                rows = self._lists.find(query, SHOWN, max_time_ms=LIST_MS).sort(keyset.sort)
                items, complete = read_within(rows.limit(limit + 1), PAGE_BYTES)
        return keyset.page(items, limit, complete=complete)

    def _search(
        self, query: Document, search: Search, *, keyset: Keyset, most: int, stop: Stop
    ) -> tuple[list[Document], bool]:
        spoken = self._messages.conversations_containing(query["user"], search, stop)
        matching = {"$or": [search.within("title"), {"conversationId": {"$in": spoken}}]}
        in_messages = set(spoken)

        def texts(row: Document) -> tuple[object]:
            # What was found in messages needs no other proof.
            return (search.text if row.get("conversationId") in in_messages else row.get("title"),)

        with stop.over(self._database) as session, translated():
            rows = self._lists.find({"$and": [query, matching]}, SHOWN, session=session).sort(keyset.sort)
            return search.first(most, rows, texts, stop)

    def get(self, owner: str, conversation_id: str) -> Document:
        """One conversation; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one(self._mine(owner, conversation_id), SHOWN))

    def update(
        self, owner: str, conversation_id: str, *, title: str | None = None, archived: bool | None = None
    ) -> Document:
        """Rename, archive or restore; None leaves as it is. Raises `NotFound`, `InvalidDocument`.

        A new title counts as a change of the conversation. To archive one does not: it keeps its place, as in
        LibreChat.
        """
        update = changes(now(), title, archived)
        if not update:
            return self.get(owner, conversation_id)
        with translated():
            return found(
                self._collection.find_one_and_update(
                    self._mine(owner, conversation_id),
                    update,
                    projection=SHOWN,
                    return_document=ReturnDocument.AFTER,
                )
            )

    def replace_title(self, owner: str, conversation_id: str, before: str | None, title: str) -> Document:
        """Give a title in place of `before`; a conversation that has another one by now keeps it.

        The conversation as it is then. Raises `NotFound`, `InvalidDocument`.
        """
        query = {**self._mine(owner, conversation_id), "title": before}
        with translated():
            changed = self._collection.find_one_and_update(
                query, changes(now(), title, None), projection=SHOWN, return_document=ReturnDocument.AFTER
            )
        return self.get(owner, conversation_id) if changed is None else changed

    @staticmethod
    def _mine(owner: str, conversation_id: str) -> Document:
        return {"user": owner, "conversationId": conversation_id}


def changes(moment: datetime, title: str | None, archived: bool | None) -> Document:
    """The update that sets what is not None; an empty one changes nothing."""
    update: Document = {}
    fields: Document = {}
    if title is not None:
        # LibreChat's search, where it is in use, reads again what is not marked as read.
        fields |= {"title": title, "_meiliIndex": False}
        update["$max"] = {"updatedAt": moment}
    if archived is not None:
        # LibreChat sorts its archive by this date.
        fields |= {"isArchived": archived, "archivedAt": moment if archived else None}
    return update | {"$set": fields} if fields else {}
