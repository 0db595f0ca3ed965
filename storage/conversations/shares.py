"""The `sharedlinks` collection: which messages of a conversation others may read, and which files with them."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.conversations.branches import newest_below, up_to_level
from storage.conversations.conversations import not_expired
from storage.conversations.forks import OUTLINE
from storage.conversations.messages import IN_FULL, OLDEST_FIRST, identified
from storage.core.database import Database, Document
from storage.core.errors import Conflict, NotFound, TooMany
from storage.core.lists import ListRepository, Sought
from storage.core.pages import Keyset, Page
from storage.core.portions import Query, Reading, read_all
from storage.core.repository import LIST_SECONDS, found, now, owner_id
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated

# What a link names at most: its document has the key of each message, and what is known of each file.
MAX_MESSAGES, MAX_FILES = 20_000, 1000
# Where LibreChat has files that it can send for a link; Echo has the first of them.
SOURCES = ("local", "s3", "cloudfront", "azure_blob", "firebase")
# What a link keeps of a file, as LibreChat's model has it.
OF_FILE = (
    *("file_id", "source", "storageKey", "filepath", "type", "filename", "bytes", "width", "height"),
    *("model", "previewRevision", "tenantId"),
)
LISTED = {"shareId": 1, "title": 1, "createdAt": 1, "conversationId": 1}
IDS_OF_FILES = ("files.file_id", "attachments.file_id", "content.files.file_id")


class NothingToShare(Exception):
    """A conversation without messages, or without the one up to which it is to be shared."""


class ShareRepository(ListRepository):
    """Links; `user` is the owner's id as text. Nobody makes more than `most`.

    Which messages a link shows is fixed when it is made and renewed; what they say is read when it is read.
    """

    collection_name: ClassVar[str] = "sharedlinks"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        # LibreChat's own.
        *(
            IndexModel([(name, ASCENDING)], background=True)
            for name in ("title", "user", "shareId", "targetMessageId", "tenantId")
        ),
        IndexModel([("expiredAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel(
            [
                ("conversationId", ASCENDING),
                ("user", ASCENDING),
                ("targetMessageId", ASCENDING),
                ("tenantId", ASCENDING),
            ],
            background=True,
        ),
        IndexModel([("updatedAt", DESCENDING)], background=True),
        # The order of an owner's list.
        IndexModel([("user", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], background=True),
    )

    def __init__(self, database: Database, most: int) -> None:
        super().__init__(database)
        self._most = most
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")
        self._files = database.collection("files")

    def find(self, share_id: str) -> Document:
        """A link, whoever may read it. Raises `NotFound`, also for one that has expired."""
        with translated():
            return found(self._collection.find_one({"shareId": share_id, **not_expired(now())}))

    def of_conversation(self, owner: str, conversation_id: str) -> Document | None:
        """The owner's link to a conversation, the last changed of several."""
        query = {"user": owner, "conversationId": conversation_id, **not_expired(now())}
        with translated():
            return self._collection.find_one(query, {"messages": 0}, sort=[("updatedAt", DESCENDING)])

    def shared(self, owner: str, conversation_ids: Sequence[str]) -> set[str]:
        """Those of the conversations to which the owner has a link."""
        query = {"user": owner, "conversationId": {"$in": list(conversation_ids)}, **not_expired(now())}
        with translated():
            return {each["conversationId"] for each in self._collection.find(query, {"conversationId": 1})}

    def list_page(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        search: str | None = None,
        sort_by: str = "createdAt",
        newest_first: bool = True,
        stop: Stop | None = None,
    ) -> Page:
        """Some of the owner's links, by `createdAt` or `title`; with `search` those whose title contains it.

        Raises `BrokenCursor`, `TookTooLong`, `InvalidDocument`.
        """
        keyset = Keyset(sort_by, newest_first, f"links|{search or ''}", of_text=sort_by == "title")
        wanted = Search(search) if search else None
        return self._page(
            {"user": owner, "$and": [keyset.after(cursor), not_expired(now())]},
            LISTED,
            keyset,
            limit=limit,
            sought=Sought(wanted, wanted.within("title"), lambda row: [row.get("title")]) if wanted else None,
            stop=stop or Stop(LIST_SECONDS),
        )

    def prepare(
        self, owner: str, conversation_id: str, *, target_id: str | None, with_files: bool
    ) -> Document:
        """A new link that is not stored yet, with its key: grants are given before it can be found.

        It shows the messages that are there now: all, or with `target_id` those down to that one's level. Raises
        `NotFound`, `NothingToShare`, `TooMany`, and `Conflict` where there is such a link.
        """
        mine = {"user": owner, "conversationId": conversation_id}
        with translated():
            conversation = found(self._conversations.find_one(mine, {"title": 1, "expiredAt": 1}))
            same = {**mine, **not_expired(now()), **({"targetMessageId": target_id} if target_id else {})}
            if self._collection.find_one(same, {"_id": 1}):
                raise Conflict("conversationId")
            if self._collection.count_documents({"user": owner}, limit=self._most) >= self._most:
                raise TooMany("links", self._most)
        moment = now()
        expires_at = conversation.get("expiredAt")
        return {
            "_id": ObjectId(),
            "shareId": secrets.token_urlsafe(16)[:21],
            "title": conversation.get("title") or "Untitled",
            **mine,
            **self._contents(owner, conversation_id, target_id, with_files=with_files),
            **({"expiredAt": expires_at} if isinstance(expires_at, datetime) else {}),
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }

    def insert(self, owner: str, link: Document) -> None:
        """Store a link that was prepared; raises `Conflict` where another one was made at the same time."""
        with translated():
            self._collection.insert_one(link)
            same = {name: link[name] for name in ("conversationId", "targetMessageId") if name in link}
            rivals = list(
                self._collection.find({"user": owner, **same, **not_expired(now())}, {"createdAt": 1})
            )
            # Of several that were made at once the first stays: all of them see the same order.
            first = min(rivals, key=lambda each: (each["createdAt"], each["_id"]), default=link)
            if first["_id"] != link["_id"]:
                self._collection.delete_one({"_id": link["_id"], "user": owner})
                raise Conflict("conversationId")

    def renew(self, owner: str, share_id: str, *, target_id: str | None, with_files: bool) -> Document:
        """Let a link show what is there now; the link.

        Without `target_id` the message down to which it shows becomes the newest that follows the one it had. Raises
        `NotFound`, `NothingToShare`.
        """
        mine = {"user": owner, "shareId": share_id}
        with translated():
            link = found(self._collection.find_one(mine, {"conversationId": 1, "targetMessageId": 1}))
        known = link.get("targetMessageId")
        # A document may lack it: there is nothing to share then.
        conversation_id = link.get("conversationId") or ""
        contents = self._contents(
            owner, conversation_id, target_id or known, with_files=with_files, follow=target_id is None
        )
        # LibreChat's mark of links that are older than grants.
        unset = {"isPublic": "", **({} if with_files else {"fileSnapshots": ""})}
        change = {"$set": {**contents, "updatedAt": now()}, "$unset": unset}
        with translated():
            return found(
                self._collection.find_one_and_update(
                    mine, change, projection={"messages": 0}, return_document=ReturnDocument.AFTER
                )
            )

    def get(self, owner: str, share_id: str) -> Document:
        """A link of the owner's; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"user": owner, "shareId": share_id}, {"messages": 0}))

    def delete(self, owner: str, share_id: str) -> None:
        """Delete a link; none is no error."""
        with translated():
            self._collection.delete_many({"user": owner, "shareId": share_id})

    def read(self, link: Mapping[str, Any]) -> Reading:
        """The messages that a link shows, the oldest first; as they are now, without those that are gone."""
        query = self._shown(link)
        if link.get("targetMessageId"):
            query = {**query, "_id": {"$in": [each["_id"] for each in self.outlines(link)]}}
        reading = read_all(self._messages, Query(query, IN_FULL, OLDEST_FIRST))
        portions = ([identified(each) for each in rows] for rows in reading.portions)
        return Reading([*portions] if reading.is_whole else portions, reading.is_whole, reading.held)

    def outlines(self, link: Mapping[str, Any]) -> list[Document]:
        """Outlines (`forks.OUTLINE`) of the same messages, in the same order."""
        with translated():
            rows = self._messages.find(self._shown(link), OUTLINE).sort(OLDEST_FIRST)
            messages = [identified(each) for each in rows]
        target_id = link.get("targetMessageId")
        return up_to_level(messages, str(target_id)) if target_id else messages

    def files_of(self, link: Mapping[str, Any]) -> list[Document]:
        """What the link says of the files that it shows; for one of LibreChat's that says nothing, what there is."""
        if link.get("snapshotFiles") is False:
            return []
        known = link.get("fileSnapshots")
        if isinstance(known, list):
            return [each for each in known if isinstance(each, dict)]
        return self._snapshots(str(link.get("user")), self._shown(link))

    def _shown(self, link: Mapping[str, Any]) -> Document:
        """The filter for all messages of a link: never those of another's conversation, whatever it names."""
        named = link.get("messages")
        ids = [each for each in named if isinstance(each, ObjectId)] if isinstance(named, list) else []
        mine = {"user": link.get("user"), "conversationId": link.get("conversationId")}
        return {**mine, "_id": {"$in": ids[:MAX_MESSAGES]}}

    def _contents(
        self,
        owner: str,
        conversation_id: str,
        target_id: str | None,
        *,
        with_files: bool,
        follow: bool = False,
    ) -> Document:
        mine = {"user": owner, "conversationId": conversation_id}
        with translated():
            rows = self._messages.find(mine, OUTLINE).sort(OLDEST_FIRST).limit(MAX_MESSAGES + 1)
            messages = [identified(each) for each in rows]
        if len(messages) > MAX_MESSAGES:
            raise TooMany("messages in a link", MAX_MESSAGES)
        if target_id and follow:
            target_id = newest_below(messages, target_id)
        shown = up_to_level(messages, target_id) if target_id else messages
        if not shown:
            raise NothingToShare
        contents: Document = {
            "messages": [each["_id"] for each in messages],
            "snapshotFiles": with_files,
            **({"targetMessageId": target_id} if target_id else {}),
        }
        if with_files:
            ids = [each["_id"] for each in shown]
            contents["fileSnapshots"] = self._snapshots(owner, {**mine, "_id": {"$in": ids}})
        return contents

    def _snapshots(self, owner: str, messages: Document) -> list[Document]:
        with translated():
            rows = self._messages.find(messages, dict.fromkeys(IDS_OF_FILES, 1)).sort(OLDEST_FIRST)
            ids = list(dict.fromkeys(each for row in rows for each in ids_of_files(row)))[:MAX_FILES]
            query = {"file_id": {"$in": ids}, "user": owner_id(owner), "source": {"$in": [*SOURCES, None]}}
            files = list(self._files.find(query, dict.fromkeys(OF_FILE, 1))) if ids else []
        return [
            {"source": "local"} | {name: each[name] for name in OF_FILE if each.get(name) is not None}
            for each in files
        ]


def ids_of_files(message: Mapping[str, Any]) -> Iterable[str]:
    """The ids of all files that a message has: sent with it, made by its tools, or sent while it was made."""
    parts = message.get("content")
    steered = [part.get("files") for part in _objects(parts)]
    for listed in (message.get("files"), message.get("attachments"), *steered):
        for each in _objects(listed):
            if isinstance(each.get("file_id"), str):
                yield each["file_id"]


def _objects(value: Any) -> Sequence[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def owner_of(link: Mapping[str, Any]) -> str:
    """Whose link it is. Raises `NotFound` for a document that names nobody."""
    owner = link.get("user")
    if not isinstance(owner, str):
        raise NotFound
    return owner
