"""Making the index of searches, in a thread that other work goes before, for owners who search."""

import contextlib
import logging
import os
import threading
import time

from storage.conversations.search_index import SearchIndex
from storage.core.errors import StorageError

log = logging.getLogger(__name__)

NICE = 10
# More owners than this wait for their next search.
MOST_WAITING = 1000


class SearchIndexing:
    """Builds what `index` asks for. Its thread begins with the first request for it."""

    def __init__(self, index: SearchIndex) -> None:
        self.index = index
        index.wanted = self.ask
        self._waiting: dict[str, None] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(self, owner: str) -> None:
        """Have an owner's messages indexed some time."""
        with self._changed:
            if self._closed or len(self._waiting) >= MOST_WAITING:
                return
            self._waiting[owner] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="echo-search-index", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End after the portion that is being made."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def _work(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while (owner := self._next()) is not None:
            began = time.monotonic()
            try:
                more = self.index.build(owner)
            except StorageError as error:
                log.warning("messages could not be indexed: %s", type(error).__name__)
                more = False
            with self._changed:
                # Another owner's turn comes first.
                if more:
                    self._waiting[owner] = None
                self._changed.wait_for(lambda: self._closed, time.monotonic() - began)

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            if self._closed:
                return None
            owner = next(iter(self._waiting))
            del self._waiting[owner]
            return owner
