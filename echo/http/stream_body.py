"""A response body that is made while it is sent."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class StreamBody:
    """What a handler returns to send a file that is not there yet: pieces, none of them empty, and what to call it.

    Each piece is made in a thread of the operation's pool, and only once the one before it has left. An error in the
    middle breaks the connection, so that the client does not take a part for the whole.
    """

    pieces: Iterator[bytes]
    content_type: str
    filename: str
