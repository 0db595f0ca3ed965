"""The `skills` and `skillfiles` collections: instructions that a model can be given, and files beside them.

Whoever may see or change one is told by grants (`echo.access`), not by its author: those who ask have done so.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.repository import LIST_MS, Repository, found, now, owner_id
from storage.core.search import Search
from storage.core.translation import translated
from storage.library.shared_lists import Place, arranged, backwards

# What may be set and changed; everything else is the server's.
FIELDS = (
    *("name", "displayTitle", "description", "body", "frontmatter", "category", "alwaysApply"),
    *("disableModelInvocation", "userInvocable", "allowedTools"),
)
# What a search looks into.
SEARCHED = ("name", "displayTitle", "description")
# Large, and not for lists.
NOT_LISTED = {"body": 0, "frontmatter": 0}
MAX_FILES = 1000
# LibreChat's defaults of its model.
NEW: Mapping[str, Any] = {
    "body": "",
    "frontmatter": {},
    "category": "",
    "alwaysApply": False,
    "disableModelInvocation": False,
    "userInvocable": True,
}


class SkillRepository(Repository):
    """Skills, as LibreChat stores them."""

    collection_name: ClassVar[str] = "skills"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel(
            [("name", ASCENDING), ("author", ASCENDING), ("tenantId", ASCENDING)],
            unique=True,
            background=True,
        ),
        IndexModel([("author", ASCENDING), ("tenantId", ASCENDING)], background=True),
        IndexModel([("updatedAt", DESCENDING), ("_id", ASCENDING)], background=True),
    )

    def create(self, owner: str, fields: Mapping[str, Any], *, skill: ObjectId, author_name: str) -> Document:
        """Insert a skill; raises `Conflict` for a name that another one of the owner's has."""
        moment = now()
        document: Document = {
            "_id": skill,
            **NEW,
            **{name: fields[name] for name in FIELDS if fields.get(name) is not None},
            "author": owner_id(owner),
            "authorName": author_name,
            "version": 1,
            "source": "inline",
            "fileCount": 0,
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

    def get(self, skill: ObjectId) -> Document:
        """One skill; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"_id": skill}))

    def existing(self, ids: Iterable[ObjectId]) -> set[ObjectId]:
        """Those of these ids that are a skill's."""
        with translated():
            return set(self._collection.distinct("_id", {"_id": {"$in": list(ids)}}))

    def places(
        self, ids: Sequence[ObjectId], *, category: str | None = None, text: str | None = None
    ) -> list[Place]:
        """Those of these skills that are wanted, the last changed first.

        A text is looked for in names, titles and descriptions. Raises `InvalidDocument` for what is no text.
        """
        query: Document = {"_id": {"$in": list(ids)}}
        shown = {"updatedAt": 1}
        if category:
            query["category"] = category
        search = Search(text) if text else None
        if search:
            query |= search.within(*SEARCHED)
            shown |= dict.fromkeys(SEARCHED, 1)
        with translated():
            rows = list(self._lists.find(query, shown, max_time_ms=LIST_MS))
        if search:
            rows = [row for row in rows if search.found_in([row.get(name) for name in SEARCHED])]
        return arranged(rows, lambda row: (backwards(row.get("updatedAt")),))

    def read(self, ids: Iterable[ObjectId]) -> list[Document]:
        """These skills without what is large, in the order of their ids."""
        wanted = list(ids)
        with translated():
            rows = self._lists.find({"_id": {"$in": wanted}}, NOT_LISTED, max_time_ms=LIST_MS)
            known = {row["_id"]: row for row in rows}
        return [known[each] for each in wanted if each in known]

    def update(self, skill: ObjectId, version: int, changes: Mapping[str, Any]) -> Document:
        """Change the named fields of that version, which makes the next one; None empties a field.

        Raises `NotFound`, and `Conflict` for "version" if the skill has another one, or for "name" if that is taken.
        """
        named = {name: changes[name] for name in FIELDS if name in changes}
        emptied = [name for name, value in named.items() if value is None]
        change: Document = {
            "$set": {name: value for name, value in named.items() if value is not None}
            | {"updatedAt": now()},
            "$inc": {"version": 1},
        }
        if emptied:
            change["$unset"] = dict.fromkeys(emptied, "")
        with translated():
            changed = self._collection.find_one_and_update(
                {"_id": skill, "version": version}, change, return_document=ReturnDocument.AFTER
            )
        if changed is None:
            self.get(skill)
            raise Conflict("version")
        return changed

    def note_files(self, skill: ObjectId, more: int) -> None:
        """Note that the files of a skill have changed, and that there are so many more: that is a new version."""
        change = {"$inc": {"version": 1, "fileCount": more}, "$set": {"updatedAt": now()}}
        with translated():
            self._collection.update_one({"_id": skill}, change)

    def delete(self, skill: ObjectId) -> int:
        """Delete a skill; how many that were: one or none."""
        with translated():
            return self._collection.delete_one({"_id": skill}).deleted_count


class SkillFileRepository(Repository):
    """What is known of the files of skills; no skill has more than 1000 (`MAX_FILES`)."""

    collection_name: ClassVar[str] = "skillfiles"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("skillId", ASCENDING), ("relativePath", ASCENDING)], unique=True, background=True),
    )

    def list_skill(self, skill: ObjectId) -> list[Document]:
        """The files of a skill without their content, by path; at most 1000."""
        with translated():
            rows = self._lists.find({"skillId": skill}, {"content": 0}, max_time_ms=LIST_MS)
            return list(rows.sort("relativePath", ASCENDING).limit(MAX_FILES))

    def get(self, skill: ObjectId, path: str) -> Document:
        """One file, with its text where LibreChat keeps that; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one({"skillId": skill, "relativePath": path}))

    def is_full(self, skill: ObjectId, path: str) -> bool:
        """Whether a skill has as many files as it may have, and none of them at this path."""
        with translated():
            if self._collection.count_documents({"skillId": skill}, limit=MAX_FILES) < MAX_FILES:
                return False
            return self._collection.find_one({"skillId": skill, "relativePath": path}, {"_id": 1}) is None

    def put(
        self, author: str, skill: ObjectId, path: str, fields: Mapping[str, Any]
    ) -> tuple[Document, Document | None]:
        """Keep what is known of the file at a path; that, and what was known of the one before.

        Raises `Conflict` where another one was put there for the first time at the same moment.
        """
        moment = now()
        said = {**fields, "author": owner_id(author), "updatedAt": moment}
        new = {"_id": ObjectId(), "createdAt": moment, "__v": 0}
        unset = dict.fromkeys(("content", "isBinary", "codeEnvRef", "codeEnvRefs", "storageKey"), "")
        place = {"skillId": skill, "relativePath": path}
        with translated():
            before: Document | None = self._collection.find_one_and_update(
                place,
                {"$set": said, "$setOnInsert": new, "$unset": unset},
                upsert=True,
                return_document=ReturnDocument.BEFORE,
            )
        kept = {name: value for name, value in (before or new).items() if name not in unset}
        return {**kept, **place, **said}, before

    def delete(self, skill: ObjectId, path: str) -> Document:
        """Forget a file; what was known of it. Raises `NotFound`."""
        with translated():
            return found(self._collection.find_one_and_delete({"skillId": skill, "relativePath": path}))

    def delete_skill(self, skill: ObjectId) -> int:
        """Forget the files of a skill; how many there were."""
        with translated():
            return self._collection.delete_many({"skillId": skill}).deleted_count
