"""Which part of a conversation a link shows: LibreChat's rule, over outlines of all messages."""

from collections.abc import Sequence

from storage.conversations.forks import Tree, created
from storage.conversations.messages import NO_PARENT
from storage.core.database import Document


def up_to_level(messages: Sequence[Document], target_id: str) -> list[Document]:
    """The messages of every level down to that of the target, in the order given.

    None where the target is not there, or no root leads to it: never more than was meant to be shown.
    """
    tree = Tree(messages)
    level = [
        name for name, each in tree.by_id.items() if (each.get("parentMessageId") or NO_PARENT) == NO_PARENT
    ]
    chosen: set[str] = set()
    while level:
        chosen.update(level)
        if target_id in chosen:
            return [each for each in messages if each["messageId"] in chosen]
        level = [child for name in level for child in tree.children(name) if child not in chosen]
    return []


def newest_below(messages: Sequence[Document], message_id: str) -> str:
    """The end of the branch that goes on from a message: of several answers the newest each time."""
    tree, passed = Tree(messages), {message_id}
    while below := [child for child in tree.children(message_id) if child not in passed]:
        # Of equally new ones the last.
        message_id = max(reversed(below), key=lambda name: created(tree.by_id[name]))
        passed.add(message_id)
    return message_id
