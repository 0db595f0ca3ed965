"""`echo_search` and `echo_search_parts`: where texts are in an owner's messages, so that a search reads few of them.

Messages are taken up in the order of their keys, some two thousand in a portion, once their owner searches. A portion
says for each piece of a text (`grams`) which of its messages have it. It only narrows a search: what it finds is
read and compared, and so is whatever came or was changed since, by whichever program. After a week all of it goes,
with what deleted messages left in it, and is made anew when the owner searches.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from bson import ObjectId
from bson.binary import Binary
from pymongo import ASCENDING
from pymongo.errors import DuplicateKeyError, OperationFailure
from pymongo.operations import IndexModel

from storage.conversations.messages import spoken
from storage.core.database import Database, Document
from storage.core.grams import grams, hashed, packed, sought, unpacked
from storage.core.repository import Repository, now
from storage.core.stop import Stop
from storage.core.translation import translated

PORTION = 2048
# Who has fewer messages than this is searched as fast without an index.
WORTHWHILE = 2 * PORTION
# What takes longer to look up than to read: so many messages that may hold the text.
MOST_FOUND = 3000
# More than this in one portion would fill the memory of a process that makes it.
PORTION_CHARACTERS = 8_000_000
# Into so many documents the pieces of a portion are divided, so that a search reads few of each.
PARTS = 128
# A message of more pieces than this is in no list: each search reads it.
MOST_PIECES = 20_000
# Messages that were changed after they were taken up: each search reads them.
MOST_CHANGED = 1000
# What is younger may still be on its way, or be written by a machine whose clock is late.
SETTLED = timedelta(minutes=5)
KEPT = timedelta(days=7)
NOTHING = ObjectId(b"\0" * 12)
# MongoDB's code for a hint to an index that is not there.
NO_SUCH_INDEX = 2
BY_KEY = [("user", ASCENDING), ("_id", ASCENDING)]
BY_CHANGE = [("user", ASCENDING), ("updatedAt", ASCENDING), ("_id", ASCENDING)]
TEXTS = {"text": 1, "content.text": 1}


class SearchIndex(Repository):
    """`wanted` is called with an owner, in a search's thread, when there is something to build for them."""

    collection_name: ClassVar[str] = "echo_search"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )

    def __init__(self, database: Database, wanted: Callable[[str], object] = lambda _: None) -> None:
        super().__init__(database)
        self.wanted = wanted
        self._parts = database.collection(SearchPartRepository.collection_name)
        self._messages = database.collection("messages")

    def narrowed(self, owner: str, text: str, stop: Stop) -> list[ObjectId] | None:
        """The keys of all messages that may hold the text; None where it is as well to look at all of the owner's.

        Raises `TookTooLong`.
        """
        pieces = sought(text)
        try:
            with stop.over(self._database) as session, translated():
                return self._narrowed(owner, pieces, session) if pieces else None
        except OperationFailure as error:
            if error.code != NO_SUCH_INDEX:
                raise
            return None

    def _narrowed(self, owner: str, pieces: list[str], session: Any) -> list[ObjectId] | None:
        state = self._collection.find_one({"_id": owner, "user": owner}, session=session)
        fresh = {"user": owner, "_id": {"$gt": state["hi"] if state else NOTHING}}
        behind = self._messages.count_documents(fresh, limit=WORTHWHILE + 1, hint=BY_KEY, session=session)
        if behind >= (PORTION if state else WORTHWHILE):
            self.wanted(owner)
        if state is None or behind > WORTHWHILE:
            return None
        changed = {"user": owner, "updatedAt": {"$gte": state["through"]}}
        keys = {
            *state["again"],
            *self._keys(fresh, BY_KEY, session),
            *self._keys(changed, BY_CHANGE, session),
        }
        found = self._found(owner, state["portions"], pieces, session)
        return None if found is None or len(keys) > WORTHWHILE + MOST_FOUND else [*keys | found]

    def _keys(self, query: Document, hint: list[tuple[str, int]], session: Any) -> Iterator[ObjectId]:
        rows = self._messages.find(query, {"_id": 1}, session=session).hint(hint)
        return (row["_id"] for row in rows.limit(WORTHWHILE + MOST_FOUND + 1))

    def _found(
        self, owner: str, portions: list[str], pieces: list[str], session: Any
    ) -> set[ObjectId] | None:
        """The keys that the portions have for all of the pieces; None where they are too many."""
        hashes = [hashed(piece) for piece in pieces]
        wanted = [f"{portion}.{each % PARTS}" for portion in portions for each in set(hashes)]
        data = self._data(owner, wanted, session)
        numbers: dict[str, set[int]] = {}
        for portion in portions:
            lists = [unpacked(data.get(f"{portion}.{each % PARTS}", EMPTY), each) for each in hashes]
            if here := set.intersection(*lists):
                numbers[portion] = here
        if sum(map(len, numbers.values())) > MOST_FOUND:
            return None
        keys = self._data(owner, [f"{portion}.keys" for portion in numbers], session)
        return {
            ObjectId(keys[f"{portion}.keys"][12 * number : 12 * number + 12])
            for portion, here in numbers.items()
            for number in here
            if f"{portion}.keys" in keys
        }

    def _data(self, owner: str, names: list[str], session: Any) -> dict[str, bytes]:
        if not names:
            return {}
        rows = self._parts.find({"_id": {"$in": names}, "user": owner}, {"data": 1}, session=session)
        return {row["_id"]: row["data"] for row in rows}

    def build(self, owner: str) -> bool:
        """Take up the next portion of the owner's messages; whether there may be more.

        Several processes may do so at once: one of them is stored. Raises `Unavailable`.
        """
        began = now()
        with translated():
            state = self._collection.find_one({"_id": owner, "user": owner})
            after = state["hi"] if state else NOTHING
            last = ObjectId.from_datetime(datetime.now(UTC) - SETTLED)
            rows = self._messages.find({"user": owner, "_id": {"$gt": after, "$lte": last}}, TEXTS)
            portion = _Portion(rows.hint(BY_KEY).sort("_id", ASCENDING).limit(PORTION))
            if not portion.is_full:
                return False
            changed = self._changed(owner, state)
            if changed is None:
                self.forget(owner)
                return True
            expires = state["expiresAt"] if state else began + KEPT
            self._parts.insert_many(portion.documents(owner, expires))
            fields = {"hi": portion.last, "through": began - SETTLED, "expiresAt": expires}
            if not self._note(owner, after, portion, fields, changed):
                self._parts.delete_many({"user": owner, "_id": {"$in": portion.names}})
            if not self._messages.find_one({"user": owner}, {"_id": 1}, hint=BY_KEY):
                # The owner was erased meanwhile.
                self.forget(owner)
                return False
            return True

    def _changed(self, owner: str, state: Document | None) -> list[ObjectId] | None:
        """What was taken up before and has changed since; None where that is too much."""
        if state is None:
            return []
        query = {"user": owner, "updatedAt": {"$gte": state["through"]}, "_id": {"$lte": state["hi"]}}
        rows = self._messages.find(query, {"_id": 1}).limit(MOST_CHANGED + 1)
        changed = {*state["again"], *(row["_id"] for row in rows)}
        return None if len(changed) > MOST_CHANGED else [*changed]

    def _note(
        self, owner: str, after: ObjectId, portion: "_Portion", fields: Document, changed: Iterable[ObjectId]
    ) -> bool:
        again = [*changed, *portion.large]
        if after == NOTHING:
            made = {"_id": owner, "user": owner, "portions": [portion.name], "again": again, **fields}
            try:
                self._collection.insert_one(made)
            except DuplicateKeyError:
                return False
            return True
        before = {"_id": owner, "user": owner, "hi": after}
        update = {"$push": {"portions": portion.name}, "$set": {**fields, "again": again}}
        return bool(self._collection.update_one(before, update).modified_count)

    def forget(self, owner: str) -> None:
        """Remove all of it that is an owner's."""
        with translated():
            self._collection.delete_many({"user": owner})
            self._parts.delete_many({"user": owner})


