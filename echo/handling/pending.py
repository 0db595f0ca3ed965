"""A response that is still being made, on the event loop."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pending:
    """What a handler returns to answer later, so that waiting (for a provider, say) holds no thread.

    `make` is called on the event loop. Its result is what a handler may return: a body, an `EventStream`, either with
    status and headers; what it raises becomes the error response. It is cancelled when the client goes away.
    """

    make: Callable[[], Awaitable[Any]]
