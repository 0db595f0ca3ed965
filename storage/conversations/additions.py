"""One message more in a conversation that is there: which it follows, and how it gets in."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId, encode

from storage.conversations.claims import Claims, Ends
from storage.conversations.messages import NO_PARENT, OLDEST_FIRST, by_id, identified
from storage.core.database import Database, Document
from storage.core.errors import InvalidDocument, UnknownParent
from storage.core.lines import Line
from storage.core.translation import translated

# Makes the document of a message, of its parent's id and what it takes over from its conversation.
Make = Callable[[str, Mapping[str, Any]], Document]
NEWEST_FIRST = [(name, -direction) for name, direction in OLDEST_FIRST]
FOLLOWED = {"messageId": 1, "createdAt": 1}
MOMENT = timedelta(milliseconds=1)
# Dates further ahead than this are of a clock that is wrong.
AHEAD = timedelta(seconds=1)
# What MongoDB takes as one document, without what is added to it here.
MAX_BYTES = 16 * 1024 * 1024 - 1024


class Additions:
    """Adds messages by two writes each, and by a read where this process does not know which one is the last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._messages = database.collection("messages")
        self.claims = Claims(database)
        self.ends = Ends()

    def add(
        self,
        mine: Document,
        parent_message_id: str | None,
        make: Make,
        parent_key: Any = None,
        line: Line | None = None,
    ) -> tuple[Document, Document] | None:
        """Store a message, the newest one or one of this id being its parent; with the conversation as it was.

        `parent_key` is the parent's `_id`, where that is known to be in the conversation. The `line` is given back.
        None, and nothing is stored, where the conversation is not there, or does not name the parent.
        Raises `UnknownParent`, `InvalidDocument`.
        """
        began, key = time.monotonic(), ObjectId()
        # Before anything is named: whether MongoDB would take it.
        draft = storable({**make(parent_message_id or NO_PARENT, {}), "_id": key})
        with line or self._database.line() as held:
            after = parent_key
            if after is None and parent_message_id not in (None, NO_PARENT):
                after = self._key_of(held, mine, str(parent_message_id))
            before = self.claims.claim(held, mine, [key], moved_up(draft), after)
            if before is None:
                return None
            followed = {} if parent_message_id is not None else self._newest(held, mine, before)
            parent = parent_message_id or followed.get("messageId") or NO_PARENT
            moment = later(draft["createdAt"], before.get("updatedAt"), followed.get("createdAt"))
            message = {**make(parent, before), "_id": key, "createdAt": moment, "updatedAt": moment}
            behind = None if moment == draft["createdAt"] else moved_up(message)
            self.claims.store(held, mine, [message], began, update=behind)
        return message, before

    def _key_of(self, line: Line, mine: Document, message_id: str) -> Any:
        end = self.ends.of(mine)
        if end and end[1] == message_id:
            return end[0]
        with translated():
            parents = line.find(self._messages, {**mine, **by_id(message_id)}, {"_id": 1}, most=1)
        if not parents:
            raise UnknownParent
        return parents[0]["_id"]

    def _newest(self, line: Line, mine: Document, before: Document) -> Document:
        """The message that is followed by one without a parent; nothing where there is none."""
        names = before.get("messages")
        last = names[-1] if isinstance(names, list) and names else None
        end = self.ends.of(mine)
        if end and end[0] == last:
            return {"messageId": end[1]}
        line.give_back()
        newest = self._find_newest(mine)
        if last is not None and newest.get("_id") != last:
            # That is on its way, or is not the newest by its date.
            self.claims.await_stored(mine, [last])
            newest = self._find_newest(mine)
        return newest

    def _find_newest(self, mine: Document) -> Document:
        with translated():
            newest = self._messages.find_one(mine, FOLLOWED, sort=NEWEST_FIRST)
        return identified(newest) if newest else {}


def moved_up(message: Mapping[str, Any]) -> Document:
    """What a message changes in its conversation, besides being named."""
    update: Document = {"$max": {"updatedAt": message["createdAt"]}}
    if message.get("model"):
        update["$set"] = {"model": message["model"]}
    return update


def later(moment: datetime, *others: Any) -> datetime:
    """The moment, or the first after the others where it does not come after them; not one that is far ahead."""
    dates = [each for each in others if isinstance(each, datetime)]
    after = max((each + MOMENT for each in dates if each < moment + AHEAD), default=moment)
    return max(moment, after)


def storable(document: Document) -> Document:
    """The document; raises `InvalidDocument` where MongoDB would not take it."""
    with translated():
        size = len(encode(document))
    if size > MAX_BYTES:
        raise InvalidDocument("it has more than 16 MiB")
    return document
