"""Conversations together with their messages: posting, editing, deleting; see `copies` for forks.

A message of a conversation that is there is claimed and stored (`claims`). What else belongs together is written in
one transaction where the deployment has some. Every change of a message also writes its conversation, so that two
changes of one conversation never overlap: the later one runs again on what the earlier one left. Where there are no
transactions, the order of the writes leaves nothing broken if the process dies between them. What is counted of a
conversation elsewhere is counted after the change.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymongo import ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.errors import DuplicateKeyError

from storage.conversations.additions import NEWEST_FIRST, Additions, Make, moved_up
from storage.conversations.claims import LAST_NAMED, naming
from storage.conversations.counts import Counts
from storage.conversations.messages import NO_PARENT, by_id, identified
from storage.conversations.messages import SHOWN as MESSAGE_SHOWN
from storage.conversations.search_states import SearchStateRepository
from storage.conversations.shapes import INHERITED, edited, new_conversation, new_message
from storage.core.database import Database, Document
from storage.core.errors import Conflict, UnknownParent
from storage.core.finding import find_one_at_once
from storage.core.lines import Line
from storage.core.repository import found, now
from storage.core.translation import translated

Session = ClientSession | None
ATTEMPTS = 10
PLACED = {"messageId": 1, "conversationId": 1}


class ThreadRepository:
    """What spans the two collections. `shown` is what there is of a message that is answered."""

    def __init__(self, database: Database, *, shown: Mapping[str, Any] = MESSAGE_SHOWN) -> None:
        self._database = database
        self._shown = shown
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")
        self._counts = Counts(database)
        self._searches = SearchStateRepository(database)
        self._additions = Additions(database)

    def put(
        self,
        owner: str,
        conversation_id: str,
        message_id: str,
        *,
        text: str,
        sender: str,
        token_count: int,
        **others: Any,
    ) -> Document:
        """Store a message under an id that its client made, in a conversation that is there: LibreChat's way to post.

        One that is there already gets the text. `others` are more arguments of `post`. Raises `NotFound`, `Conflict`
        when another conversation of the owner's has the id, `UnknownParent`, `InvalidDocument`.
        """
        mine = {"user": owner, "conversationId": conversation_id}
        parent_id = others.get("parent_message_id")
        with self._database.line() as line:
            there = self._of_ids(line, owner, [message_id, *([parent_id] if parent_id else ())])
            if message_id not in there:
                parent = there.get(str(parent_id), {})
                known = parent.get("_id") if parent.get("conversationId") == conversation_id else None
                more = {**others.pop("more", {}), "messageId": message_id}
                fields = {"text": text, "model": others.pop("model", None), "tokenCount": token_count}
                others |= {"parent_key": known, "begins": False, "line": line}
                return self._add(mine, sender, fields, more=more, **others)
        self._demand(mine)
        if there[message_id].get("conversationId") != conversation_id:
            raise Conflict("messageId")
        return self.edit(owner, conversation_id, message_id, text=text, token_count=token_count)

    def _of_ids(self, line: Line, owner: str, message_ids: Sequence[str]) -> dict[str, Document]:
        """Which of these the owner has, and in which conversations."""
        wanted = {"user": owner, "messageId": {"$in": message_ids}}
        with translated():
            rows = line.find(self._messages, wanted, PLACED, most=2 * len(message_ids))
        return {row["messageId"]: row for row in rows}

    def _demand(self, mine: Document) -> None:
        """Raise `NotFound` where the conversation is not there."""
        with translated():
            found(find_one_at_once(self._conversations, mine, {"_id": 1}))

    def post(
        self,
        owner: str,
        conversation_id: str,
        *,
        text: str,
        sender: str,
        token_count: int,
        parent_message_id: str | None = None,
        model: str | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> Document:
        """Add a message; a conversation that the owner does not have yet begins with it.

        Without a parent it follows the newest message. `more` are fields in place of what the document would have.
        Raises `UnknownParent`, `InvalidDocument`.
        """
        mine = {"user": owner, "conversationId": conversation_id}
        fields = {"text": text, "model": model, "tokenCount": token_count}
        return self._add(mine, sender, fields, parent_message_id=parent_message_id, more=more)

    def _add(
        self,
        mine: Document,
        sender: str,
        fields: Document,
        *,
        parent_message_id: str | None = None,
        more: Mapping[str, Any] | None = None,
        parent_key: Any = None,
        begins: bool = True,
        line: Line | None = None,
    ) -> Document:
        """As `post`; with the parent's key where that is known, and whether a conversation may begin with it."""

        def make(parent: str, conversation: Mapping[str, Any]) -> Document:
            return {**new_message(mine, parent, sender, fields, conversation), **(more or {})}

        try:
            added = self._additions.add(mine, parent_message_id, make, parent_key, line)
        except UnknownParent:
            if not begins:
                self._demand(mine)
            raise
        if added is None:
            if not begins:
                self._demand(mine)
            added = self._attempt(lambda session: self._write(mine, parent_message_id, make, session))
        message, conversation = added
        self._additions.ends.note(mine, message)
        self._counts.touch(mine["user"], conversation)
        return message

    def _write(
        self, mine: Document, parent_message_id: str | None, make: Make, session: Session
    ) -> tuple[Document, Document]:
        """The message, in a conversation that may begin with it, and the conversation as it was."""
        shown = {**INHERITED, **LAST_NAMED}
        before = self._conversations.find_one(mine, shown, session=session)
        self._additions.claims.check(before, mine, session)
        parent = self._parent(mine, parent_message_id, session)
        message = make(parent, before or {})
        # The message first: a conversation never names one that is not there.
        self._messages.insert_one(message, session=session)
        self._join(mine, message, session)
        return message, before or {}

    def _attempt(self, write: Callable[[Session], tuple[Document, Document]]) -> tuple[Document, Document]:
        for _ in range(ATTEMPTS):
            try:
                return self._additions.claims.settled(write)
            except Conflict:
                # Two transactions began the same conversation. The next attempt finds the other's.
                continue
        return self._additions.claims.settled(write)

    def _parent(self, mine: Document, parent_message_id: str | None, session: Session) -> str:
        if parent_message_id == NO_PARENT:
            return NO_PARENT
        query = mine if parent_message_id is None else {**mine, **by_id(parent_message_id)}
        parent = self._messages.find_one(query, {"messageId": 1}, sort=NEWEST_FIRST, session=session)
        if parent is not None:
            name: str = identified(parent)["messageId"]
            return name
        if parent_message_id is None:
            return NO_PARENT
        raise UnknownParent

    def _join(self, mine: Document, message: Document, session: Session) -> None:
        """Add the message to its conversation, which is made where it is missing."""
        update = {
            **moved_up(message),
            "$push": naming([message["_id"]]),
            "$setOnInsert": new_conversation(message),
        }
        try:
            self._conversations.update_one(mine, update, upsert=True, session=session)
        except DuplicateKeyError:
            # Another writer has just made it; a transaction is lost with that, a single write is not.
            if session is not None:
                raise
            self._conversations.update_one(mine, update, upsert=True)

    def edit(
        self, owner: str, conversation_id: str, message_id: str, *, text: str, token_count: int
    ) -> Document:
        """Change a message's text; raises `NotFound`, `InvalidDocument`."""
        mine = {"user": owner, "conversationId": conversation_id}
        conversation: Document = {}

        def change(session: Session) -> Document:
            moment = now()
            message = found(
                self._messages.find_one_and_update(
                    {**mine, **by_id(message_id)},
                    [{"$set": edited(text, token_count, moment)}],
                    projection=self._shown,
                    return_document=ReturnDocument.AFTER,
                    session=session,
                )
            )
            conversation.update(self._touch(mine, {"$max": {"updatedAt": moment}}, session))
            return identified(message)

        changed = self._database.atomically(change)
        self._counts.touch(owner, conversation)
        return changed

    def _touch(self, mine: Document, update: Document, session: Session) -> Document:
        """Write to the conversation; what is counted of it, and what it named last."""
        shown = {"chatProjectId": 1, **LAST_NAMED}
        return self._conversations.find_one_and_update(mine, update, projection=shown, session=session) or {}

    def delete_message(self, owner: str, conversation_id: str, message_id: str) -> None:
        """Delete a message and hang its children on its parent; raises `NotFound`."""
        mine = {"user": owner, "conversationId": conversation_id}
        conversation: Document = {}

        def remove(session: Session) -> None:
            query = {**mine, **by_id(message_id)}
            message = found(self._messages.find_one(query, {"parentMessageId": 1}, session=session))
            update = {"$pull": {"messages": message["_id"]}, "$max": {"updatedAt": now()}}
            touched = self._touch(mine, update, session)
            # One that is on its way may hang on this one.
            self._additions.claims.check(touched, mine, session)
            # The children first: they are never without a parent that is there.
            self._messages.update_many(
                {**mine, "parentMessageId": message_id},
                {"$set": {"parentMessageId": message.get("parentMessageId") or NO_PARENT}},
                session=session,
            )
            conversation.update(touched)
            self._messages.delete_one(query, session=session)

        self._additions.claims.settled(remove)
        self._counts.touch(owner, conversation)
        with translated():
            self._searches.mark(owner)
