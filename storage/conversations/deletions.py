"""Deleting conversations with all that belongs to them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bson import ObjectId
from pymongo.client_session import ClientSession

from storage.conversations.claims import LAST_NAMED, Claims
from storage.conversations.counts import Counts
from storage.conversations.search_parts import SearchPartRepository
from storage.conversations.search_states import SearchStateRepository
from storage.core.database import PATIENT_SECONDS, Database, Document
from storage.core.errors import NotFound
from storage.core.translation import translated

Session = ClientSession | None
# Conversations that go in one transaction.
AT_ONCE = 20
WHAT_COUNTS = {"conversationId": 1, "chatProjectId": 1, "tags": 1, **LAST_NAMED}
# Of conversations whose runs LibreChat could resume; found by the conversation's id.
CHECKPOINTS = ("agent_checkpoints", "agent_checkpoint_writes")


@dataclass
class Deleted:
    """What has gone: conversations by their ids, and how many messages."""

    conversation_ids: list[str] = field(default_factory=list)
    messages: int = 0


class DeletionRepository:
    """Deletes conversations: their messages, links for others, tool calls, responses of programs, and what
    subagents said in them.

    What counts them, bookmarks and projects, is counted again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._conversations = database.collection("conversations")
        self._messages = database.collection("messages")
        self._counts = Counts(database)
        self._claims = Claims(database)
        self._searches = SearchStateRepository(database)
        self._search_parts = SearchPartRepository(database)

    def delete(self, owner: str, conversation_id: str) -> Deleted:
        """Delete a conversation; raises `NotFound`."""
        with self._database.patiently():
            deleted = self._delete_all(owner, {"conversationId": conversation_id})
        if not deleted.conversation_ids:
            raise NotFound
        with translated():
            self._searches.mark(owner)
        return deleted

    def delete_all(self, owner: str) -> Deleted:
        """Delete every conversation of the owner; none is no error."""
        with self._database.patiently():
            deleted = self._delete_all(owner, {})
            with translated():
                self._searches.remove_all(owner)
                self._search_parts.remove_all(owner)
            return deleted

    def _delete_all(self, owner: str, wanted: Document) -> Deleted:
        deleted, gone = Deleted(), list[Document]()
        while wave := self._found(owner, wanted):
            for some in _portions(wave):
                conversations, messages = self._delete(owner, some)
                gone += conversations
                deleted.messages += messages
            # What LibreChat's subagents made meanwhile goes too: none begins one below what is gone.
            wanted = {"subagentThread.parentConversationId": {"$in": wave}}
        deleted.conversation_ids = [each["conversationId"] for each in gone]
        self._counts.settle(owner, *gone, tags=True)
        return deleted

    def _found(self, owner: str, wanted: Document) -> list[str]:
        query = {"user": owner, "conversationId": {"$type": "string"}, "$and": [wanted]}
        with translated():
            return [each["conversationId"] for each in self._conversations.find(query, {"conversationId": 1})]

    def _delete(self, owner: str, ids: Sequence[str]) -> tuple[list[Document], int]:
        """The conversations that nobody else has deleted by now, and how many messages they had."""

        def remove(session: Session) -> tuple[list[Document], int]:
            mine = {"user": owner, "conversationId": {"$in": list(ids)}}
            there = list(self._conversations.find(mine, WHAT_COUNTS, session=session))
            for each in there:
                # A message that is on its way would be left over.
                self._claims.check(each, {"user": owner, "conversationId": each["conversationId"]}, session)
            # The conversations last: after a crash they are still there to be deleted again.
            messages = self._messages.delete_many(mine, session=session).deleted_count
            self._remove_links(mine, session)
            self._database.collection("echo_responses").delete_many(mine, session=session)
            self._remove_traces(owner, ids, session)
            return [each for each in there if self._remove_one(owner, each["_id"], session)], messages

        return self._claims.settled(remove, seconds=PATIENT_SECONDS)

    def _remove_one(self, owner: str, key: ObjectId, session: Session) -> bool:
        """Delete a conversation by its key; whether it was still there."""
        gone = self._conversations.delete_one({"_id": key, "user": owner}, session=session)
        return gone.deleted_count == 1

    def _remove_traces(self, owner: str, ids: Sequence[str], session: Session) -> None:
        """Delete what tools were asked for, and what a run could be resumed from."""
        for name in CHECKPOINTS:
            traces = {"thread_id": {"$in": list(ids)}}
            self._database.collection(name).delete_many(traces, session=session)
        if ObjectId.is_valid(owner):
            calls = {"user": ObjectId(owner), "conversationId": {"$in": list(ids)}}
            self._database.collection("toolcalls").delete_many(calls, session=session)

    def _remove_links(self, mine: Document, session: Session) -> None:
        """Delete the links for others, and who was let in by them first."""
        links = self._database.collection("sharedlinks")
        ids = [each["_id"] for each in links.find(mine, {"_id": 1}, session=session)]
        if ids:
            grants = {"resourceType": "sharedLink", "resourceId": {"$in": ids}}
            self._database.collection("aclentries").delete_many(grants, session=session)
            links.delete_many({**mine, "_id": {"$in": ids}}, session=session)


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(ids), AT_ONCE):
        yield ids[begin : begin + AT_ONCE]
