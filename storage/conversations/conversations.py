"""The `conversations` collection. What also touches messages is in `storage.conversations.threads`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.conversations.conversation_searches import BY_CONVERSATION_ID, ConversationSearches
from storage.conversations.counts import Counts
from storage.conversations.message_searches import Asked
from storage.conversations.messages import visible
from storage.conversations.narrowing import Narrowing
from storage.core.database import Database, Document
from storage.core.finding import find_one_at_once
from storage.core.lists import ListRepository
from storage.core.pages import Keyset, Page
from storage.core.repository import LIST_SECONDS, found, now
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
    # What a project counts changes with it.
    "chatProjectId": 1,
}
# LibreChat's contract shows more of each in a list, and nearly all of a single one.
LISTED = {
    **SHOWN,
    **dict.fromkeys(("archivedAt", "agent_id", "assistant_id", "spec", "iconURL", "pinned"), 1),
}
IN_FULL = {"_meiliIndex": 0, "subagentThreadLease": 0, "tenantId": 0}
# The conversations in no project, where a project is asked for.
UNASSIGNED = "unassigned"
# LibreChat's subagents keep records of their own in this collection, which its lists leave out.
OF_PEOPLE: Document = {"subagentThread": {"$exists": False}}


@dataclass(frozen=True)
class Wanted:
    """Which conversations a list has, and in which order.

    With `tags` those that have any of them; with `project_id` those of a project, or of none (`UNASSIGNED`).
    `sort_by` is `title` or one of `createdAt`, `updatedAt`, `archivedAt`.
    """

    archived: bool = False
    pinned: bool = False
    tags: Sequence[str] = ()
    project_id: str | None = None
    search: str | None = None
    sort_by: str = "updatedAt"
    newest_first: bool = True

    @property
    def keyset(self) -> Keyset:
        """The order of the list; its cursors fit no list of other conversations."""
        others = (self.pinned, tuple(self.tags), self.project_id)
        more = f"|{others}" if any(others) else ""
        kind = f"conversations|{self.archived}|{self.search or ''}{more}"
        return Keyset(self.sort_by, self.newest_first, kind, of_text=self.sort_by == "title")

    @property
    def query(self) -> Document:
        """The filter, without the owner."""
        # Older documents have no `isArchived`. Two points of the index, unlike `$ne`, keep its order.
        query: Document = {"isArchived": True if self.archived else {"$in": [False, None]}}
        if self.pinned:
            query["pinned"] = True
        if self.tags:
            query["tags"] = {"$in": list(self.tags)}
        if self.project_id:
            query["chatProjectId"] = None if self.project_id == UNASSIGNED else self.project_id
        return query


class ConversationRepository(ListRepository):
    """Conversations; `user` is the owner's id as text, as LibreChat has it.

    `listed` and `shown` are what there is of each, in a list and alone.
    """

    collection_name: ClassVar[str] = "conversations"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(BY_CONVERSATION_ID, unique=True, background=True),
        IndexModel([("expiredAt", ASCENDING)], expireAfterSeconds=0, background=True),
        # The list: an older document without `isArchived` sorts in beside those where it is false.
        IndexModel(
            [("user", ASCENDING), ("isArchived", ASCENDING), ("updatedAt", DESCENDING), ("_id", DESCENDING)],
            background=True,
        ),
        # The archive, the pinned, those of a project (the last two are LibreChat's own), those with a tag.
        IndexModel(
            [("user", ASCENDING), ("isArchived", ASCENDING), ("archivedAt", DESCENDING), ("_id", DESCENDING)],
            background=True,
        ),
        IndexModel(
            [("user", ASCENDING), ("pinned", ASCENDING), ("updatedAt", DESCENDING), ("_id", DESCENDING)],
            background=True,
        ),
        IndexModel(
            [
                ("user", ASCENDING),
                ("chatProjectId", ASCENDING),
                ("updatedAt", DESCENDING),
                ("_id", DESCENDING),
            ],
            background=True,
        ),
        IndexModel(
            [("user", ASCENDING), ("tags", ASCENDING), ("updatedAt", DESCENDING), ("_id", DESCENDING)],
            background=True,
        ),
        # LibreChat's: what its subagents made goes with the conversation that they were asked in.
        IndexModel(
            [("user", ASCENDING), ("subagentThread.parentConversationId", ASCENDING)], background=True
        ),
        # What came since the index of searches was made.
        IndexModel([("user", ASCENDING), ("_id", ASCENDING)]),
    )

    def __init__(
        self,
        database: Database,
        *,
        listed: Mapping[str, Any] = SHOWN,
        shown: Mapping[str, Any] = SHOWN,
        index: Narrowing | None = None,
        titles: Narrowing | None = None,
    ) -> None:
        super().__init__(database)
        self._listed, self._shown = listed, shown
        self._searches = ConversationSearches(database, listed=listed, index=index, titles=titles)
        self._counts = Counts(database)

    def list_page(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        stop: Stop | None = None,
        **asked: Any,
    ) -> Page:
        """Some conversations, by default by their last change; a search finds what titles and messages contain.

        `asked` are fields of `Wanted`. Fewer than `limit` where they have more than 4 MiB (`PAGE_BYTES`). Raises
        `BrokenCursor`; with a search, `TookTooLong` when `stop` ends it.
        """
        wanted, stop = Wanted(**asked), stop or Stop(LIST_SECONDS)
        keyset = wanted.keyset
        query = {
            "user": owner,
            **wanted.query,
            "$and": [keyset.after(cursor), visible(now()), OF_PEOPLE],
        }
        if not wanted.search:
            return self._page(query, self._listed, keyset, limit=limit, sought=None, stop=stop)
        search = Search(wanted.search)
        return self._searches.page(Asked(owner, query, keyset, limit, search, stop))

    def titles(self, owner: str, conversation_ids: Iterable[str]) -> dict[str, str]:
        """The titles of those of the conversations that have one."""
        query = {"user": owner, "conversationId": {"$in": list(conversation_ids)}}
        with translated():
            rows = self._collection.find(query, {"conversationId": 1, "title": 1})
            return {each["conversationId"]: each["title"] for each in rows if each.get("title")}

    def get(self, owner: str, conversation_id: str) -> Document:
        """One conversation; raises `NotFound`."""
        with translated():
            mine = self._mine(owner, conversation_id)
            return found(find_one_at_once(self._collection, mine, self._shown))

    def update(
        self,
        owner: str,
        conversation_id: str,
        *,
        title: str | None = None,
        archived: bool | None = None,
        pinned: bool | None = None,
    ) -> Document:
        """Rename, archive, restore or pin; None leaves as it is. Raises `NotFound`, `InvalidDocument`.

        A new title counts as a change of the conversation. To archive or pin one does not: it keeps its place, as in
        LibreChat.
        """
        update = changes(now(), title, archived, pinned)
        if not update:
            return self.get(owner, conversation_id)
        return found(self._change(owner, self._mine(owner, conversation_id), update))

    def replace_title(self, owner: str, conversation_id: str, before: str | None, title: str) -> Document:
        """Give a title in place of `before`; a conversation that has another one by now keeps it.

        The conversation as it is then. Raises `NotFound`, `InvalidDocument`.
        """
        query = {**self._mine(owner, conversation_id), "title": before}
        changed = self._change(owner, query, changes(now(), title))
        return self.get(owner, conversation_id) if changed is None else changed

    def archive_all(self, owner: str) -> int:
        """Archive every conversation that the list of those not archived shows; how many those were."""
        query = {"user": owner, **Wanted().query, **visible(now()), **OF_PEOPLE}
        with translated(), self._database.patiently():
            projects = self._collection.distinct("chatProjectId", query)
            changed = self._collection.update_many(query, changes(now(), archived=True)).modified_count
            self._counts.settle_projects(owner, projects)
        return changed

    def _change(self, owner: str, query: Document, update: Document) -> Document | None:
        with translated():
            changed = self._collection.find_one_and_update(
                query,
                update,
                projection=self._shown,
                return_document=ReturnDocument.AFTER,
            )
            if changed is not None:
                self._counts.settle(owner, changed)
        return changed

    @staticmethod
    def _mine(owner: str, conversation_id: str) -> Document:
        return {"user": owner, "conversationId": conversation_id}


def changes(
    moment: datetime, title: str | None = None, archived: bool | None = None, pinned: bool | None = None
) -> Document:
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
    if pinned is not None:
        fields |= {"pinned": pinned}
    return update | {"$set": fields} if fields else {}


def not_expired(moment: datetime) -> Document:
    """The filter for what has no date of expiry, or one that is to come."""
    return {"$or": [{"expiredAt": None}, {"expiredAt": {"$gt": moment}}]}
