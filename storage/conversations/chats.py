"""A question and its answer as they come to be: stored when asked, on the way, and at the end.

Question, answer and a new conversation begin together, in one transaction where there are some. In a conversation
that is there, question and answer are claimed and stored (`claims`). From then on an answer is only ever changed: if
its conversation is deleted while the model still speaks, nothing of it comes back.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from storage.conversations.additions import storable
from storage.conversations.chat_shapes import (
    CONTENT,
    SETTINGS,
    SKELETON,
    Begun,
    answer_fields,
    chat_conversation,
    chat_message,
    new_messages,
)
from storage.conversations.claims import LAST_NAMED, Claims, naming
from storage.conversations.conversations import UNTITLED
from storage.conversations.counts import Counts
from storage.conversations.messages import OLDEST_FIRST, by_id, identified
from storage.conversations.shapes import INHERITED
from storage.core.database import Database, Document
from storage.core.errors import NotFound
from storage.core.portions import SIZE
from storage.core.repository import found, now
from storage.core.translation import translated

Session = ClientSession | None
# Of a conversation of so few messages all that they say is read at once.
FEW = 20
MOST_WHOLE_BYTES = 4 * 1024 * 1024
# What tells of a row that it holds all of that.
WHOLE = "whole"
NAMED = {"$cond": [{"$isArray": "$messages"}, {"$size": "$messages"}, 0]}


@dataclass(frozen=True)
class Progress:
    """What an answer holds by now."""

    owner: str
    conversation_id: str
    message_id: str
    fields: Mapping[str, Any]


class ChatRepository:
    """Writes across `conversations` and `messages` for runs; see `threads` for single messages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")
        self._counts = Counts(database)
        self._claims = Claims(database)
        self._projects = database.collection("chatprojects")

    def conversation(self, owner: str, conversation_id: str) -> Document:
        """The conversation with its settings, without its list of messages; raises `NotFound`.

        `named` says how many messages that list has: none in what others than LibreChat and Echo have stored.
        """
        names = (*SETTINGS, "title", "isTemporary", "expiredAt", "conversationId")
        shown: Document = {**dict.fromkeys(names, 1), "named": NAMED}
        with translated():
            return found(self._conversations.find_one(_mine(owner, conversation_id), shown))

    def skeleton(self, owner: str, conversation_id: str, named: int = 0) -> list[Document]:
        """All messages of a conversation, the oldest first, without what they say; `size` is in bytes.

        Where the conversation names a few messages they come whole, unless they are large (4 MiB together).
        """
        mine = _mine(owner, conversation_id)
        with translated():
            if 0 < named <= FEW and (rows := self._whole(mine)) is not None:
                return rows
            shown = {**SKELETON, "size": SIZE}
            return [identified(row) for row in self._messages.find(mine, shown).sort(OLDEST_FIRST)]

    def _whole(self, mine: Document) -> list[Document] | None:
        """The messages with what they say; None where there are more, or much more."""
        rows, size = list[Document](), 0
        shown = {**CONTENT, "size": SIZE}
        with self._messages.find(mine, shown, limit=FEW + 1).sort(OLDEST_FIRST) as cursor:
            for row in cursor:
                size += row["size"]
                if size > MOST_WHOLE_BYTES or len(rows) == FEW:
                    return None
                rows.append({**identified(row), WHOLE: True})
        return rows

    def contents(self, owner: str, conversation_id: str, message_ids: Sequence[str]) -> dict[str, Document]:
        """What these messages say, by their ids."""
        if not message_ids:
            return {}
        anyhow = {"$or": [by_id(each) for each in message_ids]}
        if len(message_ids) > 1:
            anyhow = {"$or": [{"messageId": {"$in": list(message_ids)}}, {"messageId": {"$in": [None, ""]}}]}
        with translated():
            rows = self._messages.find({**_mine(owner, conversation_id), **anyhow}, CONTENT)
            return {row["messageId"]: row for row in map(identified, rows)}

    def answer(self, owner: str, conversation_id: str, message_id: str) -> Document:
        """A message as it is stored, with parts that no model is sent; raises `NotFound`."""
        query = {**_mine(owner, conversation_id), **by_id(message_id)}
        with translated():
            return found(self._messages.find_one(query, {"text": 1, "content": 1, "attachments": 1}))

    def begin(self, owner: str, conversation_id: str, begun: Begun) -> None:
        """Store what begins. Raises `NotFound` when the conversation, or an answer that goes on, is gone."""
        mine = _mine(owner, conversation_id)
        before = None if begun.new or begun.continues else self._claimed(mine, begun)
        if before is None:
            before = self._claims.settled(lambda session: self._begin(mine, begun, session))
        self._counts.settle(owner, before, {"chatProjectId": begun.project_id})

    def _claimed(self, mine: Document, begun: Begun) -> Document | None:
        """The conversation as it was; None where this is not to be had without a transaction."""
        began, moment = time.monotonic(), now()
        messages = [chat_message(mine, each, {}, moment) for each in new_messages(begun)]
        keys = [ObjectId() for _ in messages]
        for each in messages:
            storable(each)
        with self._database.line() as line:
            before = self._claims.claim(line, mine, keys, _moved_up(begun, moment)) if keys else None
            if before is not None:
                life = _life(begun, before)
                made = [{**each, **life, "_id": key} for each, key in zip(messages, keys, strict=True)]
                self._claims.store(line, mine, made, began)
        return before

    def _begin(self, mine: Document, begun: Begun, session: Session) -> Document:
        inherited: Document = {}
        if not begun.new:
            inherited = found(
                self._conversations.find_one(mine, {**INHERITED, **LAST_NAMED}, session=session)
            )
            self._claims.check(inherited, mine, session)
        life, moment = _life(begun, inherited), now()
        messages = [chat_message(mine, each, life, moment) for each in new_messages(begun)]
        if begun.continues:
            self._reopen(mine, begun.answer["messageId"], session)
        if messages:
            # The messages first: a conversation never names one that is not there.
            self._messages.insert_many(messages, session=session)
        self._join(mine, begun, messages, life, session)
        return inherited

    def _reopen(self, mine: Document, message_id: str, session: Session) -> None:
        update = {"$set": {"unfinished": True, "error": False, "_meiliIndex": False, "updatedAt": now()}}
        if not self._messages.update_one(
            {**mine, **by_id(message_id)}, update, session=session
        ).matched_count:
            raise NotFound

    def _join(
        self, mine: Document, begun: Begun, messages: list[Document], life: Document, session: Session
    ) -> None:
        moment = now()
        update = {**_moved_up(begun, moment), "$push": naming([each["_id"] for each in messages])}
        if begun.new:
            belongs = self._belongs(mine, begun.project_id, session)
            update["$setOnInsert"] = {**chat_conversation(begun, life, moment), **belongs}
        joined = self._conversations.update_one(mine, update, upsert=begun.new, session=session)
        if not joined.matched_count and not begun.new:
            # Without transactions: it was deleted a moment ago.
            self._messages.delete_many({**mine, "_id": {"$in": [each["_id"] for each in messages]}})
            raise NotFound

    def _belongs(self, mine: Document, project_id: str | None, session: Session) -> Document:
        """What a new conversation of a project has; nothing where the owner has no such project."""
        if project_id is None or not ObjectId.is_valid(project_id):
            return {}
        project = {"_id": ObjectId(project_id), "user": mine["user"]}
        there = self._projects.find_one(project, {"_id": 1}, session=session)
        return {"chatProjectId": project_id} if there else {}

    def save_all(self, progress: Sequence[Progress]) -> None:
        """Store what many answers hold by now, whoever's they are; one that is gone stays so."""
        moment = now()
        writes: list[UpdateOne] = [
            UpdateOne(
                {**_mine(each.owner, each.conversation_id), "messageId": each.message_id},
                {"$set": {**answer_fields(each.fields), "updatedAt": moment, "_meiliIndex": False}},
            )
            for each in progress
        ]
        with translated():
            self._messages.bulk_write(writes, ordered=False)

    def finish(
        self, owner: str, conversation_id: str, message_id: str, fields: Mapping[str, Any]
    ) -> Document:
        """Store an answer as it stays; the whole conversation. Raises `NotFound` when either is gone."""
        mine, moment = _mine(owner, conversation_id), now()
        update = {"$set": {**answer_fields(fields), "updatedAt": moment, "_meiliIndex": False}}
        with translated():
            # Nobody misses the time of a change that is lost with the server; the answer waits for the journal.
            with self._database.line() as line:
                moved_up = {"$max": {"updatedAt": moment}}
                conversation = found(line.change(self._claims.unhurried, mine, moved_up, after=True))
            if not self._messages.update_one({**mine, **by_id(message_id)}, update).matched_count:
                raise NotFound
            self._counts.touch(owner, conversation)
            return conversation

    def give_title(self, owner: str, conversation_id: str, title: str) -> bool:
        """Title a conversation that has none yet; whether it had none."""
        query = {**_mine(owner, conversation_id), "title": {"$in": [None, "", UNTITLED]}}
        with translated():
            changed = self._conversations.update_one(query, {"$set": {"title": title, "_meiliIndex": False}})
        return changed.modified_count == 1


def _moved_up(begun: Begun, moment: datetime) -> Document:
    """What a run changes in its conversation when it begins, besides what that names."""
    settings = {name: begun.settings[name] for name in SETTINGS if name in begun.settings}
    update: Document = {"$max": {"updatedAt": moment}, "$set": {**settings, "_meiliIndex": False}}
    if begun.file_ids:
        update["$addToSet"] = {"files": {"$each": list(begun.file_ids)}}
    return update


def _life(begun: Begun, conversation: Mapping[str, Any]) -> Document:
    """How long the messages of a conversation are kept."""
    return {
        "isTemporary": begun.expires_at is not None or bool(conversation.get("isTemporary")),
        "expiredAt": begun.expires_at or conversation.get("expiredAt"),
    }


def _mine(owner: str, conversation_id: str) -> Document:
    return {"user": owner, "conversationId": conversation_id}
