"""The `conversationtags` collection: bookmarks, which conversations name in their `tags`."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.operations import IndexModel

from storage.conversations.counts import Counts
from storage.core.database import PATIENT_SECONDS, Database, Document
from storage.core.errors import Conflict, TooMany
from storage.core.repository import LIST_MS, Repository, found, now
from storage.core.translation import translated

Session = ClientSession | None
ATTEMPTS = 10
BY_POSITION = [("position", ASCENDING), ("_id", ASCENDING)]


class TagRepository(Repository):
    """Bookmarks, by the place that their owner gave them; nobody makes more than `most`."""

    collection_name: ClassVar[str] = "conversationtags"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(
            [("tag", ASCENDING), ("user", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True
        ),
        IndexModel([("user", ASCENDING), ("position", ASCENDING), ("_id", ASCENDING)], background=True),
    )

    def __init__(self, database: Database, most: int) -> None:
        super().__init__(database)
        self._most = most
        self._conversations = database.collection("conversations")
        self._counts = Counts(database)

    def list(self, owner: str) -> list[Document]:
        """All bookmarks of the owner, in their order.

        LibreChat makes one without a name where a client sends none; nobody can use it, so it is left out.
        """
        query = {"user": owner, "tag": {"$type": "string"}}
        with translated():
            return list(self._lists.find(query, max_time_ms=LIST_MS).sort(BY_POSITION).limit(2 * self._most))

    def get(self, owner: str, tag: str) -> Document:
        """One bookmark; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"user": owner, "tag": tag}))

    def create(
        self, owner: str, tag: str, *, description: str | None = None, conversation_id: str | None = None
    ) -> Document:
        """Make a bookmark, the last in order, and give it to a conversation; one that is there stays as it is.

        Raises `NotFound` when the owner has no such conversation, `TooMany`, `InvalidDocument`.
        """
        mine = {"user": owner, "conversationId": conversation_id}
        with translated():
            if conversation_id is not None:
                found(self._conversations.find_one(mine, {"_id": 1}))
            if self._add(owner, tag, description) and conversation_id is not None:
                self._conversations.update_one(mine, {"$addToSet": {"tags": tag}})
                self._counts.settle_tags(owner, [tag])
        return self.get(owner, tag)

    def _add(self, owner: str, tag: str, description: str | None = None) -> bool:
        """Whether it was not there. Raises `TooMany`."""
        if self._collection.find_one({"user": owner, "tag": tag}, {"_id": 1}):
            return False
        if self._collection.count_documents({"user": owner}, limit=self._most) >= self._most:
            raise TooMany("bookmarks", self._most)
        last = self._collection.find_one({"user": owner}, {"position": 1}, sort=[("position", DESCENDING)])
        moment = now()
        made: Document = {
            "tag": tag,
            "user": owner,
            "count": 0,
            "position": ((last or {}).get("position") or 0) + 1,
            **({} if description is None else {"description": description}),
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        try:
            with translated():
                self._collection.insert_one(made)
        except Conflict:
            # Another request has made it just now.
            return False
        return True

    def update(
        self,
        owner: str,
        tag: str,
        *,
        new_tag: str | None = None,
        description: str | None = None,
        position: int | None = None,
    ) -> Document:
        """Rename a bookmark, in its conversations too, describe it, or move it to a place in the order.

        None leaves as it is. Raises `NotFound`, `Conflict` when the owner has one of the new name, `InvalidDocument`.
        """
        name = new_tag or tag

        def change(session: Session) -> Document:
            before = found(self._collection.find_one({"user": owner, "tag": tag}, session=session))
            if name != tag:
                if self._collection.find_one({"user": owner, "tag": name}, {"_id": 1}, session=session):
                    raise Conflict("tag")
                self._rename(owner, tag, name, session)
            if position is not None:
                self._make_room(owner, before.get("position") or 0, position, session)
            fields = {"tag": name, "description": description, "position": position}
            update = {key: value for key, value in fields.items() if value is not None}
            return found(
                self._collection.find_one_and_update(
                    {"user": owner, "tag": tag},
                    {"$set": {**update, "updatedAt": now()}},
                    return_document=ReturnDocument.AFTER,
                    session=session,
                )
            )

        changed = self._database.atomically(change, seconds=PATIENT_SECONDS)
        self._counts.settle_tags(owner, [name])
        return changed

    def _rename(self, owner: str, tag: str, name: str, session: Session) -> None:
        # Where a conversation has the new name already, the place of the old one stays empty.
        mine = {"user": owner, "tags": tag}
        self._conversations.update_many(
            {**mine, "$nor": [{"tags": name}]},
            {"$set": {"tags.$[old]": name}},
            array_filters=[{"old": tag}],
            session=session,
        )
        self._conversations.update_many(mine, {"$pull": {"tags": tag}}, session=session)

    def _make_room(self, owner: str, before: int, after: int, session: Session) -> None:
        if before == after:
            return
        between = {"$gt": before, "$lte": after} if before < after else {"$gte": after, "$lt": before}
        step = -1 if before < after else 1
        self._collection.update_many(
            {"user": owner, "position": between}, {"$inc": {"position": step}}, session=session
        )

    def delete(self, owner: str, tag: str) -> Document:
        """Delete a bookmark and take it from its conversations; what it was. Raises `NotFound`."""

        def remove(session: Session) -> Document:
            before = found(self._collection.find_one({"user": owner, "tag": tag}, session=session))
            # The conversations first: after a crash the bookmark is still there to be deleted again.
            mine = {"user": owner, "tags": tag}
            self._conversations.update_many(mine, {"$pull": {"tags": tag}}, session=session)
            self._collection.delete_one({"_id": before["_id"], "user": owner}, session=session)
            after = {"user": owner, "position": {"$gt": before.get("position") or 0}}
            self._collection.update_many(after, {"$inc": {"position": -1}}, session=session)
            return before

        return self._database.atomically(remove, seconds=PATIENT_SECONDS)

    def assign(self, owner: str, conversation_id: str, tags: Sequence[str]) -> Sequence[str]:
        """Give a conversation these bookmarks and no others; those that are not there yet are made.

        What it has then. Raises `NotFound`, `TooMany`, `InvalidDocument`.
        """
        mine = {"user": owner, "conversationId": conversation_id}
        wanted = list(dict.fromkeys(tags))
        with translated():
            found(self._conversations.find_one(mine, {"_id": 1}))
            for tag in wanted:
                self._add(owner, tag)
            before = found(
                self._conversations.find_one_and_update(
                    mine,
                    {"$set": {"tags": wanted}},
                    projection={"tags": 1},
                    return_document=ReturnDocument.BEFORE,
                )
            )
        self._counts.settle_tags(owner, {*wanted, *texts(before.get("tags"))})
        return wanted


def texts(values: object) -> Iterable[str]:
    """The texts in a list; nothing in what is none."""
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []
