"""The checkers of the event streams of the project's documents."""

from functools import cache

from echo.testing.events import EVENT_STREAM, EventChecker
from tests.support.operations import ALL_OPERATIONS, DOCUMENT, LIBRECHAT, responses


@cache
def events_of(operation_id: str) -> EventChecker:
    """The checker of an operation's stream, by the project's documents."""
    [op] = [op for op in ALL_OPERATIONS if op.id == operation_id]
    document = DOCUMENT if op.contract == "echo" else LIBRECHAT
    return EventChecker(responses(op)[200]["content"][EVENT_STREAM], document)
