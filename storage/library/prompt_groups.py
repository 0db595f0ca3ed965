"""The `promptgroups` collection: prompts by name, each with its versions in `prompts`.

Whoever may see or change one is told by grants (`echo.access`), not by its author: those who ask have done so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.repository import LIST_MS, Repository, found, now, owner_id
from storage.core.search import Search
from storage.core.translation import translated
from storage.library.shared_lists import Place, arranged, backwards

# What may be set and changed; everything else is the server's.
FIELDS = ("name", "oneliner", "category", "command")


@dataclass(frozen=True)
class Wanted:
    """Which groups: None leaves open. `author` and `not_author` are ids of users."""

    name: str | None = None
    category: str | None = None
    author: str | None = None
    not_author: str | None = None

    def query(self, ids: Sequence[ObjectId]) -> Document:
        """The filter for those of these groups."""
        authors: list[Document] = []
        if self.author is not None:
            authors.append({"author": owner_id(self.author)})
        if self.not_author is not None:
            authors.append({"author": {"$ne": owner_id(self.not_author)}})
        query: Document = {"_id": {"$in": list(ids)}, **({"$and": authors} if authors else {})}
        if self.category is not None:
            # As LibreChat's model has it: what is not there is empty.
            query["category"] = self.category or {"$in": ["", None]}
        return query


class PromptGroupRepository(Repository):
    """Groups of prompts, as LibreChat stores them."""

    collection_name: ClassVar[str] = "promptgroups"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("author", ASCENDING)], background=True),
        IndexModel(
            [("numberOfGenerations", DESCENDING), ("updatedAt", DESCENDING), ("_id", ASCENDING)],
            background=True,
        ),
    )

    def create(
        self,
        owner: str,
        fields: Mapping[str, Any],
        *,
        group: ObjectId,
        production: ObjectId,
        author_name: str,
    ) -> Document:
        """Insert a group whose version in use is `production`."""
        moment = now()
        document: Document = {
            "_id": group,
            "author": owner_id(owner),
            "authorName": author_name,
            "oneliner": "",
            "category": "",
            **{name: fields[name] for name in FIELDS if fields.get(name) is not None},
            "productionId": production,
            "numberOfGenerations": 0,
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(document)
        return document

    def count(self, owner: str) -> int:
        """How many the owner is the author of."""
        with translated():
            return self._collection.count_documents({"author": owner_id(owner)})

    def get(self, group: ObjectId) -> Document:
        """One group; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"_id": group}))

    def places(self, ids: Sequence[ObjectId], wanted: Wanted) -> list[Place]:
        """Those of these groups that are wanted, in LibreChat's order: the most used first, then the last changed.

        A name matches whatever contains it, as texts are sought everywhere. Raises `InvalidDocument` for a name that
        is no text.
        """
        shown = {"numberOfGenerations": 1, "updatedAt": 1}
        query = wanted.query(ids)
        search = Search(wanted.name) if wanted.name else None
        if search:
            query |= search.within("name")
            shown["name"] = 1
        with translated():
            rows = list(self._lists.find(query, shown, max_time_ms=LIST_MS))
        if search:
            rows = [row for row in rows if search.found_in([row.get("name")])]
        return arranged(
            rows, lambda row: (backwards(row.get("numberOfGenerations")), backwards(row.get("updatedAt")))
        )

    def read(self, ids: Iterable[ObjectId]) -> list[Document]:
        """These groups, in the order of their ids."""
        wanted = list(ids)
        with translated():
            rows = self._lists.find({"_id": {"$in": wanted}}, max_time_ms=LIST_MS)
            known = {row["_id"]: row for row in rows}
        return [known[each] for each in wanted if each in known]

    def productions(self, ids: Sequence[ObjectId]) -> dict[ObjectId, ObjectId]:
        """The versions in use, by group."""
        with translated():
            rows = self._collection.find(
                {"_id": {"$in": list(ids)}}, {"productionId": 1}, max_time_ms=LIST_MS
            )
            return {row["_id"]: row["productionId"] for row in rows if row.get("productionId")}

    def update(self, group: ObjectId, changes: Mapping[str, Any]) -> Document:
        """Change the named fields only; None empties one. Raises `NotFound`."""
        named = {name: changes[name] for name in FIELDS if name in changes}
        emptied = [name for name, value in named.items() if value is None]
        change: Document = {
            "$set": {name: value for name, value in named.items() if value is not None} | {"updatedAt": now()}
        }
        if emptied:
            change["$unset"] = dict.fromkeys(emptied, "")
        return self._change(group, change)

    def use(self, group: ObjectId) -> int:
        """Count one use; how many there were. As in LibreChat it is a change. Raises `NotFound`."""
        changed = self._change(group, {"$inc": {"numberOfGenerations": 1}, "$set": {"updatedAt": now()}})
        return int(changed["numberOfGenerations"])

    def put_in_production(
        self, group: ObjectId, prompt: ObjectId, *, instead_of: ObjectId | None = None
    ) -> None:
        """Make a version the one in use; if another one is named, only in place of that. Nothing without a group."""
        query: Document = {"_id": group} if instead_of is None else {"_id": group, "productionId": instead_of}
        with translated():
            self._collection.update_one(query, {"$set": {"productionId": prompt, "updatedAt": now()}})

    def delete(self, group: ObjectId) -> int:
        """Delete a group; how many that were: one or none."""
        with translated():
            return self._collection.delete_one({"_id": group}).deleted_count

    def _change(self, group: ObjectId, change: Mapping[str, Any]) -> Document:
        with translated():
            return found(
                self._collection.find_one_and_update(
                    {"_id": group}, change, return_document=ReturnDocument.AFTER
                )
            )
