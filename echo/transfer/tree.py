"""Trees of messages of any shape and depth, made good: no unknown parents, no cycles, questions before answers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from echo.transfer.model import ImportedConversation, ImportedMessage

MILLISECOND = timedelta(milliseconds=1)


class Forest:
    """Names with their parents as a forest; an unknown parent makes a root, and a cycle is cut open."""

    def __init__(self, parents: Mapping[str, str | None]) -> None:
        self.roots: list[str] = []
        self.children: dict[str, list[str]] = {}
        for name, parent in parents.items():
            if parent is None or parent not in parents:
                self.roots.append(name)
            else:
                self.children.setdefault(parent, []).append(name)
        self._cut_cycles(parents)

    def _cut_cycles(self, parents: Mapping[str, str | None]) -> None:
        reached = {name for name, _ in self.preorder()}
        for name in parents:
            if name in reached:
                continue
            # Above whatever no root reaches there is a cycle.
            seen: set[str] = set()
            while name not in seen:
                seen.add(name)
                name = str(parents[name])  # noqa: PLW2901 - one step up
            self.children[str(parents[name])].remove(name)
            self.roots.append(name)
            reached.update(each for each, _ in self._below(name))

    def preorder(self) -> Iterator[tuple[str, int]]:
        """Every name, each before its children, with its depth; a root is at 0."""
        for root in self.roots:
            yield from self._below(root)

    def _below(self, root: str) -> Iterator[tuple[str, int]]:
        pending = [(root, 0)]
        while pending:
            name, depth = pending.pop()
            yield name, depth
            pending += ((child, depth + 1) for child in reversed(self.children.get(name, ())))


def arranged(conversation: ImportedConversation, fallback: datetime) -> list[ImportedMessage]:
    """The messages, the oldest first, with parents that are there and with dates.

    Dates are the source's. Where one is missing, it is the parent's, the conversation's or `fallback`; a message that
    is not newer than its parent becomes so by a millisecond, as in LibreChat.
    """
    messages = {message.source_id: message for message in reversed(conversation.messages)}
    messages = dict(reversed(messages.items()))
    parents = {
        name: nearest(message.parent, messages, conversation.passed_over)
        for name, message in messages.items()
    }
    forest = Forest(parents)
    roots, made = set(forest.roots), dict[str, ImportedMessage]()
    for name, _ in forest.preorder():
        parent = None if name in roots else made[str(parents[name])]
        made[name] = _dated(messages[name], parent, conversation.created_at or fallback)
    places = {name: place for place, name in enumerate(messages)}
    return sorted(made.values(), key=lambda each: (each.created_at, places[each.source_id]))


def nearest(parent: str | None, messages: Iterable[str], passed_over: Mapping[str, str | None]) -> str | None:
    """The first of a node and those above it that is a message."""
    seen: set[str] = set()
    while parent is not None and parent not in messages and parent not in seen:
        seen.add(parent)
        parent = passed_over.get(parent)
    return parent


def _dated(message: ImportedMessage, parent: ImportedMessage | None, begun: datetime) -> ImportedMessage:
    moment = message.created_at
    if parent is None or parent.created_at is None:
        moment = moment or begun
    else:
        earliest = parent.created_at + MILLISECOND
        moment = max(moment or earliest, earliest)
    updated = max(moment, message.updated_at or moment)
    return replace(
        message, parent=parent.source_id if parent else None, created_at=moment, updated_at=updated
    )
