"""How many completions an account may have at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from echo.errors import TooManyRequests

RETRY_SECONDS = 5


class OpenCompletions:
    """How many completions each account has under way in this process; used on the event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, owner: str) -> Iterator[None]:
        """One more, while the context lasts. Raises `TooManyRequests`."""
        if self._open[owner] >= self._most:
            raise TooManyRequests(RETRY_SECONDS)
        self._open[owner] += 1
        try:
            yield
        finally:
            self._open[owner] -= 1
            if not self._open[owner]:
                del self._open[owner]