class SearchPartRepository(Repository):
    """The lists of portions, and the keys of their messages."""

    collection_name: ClassVar[str] = "echo_search_parts"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )


EMPTY = packed({})


class _Portion:
    """Messages that are taken up together."""

    def __init__(self, rows: Iterable[Document]) -> None:
        self.name = str(ObjectId())
        self.large: list[ObjectId] = []
        self.last = NOTHING
        self.is_full = False
        self._keys: list[ObjectId] = []
        self._numbers: dict[str, list[int]] = {}
        characters = 0
        for row in rows:
            texts = [each for each in spoken(row) if isinstance(each, str)]
            characters += sum(map(len, texts))
            self._take(row["_id"], grams(texts))
            if characters > PORTION_CHARACTERS or len(self._keys) == PORTION:
                self.is_full = True
                break

    def _take(self, key: ObjectId, pieces: set[str]) -> None:
        number = len(self._keys)
        self._keys.append(key)
        self.last = key
        if len(pieces) > MOST_PIECES:
            self.large.append(key)
            return
        numbers = self._numbers
        for piece in pieces:
            if piece in numbers:
                numbers[piece].append(number)
            else:
                numbers[piece] = [number]

    @property
    def names(self) -> list[str]:
        return [f"{self.name}.{each}" for each in (*range(PARTS), "keys")]

    def documents(self, owner: str, expires: datetime) -> Iterator[Document]:
        """What is stored of it."""
        parts: list[dict[int, list[int]]] = [{} for _ in range(PARTS)]
        while self._numbers:
            piece, numbers = self._numbers.popitem()
            value = hashed(piece)
            part = parts[value % PARTS]
            part[value] = sorted({*part[value], *numbers}) if value in part else numbers
        data = [*map(packed, parts), b"".join(key.binary for key in self._keys)]
        for name, each in zip(self.names, data, strict=True):
            yield {"_id": name, "user": owner, "data": Binary(each), "expiresAt": expires}
