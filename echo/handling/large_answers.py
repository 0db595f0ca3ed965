"""What large answers may hold of a process's memory at the same time: in all, and of one account.

A client that reads slowly keeps an answer in memory. Each of them takes its share before anything is sent, and gives
it back with its last byte.
"""

import threading
from collections import Counter

from echo.errors import ServiceUnavailable, TooManyRequests

# Answers up to this size are not counted: they are sent as a whole, and nearly all are.
SMALL_BYTES = 1024 * 1024
# A large answer has mostly gone out by then.
RETRY_SECONDS = 5


class Share:
    """What one answer holds, until it is closed; closing it again changes nothing."""

    def __init__(self, answers: "LargeAnswers", owner: str, size: int) -> None:
        self._answers = answers
        self._owner = owner
        self._size = size

    def close(self) -> None:
        """Give it back."""
        size, self._size = self._size, 0
        self._answers.release(self._owner, size)


class LargeAnswers:
    """Shares of one process, for any thread; `most` bytes in all, `most_of_one` of an account's.

    Whoever holds nothing gets what a single answer needs, so that the largest message can be read.
    """

    def __init__(self, *, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._held: Counter[str] = Counter()
        self._total = 0
        self._lock = threading.Lock()

    def take(self, owner: str, size: int) -> Share:
        """A share of so many bytes.

        Raises `TooManyRequests` (`too_many_large_answers`) when the account holds as much as it may,
        `ServiceUnavailable` (`overloaded`) when the process does.
        """
        with self._lock:
            if self._held[owner] and self._held[owner] + size > self._most_of_one:
                raise TooManyRequests(
                    RETRY_SECONDS,
                    "Large answers of yours are still being sent.",
                    code="too_many_large_answers",
                )
            if self._total and self._total + size > self._most:
                raise ServiceUnavailable("The server is busy.", code="overloaded", retry_after=RETRY_SECONDS)
            self._held[owner] += size
            self._total += size
        return Share(self, owner, size)

    def release(self, owner: str, size: int) -> None:
        """Take back so many bytes."""
        with self._lock:
            self._total -= size
            self._held[owner] -= size
            if not self._held[owner]:
                del self._held[owner]

    @property
    def total(self) -> int:
        """How many bytes are held now."""
        return self._total
