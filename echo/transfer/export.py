"""An owner's conversations as LibreChat's export JSON: pieces of bytes, made from the database one by one."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Any

import orjson

from echo.transfer.librechat import SETTINGS
from echo.transfer.tree import Forest
from storage.conversations.exports import ExportRepository, Outline
from storage.core.portions import by_bytes

CONVERSATIONS_AT_ONCE = 50
MESSAGES_AT_ONCE = 200
BYTES_AT_ONCE = 4 * 1024 * 1024
# What of a message LibreChat's client shows, and so exports. Files are named and not contained.
MESSAGE_FIELDS = (
    *("messageId", "conversationId", "parentMessageId", "sender", "isCreatedByUser", "text", "content"),
    *("model", "endpoint", "iconURL", "tokenCount", "unfinished", "error", "finish_reason", "feedback"),
    *("files", "attachments", "quotes", "createdAt", "updatedAt"),
)
OPTIONS = ("endpoint", "model", *SETTINGS, "createdAt", "updatedAt")


class Exported:
    """One conversation: what to call it, and its JSON in pieces, to be taken before the next conversation's."""

    def __init__(self, conversation: Mapping[str, Any], pieces: Iterator[bytes]) -> None:
        self.title = str(conversation.get("title") or "")
        changed = conversation.get("updatedAt")
        self.changed = changed if isinstance(changed, datetime) else datetime.now(UTC)
        self.pieces = pieces


class Export:
    """The conversations of an owner, as they are when this is made; raises `Unavailable` when that cannot be read."""

    def __init__(self, repository: ExportRepository, owner: str) -> None:
        self._repository = repository
        self._owner = owner
        keys = repository.conversation_keys(owner)
        self._keys = chain([next(keys, [])], keys)

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return self._repository.count(self._owner)

    def conversations(self) -> Iterator[Exported]:
        """The conversations one after the other. Raises `Unavailable` in the middle, too."""
        for some in self._portions():
            names = [each["conversationId"] for each in some]
            outlines = self._repository.outlines(self._owner, names)
            trees = [_Tree(outlines.get(name, ())) for name in names]
            bodies = self._bodies([outline for tree in trees for outline in tree.outlines])
            for conversation, tree in zip(some, trees, strict=True):
                yield Exported(conversation, _conversation_pieces(conversation, tree, bodies))

    def _portions(self) -> Iterator[list[dict[str, Any]]]:
        for keys in self._keys:
            for begin in range(0, len(keys), CONVERSATIONS_AT_ONCE):
                some = keys[begin : begin + CONVERSATIONS_AT_ONCE]
                yield from self._repository.conversations(self._owner, some)

    def _bodies(self, outlines: Sequence[Outline]) -> Iterator[Mapping[str, Any] | None]:
        """The messages in the order of their outlines, None for one that is gone; some are read at a time."""
        sizes = ((outline.key, outline.size) for outline in outlines)
        for keys in by_bytes(sizes, BYTES_AT_ONCE, MESSAGES_AT_ONCE):
            found = self._repository.messages(self._owner, keys)
            yield from (found.get(key) for key in keys)


class _Tree:
    """The messages of a conversation in the order in which a tree names them, each with its depth."""

    def __init__(self, outlines: Sequence[Outline]) -> None:
        by_name = {outline.message_id: outline for outline in outlines}
        forest = Forest({name: outline.parent for name, outline in by_name.items()})
        ordered = list(forest.preorder())
        self.outlines = [by_name[name] for name, _ in ordered]
        self.depths = [depth for _, depth in ordered]


def _conversation_pieces(
    conversation: Mapping[str, Any], tree: _Tree, bodies: Iterator[Mapping[str, Any] | None]
) -> Iterator[bytes]:
    head = {
        "conversationId": conversation["conversationId"],
        "endpoint": conversation.get("endpoint"),
        "title": conversation.get("title"),
        "exportAt": datetime.now(UTC),
        "branches": True,
        "recursive": True,
        "options": {name: conversation[name] for name in OPTIONS if conversation.get(name) is not None},
    }
    yield _json(head)[:-1] + b',"messages":['
    yield from _tree_pieces(tree, bodies)
    yield b"]}"


def _tree_pieces(tree: _Tree, bodies: Iterator[Mapping[str, Any] | None]) -> Iterator[bytes]:
    """The messages within each other, however deep: a message is left open until none below it is to come."""
    open_until = -1
    # Where in the tree each depth is written: what hung on a message that is gone moves up.
    written = [-1]
    for outline, depth in zip(tree.outlines, tree.depths, strict=True):
        body = next(bodies)
        del written[depth + 1 :]
        place = written[depth] + (body is not None)
        written.append(place)
        if body is None:
            continue
        ended = open_until - place + 1
        closing = b"]}" * ended + b"," if ended > 0 else b""
        yield closing + _message(outline, body)[:-1] + b',"children":['
        open_until = place
    yield b"]}" * (open_until + 1)


def _message(outline: Outline, body: Mapping[str, Any]) -> bytes:
    fields = {name: body[name] for name in MESSAGE_FIELDS if body.get(name) is not None}
    return _json({**fields, "messageId": outline.message_id})


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError as error:
        # orjson takes Ctrl-C in the middle of `_default` for a value that it cannot write.
        if isinstance(error.__cause__, KeyboardInterrupt):
            raise error.__cause__ from None
        raise


def _default(value: Any) -> Any:
    """Times as JavaScript prints them; what else JSON does not have as text."""
    if isinstance(value, datetime):
        return f"{value.isoformat('T', 'milliseconds')[:23]}Z"
    return None if isinstance(value, bytes) else str(value)
