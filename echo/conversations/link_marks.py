"""Which conversations have a link, without asking the database for each list."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

# A link that another process makes or withdraws is seen in lists within so long, as a logout is.
SHOWN_SECONDS = 3.0
MAX_OWNERS, MAX_PAGES = 1000, 20
Ask = Callable[[str, Sequence[str]], set[str]]


class LinkMarks:
    """Remembers for a few seconds which conversations of a page have a link; one per process.

    It is a mark in a list: whether a link may be read is asked each time. A query for it costs as much as 60 % of the
    list itself, and a client that opens asks for several lists, and for the same ones again with each change.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[float, dict[tuple[str, ...], set[str]]]] = OrderedDict()

    def among(self, owner: str, conversation_ids: Sequence[str]) -> set[str]:
        """Those of the owner's conversations that have a link. Raises what asking raises."""
        if not conversation_ids:
            return set()
        asked, pages = tuple(conversation_ids), self._pages(owner)
        shared = pages.get(asked)
        if shared is None:
            # Into the same pages: they are nobody's any more if the owner's are forgotten meanwhile.
            shared = pages[asked] = self._ask(owner, asked)
        return shared

    def forget(self, owner: str) -> None:
        """A link of the owner's was made or withdrawn here: this process shall know at once."""
        with self._lock:
            self._known.pop(owner, None)

    def _pages(self, owner: str) -> dict[tuple[str, ...], set[str]]:
        with self._lock:
            until, pages = self._known.get(owner, (0.0, {}))
            if until <= time.monotonic() or len(pages) >= MAX_PAGES:
                pages = {}
                self._known[owner] = (time.monotonic() + SHOWN_SECONDS, pages)
                self._known.move_to_end(owner)
                if len(self._known) > MAX_OWNERS:
                    self._known.popitem(last=False)
            return pages
