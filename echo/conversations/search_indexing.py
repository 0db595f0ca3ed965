"""Making the index of searches, in a thread that other work goes before, for owners who search."""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from storage.conversations.search_building import Builder
from storage.conversations.search_index import SearchIndex
from storage.conversations.search_states import MESSAGES, TITLES, SearchStateRepository
from storage.core.database import Database
from storage.core.errors import StorageError

log = logging.getLogger(__name__)

NICE = 10
# More owners than this wait for their next search.
MOST_WAITING = 1000
# How often, in seconds, a thread without work looks for what was deleted.
LOOKING = 600.0


class Ended(Exception):
    """The process ends."""


class Work(Protocol):
    """What `Builder` does."""

    def build(self, owner: str) -> bool:
        """The next piece of work for an owner; whether there may be more."""


class SearchIndexing:
    """Runs builders, by the names of what they index. Its thread begins with the first request for it.

    `stale` says for whom there is work without a request.
    """

    def __init__(
        self, builders: Mapping[str, Work], stale: Callable[[], list[tuple[str, str]]] = list
    ) -> None:
        self._builders, self._stale = builders, stale
        self._waiting: dict[tuple[str, str], None] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._rested = 0.0

    def ask(self, owner: str, of: str) -> None:
        """Have what an owner has of this indexed some time."""
        with self._changed:
            if self._closed or len(self._waiting) >= MOST_WAITING:
                return
            self._waiting[owner, of] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="echo-search-index", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """End soon; what is half made goes."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread:
            self._thread.join()

    def rest(self) -> None:
        """Wait as long as was worked since the last rest; raises `Ended` at the end of the process."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, time.monotonic() - self._rested)
            if self._closed:
                raise Ended
            self._rested = time.monotonic()

    def _work(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        with contextlib.suppress(Ended):
            while True:
                self._build(*self._next())

    def _build(self, owner: str, of: str) -> None:
        self._rested = time.monotonic()
        try:
            more = self._builders[of].build(owner)
        except StorageError as error:
            log.warning("%s could not be indexed: %s", of, type(error).__name__)
            more = False
        self.rest()
        if more:
            # Another owner's turn comes first.
            with self._changed:
                self._waiting[owner, of] = None

    def _next(self) -> tuple[str, str]:
        with self._changed:
            while not self._waiting and not self._closed:
                if not self._changed.wait(LOOKING):
                    self._look()
            if self._closed:
                raise Ended
            following = next(iter(self._waiting))
            del self._waiting[following]
            return following

    def _look(self) -> None:
        with contextlib.suppress(StorageError):
            self._waiting.update(dict.fromkeys(self._stale()))


class SearchIndexes:
    """The indexes of messages and of titles, and what makes them."""

    def __init__(self, database: Database) -> None:
        states = SearchStateRepository(database)
        sources = {each.collection: each for each in (MESSAGES, TITLES)}
        builders = {of: Builder(database, source, self._rest) for of, source in sources.items()}
        self.making = SearchIndexing(builders, states.stale)
        self.messages = SearchIndex(
            database, MESSAGES, lambda owner: self.making.ask(owner, MESSAGES.collection)
        )
        self.titles = SearchIndex(database, TITLES, lambda owner: self.making.ask(owner, TITLES.collection))

    def _rest(self) -> None:
        self.making.rest()
