"""What is asked for with each request and hardly ever changes, remembered for a few seconds; one per process."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

# What is changed elsewhere is felt in every process within five seconds, as a logout is.
CHECK_SECONDS = 3.0

T = TypeVar("T")


class Remembered(Generic[T]):
    """The values of at most `most` keys, those that were found last; used by all threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()

    def known(self, key: Hashable) -> T | None:
        """What is known of a key without asking anybody."""
        until, value = self._known.get(key, (0.0, None))
        return value if until > time.monotonic() else None

    def get(self, key: Hashable, find: Callable[[], T]) -> T:
        """What is known, or what `find` gives; what it raises is not remembered."""
        known = self._known
        if (value := self.known(key)) is not None:
            return value
        value = find()
        with self._lock:
            # Not where everything was forgotten meanwhile: this was found before.
            if known is self._known:
                known[key] = (time.monotonic() + CHECK_SECONDS, value)
                known.move_to_end(key)
                if len(known) > self._most:
                    known.popitem(last=False)
        return value

    def forget(self) -> None:
        """Something was changed here: this process shall know at once."""
        with self._lock:
            self._known = OrderedDict()
