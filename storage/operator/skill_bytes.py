"""Files of skills whose bytes lie in the directory of another than will have them once a user is erased.

The bytes of such a file are with who sent it, and whose the skill is may be somebody else.
"""

from collections.abc import Iterator

from bson import ObjectId

from storage.core.database import Database, Document
from storage.core.repository import owner_id
from storage.core.translation import translated
from storage.operator.shared_resources import KINDS, SharedResources

SKILLS = next(kind for kind in KINDS if kind.collection == "skills")


class SkillBytes:
    """What has to be done with files before their records go or are handed over; each can be done again."""

    def __init__(self, database: Database) -> None:
        self._skills = database.collection("skills")
        self._files = database.collection("skillfiles")
        self._shared = SharedResources(database)

    def of_others(self, owner: str) -> Iterator[Document]:
        """What others sent to skills that go with the user."""
        going, _ = self._divide(owner)
        with translated():
            yield from self._files.find({"skillId": {"$in": going}, "author": {"$ne": owner_id(owner)}})

    def that_stay(self, owner: str) -> Iterator[tuple[Document, str]]:
        """What the user sent to skills that stay, and whose it is from then on: the author's of the skill."""
        going, heirs = self._divide(owner)
        sent = {"author": owner_id(owner), "skillId": {"$nin": going}}
        with translated():
            for record in list(self._files.find(sent)):
                heir = heirs.get(record["skillId"]) or self._author(record["skillId"])
                if isinstance(heir, ObjectId) and heir != owner_id(owner):
                    yield record, str(heir)

    def hand_over(self, owner: str, record: Document, heir: str, place: Document) -> None:
        """Note that a file of the user's is another's from now on, and where it lies: `filepath`, `source`."""
        mine = {"_id": record["_id"], "author": owner_id(owner), "filepath": record.get("filepath")}
        with translated():
            self._files.update_one(mine, {"$set": {"author": owner_id(heir), **place}})

    def _divide(self, owner: str) -> tuple[list[ObjectId], dict[ObjectId, ObjectId]]:
        with translated():
            return self._shared.divide(owner, SKILLS)

    def _author(self, skill: ObjectId) -> object:
        found = self._skills.find_one({"_id": skill}, {"author": 1})
        return found.get("author") if found else None
