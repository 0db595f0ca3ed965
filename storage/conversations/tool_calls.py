"""The `toolcalls` collection: what code of answers gave when LibreChat ran it; read only."""

from typing import ClassVar

from bson import ObjectId
from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.repository import Repository
from storage.core.translation import translated

MOST_LISTED = 1000


class ToolCallRepository(Repository):
    """Calls of tools; `user` is the owner's id as an ObjectId."""

    collection_name: ClassVar[str] = "toolcalls"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("conversationId", ASCENDING), ("user", ASCENDING), ("tenantId", ASCENDING)]),
    )

    def list(self, owner: str, conversation_id: str) -> list[Document]:
        """The calls of a conversation, the oldest first; the first thousand."""
        with translated():
            rows = self._collection.find({"user": ObjectId(owner), "conversationId": conversation_id})
            return [*rows.sort([("_id", ASCENDING)]).limit(MOST_LISTED)]
