"""The `assistants` collection.

LibreChat keeps an assistant's name, model and instructions at the provider and only its own additions here.
Echo has them here too, beside LibreChat's fields, which its models ignore when reading.
"""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.portions import read_page
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

# What a client may set; everything else in a document is the server's.
FIELDS = ("name", "description", "model", "instructions", "tools", "file_ids")


class AssistantRepository(Repository):
    """Assistants; `user` is the owner's ObjectId."""

    collection_name: ClassVar[str] = "assistants"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("assistant_id", ASCENDING)], background=True),
        IndexModel([("user", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], background=True),
    )

    def create(self, owner: str, fields: Mapping[str, Any]) -> Document:
        """Insert an assistant."""
        moment = now()
        assistant: Document = {
            "assistant_id": f"asst_{uuid.uuid4().hex[:24]}",
            "user": owner_id(owner),
            "endpoint": "assistants",
            "conversation_starters": [],
            "actions": [],
            "append_current_datetime": False,
            "file_ids": [],
            **{name: fields[name] for name in FIELDS if name in fields},
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            self._collection.insert_one(assistant)
        return assistant

    def list_page(
        self, owner: str, *, limit: int, after: str | None = None, newest_first: bool = True
    ) -> tuple[list[Document], bool]:
        """At most `limit` assistants by time of creation, and whether there are more.

        Fewer than `limit` where they have more than 4 MiB (`PAGE_BYTES`).
        `after` is the id of the assistant before the first; raises `NotFound` for an unknown one.
        """
        direction = -1 if newest_first else 1
        query: Document = {"user": owner_id(owner)}
        if after is not None:
            query |= self._beyond(self.get(owner, after), "$lt" if newest_first else "$gt")
        with translated():
            order = [("createdAt", direction), ("_id", direction)]
            items, complete = read_page(self._collection, query, {}, order, limit=limit + 1)
        return items[:limit], len(items) > limit or not complete

    def get(self, owner: str, assistant_id: str) -> Document:
        """One assistant; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one(self._mine(owner, assistant_id)))

    def update(self, owner: str, assistant_id: str, changes: Mapping[str, Any]) -> Document:
        """Change the named fields only; raises `NotFound`."""
        values = {name: changes[name] for name in FIELDS if name in changes}
        with translated():
            return found(
                self._collection.find_one_and_update(
                    self._mine(owner, assistant_id),
                    {"$set": {**values, "updatedAt": now()}},
                    return_document=ReturnDocument.AFTER,
                )
            )

    def delete(self, owner: str, assistant_id: str) -> Document:
        """Delete an assistant; what it was. Raises `NotFound`."""
        with translated():
            return found(self._collection.find_one_and_delete(self._mine(owner, assistant_id)))

    @staticmethod
    def _mine(owner: str, assistant_id: str) -> Document:
        return {"assistant_id": assistant_id, "user": owner_id(owner)}

    @staticmethod
    def _beyond(row: Document, operator: str) -> Document:
        moment = row["createdAt"]
        return {
            "$or": [{"createdAt": {operator: moment}}, {"createdAt": moment, "_id": {operator: row["_id"]}}]
        }
