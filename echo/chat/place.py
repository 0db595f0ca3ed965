"""Where in a conversation a run stands: which question is asked, after which messages, into which answer."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo.chat.history import branch_of
from echo.chat.request import Asked, Edited
from echo.conversations.message_text import is_from_user, message_text
from storage.conversations.chats import ChatRepository
from storage.conversations.messages import NO_PARENT
from storage.core.errors import NotFound, UnknownParent

Json = dict[str, Any]
Document = Mapping[str, Any]
# How clients say that there is no conversation yet.
NEW = (None, "", "new", "null")
QUESTION = ("messageId", "parentMessageId", "tokenCount", "files")


@dataclass(frozen=True)
class Place:
    """A question and the messages before it; `before` has the parts of an answer that goes on.

    That is the stored one, or with `is_edited` a copy of it that the model has not been told of.
    """

    branch: Sequence[Document]
    question: Json
    answer_id: str
    is_new_question: bool
    before: list[Json] | None = None
    is_edited: bool = False
    # What tools have shown beside those parts.
    attachments: tuple[Json, ...] = ()


class Places:
    """Finds places in one conversation, as it is stored; empty for one that begins."""

    def __init__(self, chats: ChatRepository, owner: str, conversation: Document) -> None:
        self._chats = chats
        self._owner = owner
        self._conversation_id = conversation.get("conversationId")
        self._named = int(conversation.get("named", 0))

    def find(self, asked: Asked) -> Place:
        """The place that a request means. Raises `UnknownParent`, `NotFound` for an answer that is to go on."""
        skeleton: Sequence[Document] = []
        if self._conversation_id:
            skeleton = self._chats.skeleton(self._owner, self._conversation_id, self._named)
        if asked.is_continued:
            return self._going_on(asked, skeleton)
        if asked.is_regenerate:
            return self._once_more(asked, skeleton)
        parent = asked.parent_message_id or (skeleton[-1]["messageId"] if skeleton else NO_PARENT)
        branch = branch_of(skeleton, parent)
        if parent != NO_PARENT and not branch:
            raise UnknownParent
        question = {
            "messageId": str(uuid.uuid4()),
            "parentMessageId": parent,
            "sender": "User",
            "text": asked.text,
            "isCreatedByUser": True,
        }
        return Place(branch, question, str(uuid.uuid4()), is_new_question=True)

    def _once_more(self, asked: Asked, skeleton: Sequence[Document]) -> Place:
        """Another answer to a question that is there; the question of an answer, where that is named."""
        branch = branch_of(skeleton, asked.override_parent_message_id or asked.parent_message_id or "")
        while branch and not is_from_user(branch[-1]):
            branch.pop()
        if not branch:
            raise UnknownParent
        question = self._question(branch[-1]["messageId"])
        before = None if asked.edited is None else self._edited(asked, asked.edited, skeleton)
        return Place(branch, question, str(uuid.uuid4()), False, before, is_edited=before is not None)

    def _edited(self, asked: Asked, edited: Edited, skeleton: Sequence[Document]) -> list[Json]:
        """The parts of the answer that is edited, with the change; what cannot be changed stays as it is."""
        branch = branch_of_answer(asked, skeleton)
        if not branch:
            raise NotFound
        stored = self._chats.answer(self._owner, str(self._conversation_id), branch[-1]["messageId"])
        parts = parts_of(stored)
        if edited.index < len(parts) and parts[edited.index].get("type") == edited.kind:
            parts[edited.index] = {**parts[edited.index], edited.kind: edited.text}
        return parts

    def _going_on(self, asked: Asked, skeleton: Sequence[Document]) -> Place:
        """An answer that goes on where it ended."""
        branch = branch_of_answer(asked, skeleton)
        if len(branch) < 2 or is_from_user(branch[-1]):
            raise NotFound
        answer_id = branch[-1]["messageId"]
        question = self._question(branch[-2]["messageId"])
        # All of it: what is not of Echo's making, such as calls of tools, is stored again with what is added.
        stored = self._chats.answer(self._owner, str(self._conversation_id), answer_id)
        attached = stored.get("attachments")
        kept = tuple(attached) if isinstance(attached, list) else ()
        return Place(branch, question, answer_id, False, parts_of(stored), attachments=kept)

    def _question(self, message_id: str) -> Json:
        stored = self._read(message_id)
        return {
            "parentMessageId": NO_PARENT,
            **{name: stored[name] for name in QUESTION if stored.get(name)},
            "sender": "User",
            "text": message_text(stored),
            "isCreatedByUser": True,
        }

    def _read(self, message_id: str) -> Document:
        found = self._chats.contents(self._owner, str(self._conversation_id), [message_id])
        if message_id not in found:
            # Deleted a moment ago.
            raise NotFound
        return found[message_id]


def branch_of_answer(asked: Asked, skeleton: Sequence[Document]) -> Sequence[Document]:
    """The answer that is named, and what is before it; nothing where it is not there.

    LibreChat's client appends an underscore to the id of an answer that it asks to go on.
    """
    named = asked.response_message_id or ""
    return branch_of(skeleton, named) or branch_of(skeleton, named.rstrip("_"))


def parts_of(message: Document) -> list[Json]:
    """The parts of a stored answer."""
    content = message.get("content")
    if isinstance(content, list) and content:
        return [dict(part) for part in content if isinstance(part, Mapping)]
    text = message_text(message)
    return [{"type": "text", "text": text}] if text else []
