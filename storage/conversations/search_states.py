"""`echo_search`: how far what an owner has is in the index of searches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.errors import DuplicateKeyError
from pymongo.operations import IndexModel

from storage.conversations.search_parts import Portion
from storage.core.database import Document
from storage.core.repository import Repository, now

BEFORE_ALL = ObjectId(b"\0" * 12)
# After something was deleted, what the index has of it goes after so long at the earliest, together with more.
SOON = timedelta(hours=1)
MOST_STALE = 100
Keys = list[tuple[str, int]]


@dataclass(frozen=True)
class Source:
    """What is indexed: the texts that `shown` leaves of the documents of a collection.

    `by_key` and `by_change` are indexes of it, the second for documents that `lists` finds; others are in no list.
    """

    collection: str
    shown: Mapping[str, int]
    by_change: Keys
    lists: Mapping[str, Any]
    by_key: Keys


BY_KEY: Keys = [("user", ASCENDING), ("_id", ASCENDING)]
MESSAGES = Source(
    "messages",
    {"text": 1, "content.text": 1},
    [("user", ASCENDING), ("updatedAt", ASCENDING), ("_id", ASCENDING)],
    {},
    BY_KEY,
)
TITLES = Source(
    "conversations",
    {"title": 1},
    [("user", ASCENDING), ("isArchived", ASCENDING), ("updatedAt", DESCENDING), ("_id", DESCENDING)],
    {"isArchived": {"$in": [True, False, None]}},
    BY_KEY,
)


@dataclass(frozen=True)
class State:
    """What the index has of one owner: portions in the order of their keys.

    Besides, the keys of what was changed after it was taken up (`again`) until shortly before `through`, and of what
    is too large. `is_refused` says that too much is; `swept` is when it was last compared with what there is.
    """

    owner: str
    of: str
    version: int
    portions: tuple[Portion, ...]
    again: list[ObjectId]
    large: list[ObjectId]
    through: datetime
    swept: datetime
    expires: datetime
    is_refused: bool = False
    stale: int = 0

    @property
    def last(self) -> ObjectId:
        """The key up to which all is taken up."""
        return self.portions[-1].last if self.portions else BEFORE_ALL

    @property
    def count(self) -> int:
        """How much was taken up."""
        return sum(each.count for each in self.portions)

    @property
    def fields(self) -> Document:
        """What is stored, besides the key and what others count."""
        return {
            "of": self.of,
            "version": self.version,
            "portions": [each.stored for each in self.portions],
            "again": self.again,
            "large": self.large,
            "through": self.through,
            "swept": self.swept,
            "expiresAt": self.expires,
            "refused": self.is_refused,
        }

    @classmethod
    def read(cls, row: Document) -> Self:
        """The state that was stored."""
        return cls(
            owner=row["user"],
            of=row["of"],
            version=row["version"],
            portions=tuple(map(Portion.of, row["portions"])),
            again=row["again"],
            large=row["large"],
            through=row["through"],
            swept=row["swept"],
            expires=row["expiresAt"],
            is_refused=row["refused"],
            stale=row.get("stale", 0),
        )


class SearchStateRepository(Repository):
    """States; each has a version, so that of two writers one stores its own."""

    collection_name: ClassVar[str] = "echo_search"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
        IndexModel([("stale", ASCENDING)], sparse=True),
    )

    def get(self, owner: str, source: Source, session: Any = None) -> State | None:
        """The state, if there is one."""
        row = self._collection.find_one(_one(owner, source.collection), session=session)
        return State.read(row) if row else None

    def store(self, owner: str, before: State | None, after: State) -> bool:
        """Store a state in place of another, or the first one; whether nobody else did so meanwhile."""
        if before is None:
            try:
                self._collection.insert_one({**_one(owner, after.of), **after.fields})
            except DuplicateKeyError:
                return False
            return True
        query = {**_one(owner, before.of), "version": before.version}
        fields = {**after.fields, "version": before.version + 1}
        return bool(self._collection.update_one(query, {"$set": fields}).modified_count)

    def remove(self, owner: str, state: State, session: Any = None) -> bool:
        """Remove a state, unless it has changed."""
        query = {**_one(owner, state.of), "version": state.version}
        return bool(self._collection.delete_one(query, session=session).deleted_count)

    def remove_all(self, owner: str) -> None:
        """Remove an owner's."""
        self._collection.delete_many({"user": owner})

    def mark(self, owner: str) -> None:
        """Note that something was deleted."""
        self._collection.update_many({"user": owner}, {"$inc": {"stale": 1}})

    def unmark(self, owner: str, state: State) -> None:
        """What was deleted is out of the index, unless more was since."""
        query = {**_one(owner, state.of), "stale": state.stale}
        self._collection.update_one(query, {"$unset": {"stale": ""}})

    def stale(self) -> list[tuple[str, str]]:
        """Some owners whose index has what was deleted an hour ago, and what of theirs it indexes."""
        query = {"stale": {"$gt": 0}, "swept": {"$lt": now() - SOON}}
        rows = self._collection.find(query, {"user": 1, "of": 1}).limit(MOST_STALE)
        return [(row["user"], row["of"]) for row in rows]


def _one(owner: str, of: str) -> Document:
    return {"_id": f"{owner}.{of}", "user": owner}
