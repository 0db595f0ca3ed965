"""The `conversations` collection. What also touches messages is in `storage.conversations.threads`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.conversations.counts import Counts
from storage.conversations.messages import AT_ONCE, MessageRepository, visible
from storage.conversations.narrowing import Narrowing
from storage.core.database import Database, Document
from storage.core.finding import find_one_at_once
from storage.core.lists import ListRepository, Sought
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
# Conversations that are looked through together, at first and at most, for what is in many messages.
FIRST_WALKED, MOST_WALKED = 32, 512
WALKED = {"conversationId": 1}
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
        self._messages = MessageRepository(database, index=index)
        self._titles = titles
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
        narrowed = self._messages.narrowed(owner, search, stop)
        if narrowed and narrowed.keys is None:
            return self._walk(owner, query, keyset, limit, search=search, stop=stop)
        spoken = self._messages.conversations_containing(
            owner, search, stop, keys=narrowed.keys if narrowed else None
        )
        sought = _sought(search, spoken, self._among(owner, search, spoken, stop))
        return self._page(query, self._listed, keyset, limit=limit, sought=sought, stop=stop)

    def _among(self, owner: str, search: Search, spoken: list[str], stop: Stop) -> list[ObjectId] | None:
        """The keys of all conversations that may have the text in their titles, or have it in messages."""
        narrowed = self._titles.narrowed(owner, search.text, stop) if self._titles else None
        if narrowed is None or narrowed.keys is None:
            return None
        query = {"user": owner, "conversationId": {"$in": spoken}}
        with stop.over(self._database) as session, translated():
            rows = self._collection.find(query, {"_id": 1}, session=session, batch_size=AT_ONCE)
            return [*{*narrowed.keys, *(row["_id"] for row in rows)}]

    def _walk(
        self, owner: str, query: Document, keyset: Keyset, limit: int, *, search: Search, stop: Stop
    ) -> Page:
        """The page of what is in many messages: some conversations after the others, until there are enough."""
        items, at_once, cursor = list[Document](), FIRST_WALKED, None
        first, *conditions = query["$and"]
        while True:
            page = {**query, "$and": [keyset.after(cursor) if cursor else first, *conditions]}
            some = self._page(page, WALKED, keyset, limit=at_once, sought=None, stop=stop)
            ids = [each["conversationId"] for each in some.items if each.get("conversationId")]
            spoken = self._messages.conversations_containing(owner, search, stop, of=ids)
            sought = _sought(search, spoken, [each["_id"] for each in some.items])
            found = self._page(query, self._listed, keyset, limit=limit, sought=sought, stop=stop)
            items += found.items
            cursor, at_once = some.next_cursor, min(2 * at_once, MOST_WALKED)
            if len(items) > limit or found.next_cursor or cursor is None:
                return keyset.page(items, limit, complete=not found.next_cursor)

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


def _sought(search: Search, spoken: list[str], among: Sequence[ObjectId] | None) -> Sought:
    """What finds conversations with the text in their titles, and those in whose messages it was found."""
    in_messages = set(spoken)

    def texts(row: Document) -> tuple[object]:
        # What was found in messages needs no other proof.
        return (search.text if row.get("conversationId") in in_messages else row.get("title"),)

    matching = {"$or": [search.within("title"), {"conversationId": {"$in": spoken}}]}
    return Sought(search, matching, texts, among)


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
