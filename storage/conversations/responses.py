"""The `echo_responses` collection: responses of `/v1/responses` that can be had again and gone on from.

What they hold is kept as JSON texts: a program's own names and depths mean nothing to the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from pymongo import ASCENDING
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import NotFound
from storage.core.repository import Repository, found, now
from storage.core.translation import translated

# OpenAI's: kept for thirty days. What is gone on from begins anew.
KEPT = timedelta(days=30)
# A response may hold megabytes.
BATCH = 10
# A response that is being made in the background.
QUEUED, IN_PROGRESS = "queued", "in_progress"
UNDER_WAY = (QUEUED, IN_PROGRESS)


@dataclass(frozen=True)
class KeptResponse:
    """One response. `earlier` are the ids of those before it, the oldest first.

    `message_id` is its answer in the conversation, where it is part of one. `status` is there for one that is made in
    the background alone, by the process `worker`; what a `streamed` one says is in `storage.runs.pieces`.
    """

    id: str
    earlier: Sequence[str]
    input: str
    response: str
    conversation_id: str | None = None
    message_id: str | None = None
    status: str | None = None
    worker: str | None = None
    streamed: bool = False

    @property
    def is_under_way(self) -> bool:
        """Whether it is being made, as far as its process has said."""
        return self.status in UNDER_WAY


class ResponseRepository(Repository):
    """Responses of programs; they go with their conversation, where they have one."""

    collection_name: ClassVar[str] = "echo_responses"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING), ("conversationId", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )

    def add(self, owner: str, kept: KeptResponse) -> None:
        """Keep a response."""
        document: Document = {
            "_id": kept.id,
            "user": owner,
            "earlier": list(kept.earlier),
            "input": kept.input,
            "response": kept.response,
            "continued": False,
            "createdAt": now(),
            "expiresAt": now() + KEPT,
        }
        named = {
            "conversationId": kept.conversation_id,
            "messageId": kept.message_id,
            "status": kept.status,
            "worker": kept.worker,
            "streamed": kept.streamed,
        }
        with translated():
            self._collection.insert_one(
                {**document, **{name: value for name, value in named.items() if value}}
            )

    def get(self, owner: str, response_id: str) -> KeptResponse:
        """A response; raises `NotFound`."""
        with translated():
            return _read(found(self._collection.find_one({"_id": response_id, "user": owner})))

    def earlier(self, owner: str, last: KeptResponse, *, most_characters: int) -> list[KeptResponse] | None:
        """Those before a response, the oldest first; None where they hold more than that.

        Raises `NotFound` when one of them is gone. All are kept for longer now: somebody goes on from them.
        """
        mine = {"_id": {"$in": [*last.earlier, last.id]}, "user": owner}
        there: dict[str, KeptResponse] = {}
        with translated():
            for each in map(_read, self._collection.find(mine, batch_size=BATCH)):
                there[each.id] = each
                most_characters -= len(each.input) + len(each.response)
                if most_characters < 0:
                    return None
            self._collection.update_many(mine, {"$set": {"expiresAt": now() + KEPT}})
        if any(each not in there for each in last.earlier):
            raise NotFound
        return [there[each] for each in last.earlier]

    def claim(self, owner: str, response_id: str) -> bool:
        """Whether nobody has gone on from a response before; from now on somebody has."""
        mine = {"_id": response_id, "user": owner, "continued": False}
        with translated():
            return bool(self._collection.update_one(mine, {"$set": {"continued": True}}).modified_count)

    def advance(self, owner: str, response_id: str, status: str, response: str) -> bool:
        """Note where a response in the background has got, unless it has ended; whether it had not."""
        return self._change(owner, response_id, {"status": status, "response": response})

    def end(self, owner: str, kept: KeptResponse) -> bool:
        """Keep what has become of a response in the background, unless it has ended; whether it had not."""
        named = {"conversationId": kept.conversation_id, "messageId": kept.message_id}
        fields: Document = {"status": kept.status, "response": kept.response}
        return self._change(
            owner, kept.id, {**fields, **{name: value for name, value in named.items() if value}}
        )

    def _change(self, owner: str, response_id: str, fields: Document) -> bool:
        mine = {"_id": response_id, "user": owner, "status": {"$in": UNDER_WAY}}
        with translated():
            return bool(self._collection.update_one(mine, {"$set": fields}).matched_count)

    def under_way(self, response_ids: Sequence[str]) -> set[str]:
        """Those of many responses that have not ended, whoever's they are."""
        query = {"_id": {"$in": list(response_ids)}, "status": {"$in": UNDER_WAY}}
        with translated():
            return {row["_id"] for row in self._collection.find(query, {"_id": 1})}

    def delete(self, owner: str, response_id: str) -> None:
        """Delete a response; raises `NotFound`."""
        with translated():
            if not self._collection.delete_one({"_id": response_id, "user": owner}).deleted_count:
                raise NotFound


def _read(document: Document) -> KeptResponse:
    return KeptResponse(
        document["_id"],
        tuple(document["earlier"]),
        document["input"],
        document["response"],
        document.get("conversationId"),
        document.get("messageId"),
        document.get("status"),
        document.get("worker"),
        document.get("streamed", False),
    )
