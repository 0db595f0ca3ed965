"""The `toolcalls` collection: what code of answers gave when a person had it run."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import TooMany
from storage.core.repository import Repository, now, owner_id
from storage.core.translation import translated

MOST_LISTED = 1000


class ToolCallRepository(Repository):
    """Calls of tools; `user` is the owner's id as an ObjectId."""

    collection_name: ClassVar[str] = "toolcalls"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("expiredAt", ASCENDING)], expireAfterSeconds=0, background=True),
        IndexModel([("conversationId", ASCENDING), ("user", ASCENDING), ("tenantId", ASCENDING)]),
    )

    def insert(
        self, owner: str, conversation_id: str, message_id: str, tool: str, gave: Mapping[str, Any]
    ) -> Document:
        """Insert a call: `gave` has LibreChat's `result`, `attachments`, `partIndex` and `blockIndex`.

        It goes when its message goes by itself, as one of a temporary chat does.
        """
        moment, user = now(), owner_id(owner)
        with translated():
            query = {"messageId": message_id, "user": owner}
            message = self._database.collection("messages").find_one(query, {"expiredAt": 1})
            expires = (message or {}).get("expiredAt")
            document: Document = {
                "conversationId": conversation_id,
                "messageId": message_id,
                "toolId": tool,
                "user": user,
                **gave,
                **({"expiredAt": expires} if expires else {}),
                "createdAt": moment,
                "updatedAt": moment,
                "__v": 0,
            }
            self._collection.insert_one(document)
        return document

    def check_room(self, owner: str, conversation_id: str) -> None:
        """Raise `TooMany` where a conversation has as many calls as are listed of it."""
        query = {"user": owner_id(owner), "conversationId": conversation_id}
        with translated():
            if self._collection.count_documents(query, limit=MOST_LISTED) >= MOST_LISTED:
                raise TooMany("runs of code in a conversation", MOST_LISTED)

    def list(self, owner: str, conversation_id: str) -> list[Document]:
        """The calls of a conversation, the oldest first; the first thousand."""
        with translated():
            rows = self._collection.find({"user": owner_id(owner), "conversationId": conversation_id})
            return [*rows.sort([("_id", ASCENDING)]).limit(MOST_LISTED)]
