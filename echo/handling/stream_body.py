"""Response bodies that are made while they are sent."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StreamBody:
    """What a handler returns to send a file that is not there yet: pieces, none of them empty, and what to call it.

    Each piece is made in a thread of the operation's pool, and only once the one before it has left. An error in the
    middle breaks the connection, so that the client does not take a part for the whole. `held` is how many bytes it
    has in memory at a time.
    """

    pieces: Iterator[bytes]
    content_type: str
    filename: str
    held: int


@dataclass(frozen=True)
class JsonItems:
    """What a handler returns to send a JSON array that memory should not hold: its items, some at a time.

    With `name` the body is an object: the array under that name, beside `others`. Sent like a `StreamBody`; each item
    is held against the contract when it is made. `held` is how many bytes the items of one portion have at most.
    """

    portions: Iterable[Sequence[Any]]
    held: int
    name: str | None = None
    others: Mapping[str, Any] = field(default_factory=dict)
