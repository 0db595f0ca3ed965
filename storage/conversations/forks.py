"""Which messages a fork copies, and what the copies look like; pure functions over message documents.

The rules are LibreChat's: `directPath` takes the target and its ancestors, `includeBranches` also the other
children of those ancestors, `targetLevel` every message down to the target's depth. With `split_at_target` the
copy begins at the target's depth: the messages there become roots, and the option applies to the newest message
below the target, or to the one in its place that LibreChat's client names: the one that it shows last.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from bson import ObjectId

from storage.conversations.messages import NO_PARENT
from storage.core.database import Document
from storage.core.errors import NotFound
from storage.core.portions import SIZE
from storage.core.repository import now

# What a fork is made of, before any text is read: besides what the tree needs, the key of the original and its size.
ORIGINAL, BYTES = "original", "bytes"
OUTLINE: Document = {"messageId": 1, "parentMessageId": 1, "createdAt": 1, "updatedAt": 1, BYTES: SIZE}
DIRECT_PATH, INCLUDE_BRANCHES, TARGET_LEVEL = "directPath", "includeBranches", "targetLevel"


def select(
    messages: Sequence[Document],
    target_id: str,
    *,
    option: str = TARGET_LEVEL,
    split_at_target: bool = False,
    latest_id: str | None = None,
) -> list[Document]:
    """The messages to copy, in the order given. Raises `NotFound` when the target is not among them.

    With `split_at_target`, nor `latest_id` at the target's depth or below.
    """
    tree = Tree(messages)
    if target_id not in tree.by_id:
        raise NotFound
    if split_at_target:
        messages = tree.from_depth(tree.depth(target_id))
        tree = Tree(messages)
        target_id = latest_id or tree.latest_below(target_id)
        if target_id not in tree.by_id:
            raise NotFound
    if option == DIRECT_PATH:
        chosen = set(tree.path(target_id))
    elif option == INCLUDE_BRANCHES:
        ancestors = set(tree.path(target_id)) - {target_id}
        chosen = {target_id} | ancestors | {child for parent in ancestors for child in tree.children(parent)}
    else:
        deepest = tree.depth(target_id)
        chosen = {name for name in tree.by_id if tree.depth(name) <= deepest}
    return [message for message in messages if message["messageId"] in chosen]


class Tree:
    """The messages of a conversation as a forest; a parent that is not there makes a root, a cycle ends."""

    def __init__(self, messages: Iterable[Document]) -> None:
        self.by_id: dict[str, Document] = {message["messageId"]: message for message in messages}
        self._children: dict[str, list[str]] = {}
        for name in self.by_id:
            parent = self.parent(name)
            if parent is not None:
                self._children.setdefault(parent, []).append(name)
        self._depths = self._measure()

    def parent(self, message_id: str) -> str | None:
        """The parent, None for a root."""
        parent: str | None = self.by_id[message_id].get("parentMessageId")
        return parent if parent in self.by_id and parent != message_id else None

    def children(self, message_id: str) -> list[str]:
        """The answers to a message, in order."""
        return self._children.get(message_id, [])

    def path(self, message_id: str) -> list[str]:
        """The message and its ancestors, up to the root."""
        path: dict[str, None] = {}
        current: str | None = message_id
        while current is not None and current not in path:
            path[current] = None
            current = self.parent(current)
        return list(path)

    def depth(self, message_id: str) -> int:
        """How far below its root a message is; a root is at 0."""
        return self._depths.get(message_id, 0)

    def _measure(self) -> dict[str, int]:
        level, depth = [name for name in self.by_id if self.parent(name) is None], 0
        depths: dict[str, int] = {}
        while level:
            depths |= dict.fromkeys(level, depth)
            level = [child for name in level for child in self.children(name)]
            depth += 1
        return depths

    def from_depth(self, depth: int) -> list[Document]:
        """The messages at a depth and below; those at the depth itself as roots."""
        return [
            {**message, "parentMessageId": NO_PARENT} if self.depth(name) == depth else message
            for name, message in self.by_id.items()
            if self.depth(name) >= depth
        ]

    def latest_below(self, message_id: str) -> str:
        """The newest message among a message and its descendants; of equally new ones, the last in order."""
        below, open_ends = {message_id}, [message_id]
        while open_ends:
            open_ends = [child for name in open_ends for child in self.children(name) if child not in below]
            below.update(open_ends)
        # `max` keeps the first of equals.
        candidates = [name for name in reversed(self.by_id) if name in below]
        return max(candidates, key=self._moment)

    def _moment(self, message_id: str) -> datetime:
        return created(self.by_id[message_id])

    def parents_first(self) -> list[str]:
        """All messages, each after its parent, otherwise in the order given."""
        return sorted(self.by_id, key=self.depth)


def copies(messages: Sequence[Document], owner: str, conversation_id: str) -> list[Document]:
    """New documents with the same tree: new ids, own parents, the oldest first.

    Contents and times stay. Only a message that is not newer than its parent becomes so by a millisecond: LibreChat
    does the same, since an answer must not be listed before its question.
    """
    tree = Tree(messages)
    made: dict[str, Document] = {}
    for name in tree.parents_first():
        message = tree.by_id[name]
        parent = made.get(tree.parent(name) or NO_PARENT)
        moment = created(message)
        if parent is not None:
            moment = max(moment, parent["createdAt"] + timedelta(milliseconds=1))
        made[name] = {
            **message,
            "_id": ObjectId(),
            "messageId": str(uuid.uuid4()),
            "conversationId": conversation_id,
            "parentMessageId": NO_PARENT if parent is None else parent["messageId"],
            "user": owner,
            "createdAt": moment,
            "updatedAt": max(moment, updated(message) or moment),
            "_meiliIndex": False,
        }
    return sorted(made.values(), key=lambda copy: (copy["createdAt"], copy["_id"]))


def filled(copy: Document, original: Document) -> Document:
    """A copy that was made of an outline, with everything else that the original holds."""
    outline = {name: value for name, value in copy.items() if name not in (ORIGINAL, BYTES)}
    return {**original, **outline}


def created(message: Document) -> datetime:
    """When a message was written; one without a date counts as new, as in LibreChat."""
    moment = message.get("createdAt")
    return moment if isinstance(moment, datetime) else now()


def updated(message: Document) -> datetime | None:
    """When a message was last changed, if it says so."""
    moment = message.get("updatedAt")
    return moment if isinstance(moment, datetime) else None
