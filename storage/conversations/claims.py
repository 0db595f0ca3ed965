"""Messages on their way into a conversation that is there: named first, stored next, without a transaction.

One write to the conversation names the message, moves the conversation up and gives what it was before; then the
message is stored, and only that waits for the journal. A process that dies between the two leaves a name without a
message, which no reader looks at. Whoever deletes looks for such names: while a message is on its way, neither
its conversation nor the message that it hangs on goes.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from storage.conversations.shapes import INHERITED
from storage.core.database import Database, Document
from storage.core.errors import Unavailable
from storage.core.lines import Line
from storage.core.translation import translated

Session = ClientSession | None
T = TypeVar("T")
# So many messages are named by a conversation, the newest ones: each write to it writes the list anew. LibreChat
# makes the list of all anew at each of its own saves, and reads it nowhere.
MOST_NAMED = 500
# A message is stored a few milliseconds after it was named. One that is not there after this time was given up.
PATIENCE_SECONDS = 2.0
# Who takes half as long to store one looks whether it was given up.
DOUBT_SECONDS = PATIENCE_SECONDS / 2
PAUSE_SECONDS = 0.002
# How many of the last names are looked at; a name that is older than this is of a message that was there once.
LAST_NAMES = 64
AGE = timedelta(minutes=10)
# MongoDB's code for an addition to what is no list.
BAD_VALUE = 2
# What a claim gives of the conversation as it was.
BEFORE: Document = {**INHERITED, "updatedAt": 1, "messages": {"$slice": -1}}
NOTHING = {"_id": 1}
# What tells whether messages are on their way into a conversation.
LAST_NAMED: Document = {"messages": {"$slice": -LAST_NAMES}}


class OnTheirWay(Exception):
    """Messages are named that are not stored yet."""

    def __init__(self, mine: Document, keys: Sequence[Any]) -> None:
        self.mine, self.keys = mine, list(keys)
        super().__init__("messages are on their way")


class Claims:
    """Names and stores messages; `mine` is a conversation by its owner and its id."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversations = database.collection("conversations")
        # For writes that wait for no journal. A name that is lost with the server is one that nobody needs: its
        # message comes later in the journal.
        self.unhurried = self._conversations.with_options(write_concern=WriteConcern(w=1, j=False))
        self._messages = database.collection("messages")

    def claim(
        self,
        line: Line,
        mine: Document,
        keys: Sequence[ObjectId],
        update: Mapping[str, Any],
        after: Any = None,
    ) -> Document | None:
        """Name the messages, the last thing that `mine` names being in `messages` of what it was before.

        None where there is no such conversation, where it does not name `after`, or where its names are no list: then
        nothing has changed.
        """
        try:
            with translated():
                return line.change(
                    self.unhurried,
                    mine if after is None else {**mine, "messages": after},
                    {**update, "$push": naming(keys)},
                    BEFORE,
                    take_back=lambda: self._unname(mine, keys),
                )
        except OperationFailure as error:
            if error.code != BAD_VALUE:
                raise
            return None

    def store(
        self,
        line: Line,
        mine: Document,
        messages: Sequence[Document],
        began: float,
        *,
        update: Document | None = None,
    ) -> None:
        """Store messages that were claimed, which `began` at that moment of the monotonic clock.

        The `line` is given back. Raises what MongoDB refuses, and then nothing is named; `Unavailable` where it took
        so long that they may have been given up.
        """
        try:
            with line, translated():
                if update is not None:
                    line.change(self.unhurried, mine, update, NOTHING)
                was_sent_twice = line.insert(self._messages, messages)
        except Unavailable:
            # It may have been stored.
            raise
        except BaseException:
            self._take_back(mine, messages)
            raise
        # In between, somebody may have found the message there, and deleted it with its conversation.
        if was_sent_twice or time.monotonic() - began > DOUBT_SECONDS:
            self._check_not_given_up(mine, messages)

    def _check_not_given_up(self, mine: Document, messages: Sequence[Document]) -> None:
        with translated():
            named = self._conversations.find_one({**mine, "messages": messages[-1]["_id"]}, {"_id": 1})
        if named is None:
            self._take_back(mine, messages)
            raise Unavailable("a message took too long, and was given up")

    def _take_back(self, mine: Document, messages: Sequence[Document]) -> None:
        keys = [each["_id"] for each in messages]
        with translated():
            self._messages.delete_many({**mine, "_id": {"$in": keys}})
        self.give_back(mine, keys)

    def give_back(self, mine: Document, keys: Sequence[Any]) -> None:
        """Name the messages no more: they will not come."""
        with translated():
            self._unname(mine, keys)

    def _unname(self, mine: Document, keys: Sequence[Any]) -> None:
        self.unhurried.update_one(mine, {"$pull": {"messages": {"$in": list(keys)}}})

    def check(self, conversation: Mapping[str, Any] | None, mine: Document, session: Session) -> None:
        """Raise `OnTheirWay` if the conversation, as it has `LAST_NAMED`, names messages that are still to come."""
        if coming := self._coming(conversation, mine, session):
            raise OnTheirWay(mine, coming)

    def _coming(
        self, conversation: Mapping[str, Any] | None, mine: Document, session: Session
    ) -> list[ObjectId]:
        names = (conversation or {}).get("messages")
        oldest = datetime.now(UTC) - AGE
        young = [
            each
            for each in (names if isinstance(names, list) else ())
            if isinstance(each, ObjectId) and each.generation_time > oldest
        ]
        if not young:
            return []
        query = {"_id": {"$in": young}, **mine}
        there = {each["_id"] for each in self._messages.find(query, {"_id": 1}, session=session)}
        return [each for each in young if each not in there]

    def await_stored(self, mine: Document, keys: Sequence[Any]) -> None:
        """Wait for messages that are named; those that do not come in time are given up."""
        until = time.monotonic() + PATIENCE_SECONDS
        while coming := self._coming({"messages": list(keys)}, mine, None):
            if time.monotonic() > until:
                self.give_back(mine, coming)
                return
            time.sleep(PAUSE_SECONDS)

    def settled(self, work: Callable[[Session], T], *, seconds: float | None = None) -> T:
        """What `Database.atomically` gives for work that calls `check`: once nothing is on its way any more.

        What does not come in time is given up: it is named no more, and whoever stores it late takes it back.
        """
        waited: dict[Any, float] = {}
        while True:
            try:
                return self._database.atomically(work, seconds=seconds)
            except OnTheirWay as found:
                now = time.monotonic()
                late = [each for each in found.keys if now - waited.setdefault(each, now) > PATIENCE_SECONDS]
                if late:
                    self.give_back(found.mine, late)
                time.sleep(PAUSE_SECONDS)


def naming(keys: Sequence[Any]) -> Document:
    """What is to be pushed to a conversation so that it names these messages."""
    return {"messages": {"$each": list(keys), "$slice": -MOST_NAMED}}


class Ends:
    """Which messages this process has stored last in conversations: their keys and ids, which never change."""

    MOST = 4096

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[ObjectId, str]] = {}
        self._lock = threading.Lock()

    def note(self, mine: Document, message: Mapping[str, Any]) -> None:
        """A message was stored."""
        place = mine["user"], mine["conversationId"]
        with self._lock:
            self._last.pop(place, None)
            self._last[place] = message["_id"], message["messageId"]
            if len(self._last) > self.MOST:
                del self._last[next(iter(self._last))]

    def of(self, mine: Document) -> tuple[ObjectId, str] | None:
        """The last one's key and id, if this process knows of one; others may have stored more."""
        return self._last.get((mine["user"], mine["conversationId"]))
