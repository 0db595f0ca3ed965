"""The `toolfavorites` collection: what users have marked among tools, MCP servers and skills."""

from typing import ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import TooMany
from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

# LibreChat's limit for each user.
MAX_FAVORITES = 100


class ToolFavoriteRepository(Repository):
    """Marks; `user` is the owner's ObjectId, as LibreChat has it. Whether there is such an item nobody asks."""

    collection_name: ClassVar[str] = "toolfavorites"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING)], background=True),
        IndexModel([("tenantId", ASCENDING)], background=True),
        IndexModel(
            [("user", ASCENDING), ("itemType", ASCENDING), ("itemId", ASCENDING)],
            unique=True,
            background=True,
        ),
    )

    def list(self, owner: str) -> list[Document]:
        """The owner's marks, the oldest first."""
        with translated():
            rows = self._collection.find({"user": owner_id(owner)}, {"itemType": 1, "itemId": 1})
            return list(rows.sort([("createdAt", ASCENDING), ("_id", ASCENDING)]).limit(2 * MAX_FAVORITES))

    def add(self, owner: str, item_type: str, item_id: str) -> None:
        """Mark an item, which may be marked already. Raises `TooMany`."""
        mine: Document = {"user": owner_id(owner)}
        item = {**mine, "itemType": item_type, "itemId": item_id}
        moment = now()
        new = {"createdAt": moment, "updatedAt": moment, "__v": 0}
        with translated():
            others = self._collection.count_documents(
                {**mine, "$nor": [{"itemType": item_type, "itemId": item_id}]}, limit=MAX_FAVORITES
            )
            if others >= MAX_FAVORITES:
                raise TooMany("favorites", MAX_FAVORITES)
            self._collection.update_one(item, {"$setOnInsert": new}, upsert=True)

    def remove(self, owner: str, item_type: str, item_id: str) -> None:
        """Take a mark away; none is no error."""
        with translated():
            self._collection.delete_one({"user": owner_id(owner), "itemType": item_type, "itemId": item_id})
