"""What repositories with long lists have in common: one page in the order of its keyset, searched or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import ASCENDING

from storage.core.database import Document
from storage.core.pages import Keyset, Page
from storage.core.portions import read_page
from storage.core.repository import Repository
from storage.core.search import Search, Texts
from storage.core.stop import Stop
from storage.core.translation import translated


@dataclass(frozen=True)
class Sought:
    """What a list is searched for: the filter that finds it, and where in a row it is looked for once more."""

    search: Search
    matching: Document
    texts: Texts
    # The keys of all rows that may hold it, where those are known.
    among: Sequence[Any] | None = None


class ListRepository(Repository):
    """A repository that gives its list in pages."""

    def _page(
        self,
        query: Document,
        shown: Mapping[str, Any],
        keyset: Keyset,
        *,
        limit: int,
        sought: Sought | None,
        stop: Stop,
    ) -> Page:
        """The page; with less than `limit` where the rows have more than 4 MiB. Raises `TookTooLong`, `Unavailable`.

        What `stop` ends is a search; other pages have the time of one page.
        """
        # Without its value a row would have no place in the order: pages would repeat.
        shown = {**shown, keyset.sort_key: 1} if any(shown.values()) else shown
        if sought is None:
            with translated():
                items, complete = read_page(self._lists, query, shown, keyset.sort, limit=limit + 1)
            return keyset.page(items, limit, complete=complete)
        query = {"$and": [query, sought.matching]}
        if sought.among is not None:
            query["_id"] = {"$in": list(sought.among)}
        with stop.over(self._database) as session, translated():
            rows = self._searched.find(query, shown, session=session).sort(keyset.sort)
            if sought.among is not None:
                rows = rows.hint([("_id", ASCENDING)]).allow_disk_use(True)
            items, complete = sought.search.first(limit + 1, rows, sought.texts, stop)
        return keyset.page(items, limit, complete=complete)
