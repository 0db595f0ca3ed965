"""What repositories with long lists have in common: one page in the order of its keyset, searched or not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pymongo import ASCENDING
from pymongo.errors import OperationFailure

from storage.core.database import Document
from storage.core.pages import Keyset, Page
from storage.core.portions import read_page
from storage.core.repository import Repository
from storage.core.search import Search, Texts
from storage.core.stop import Stop
from storage.core.translation import translated

T = TypeVar("T")
Keys = list[tuple[str, int]]
BY_ID: Keys = [("_id", ASCENDING)]
# MongoDB's code for a hint to an index that is not there.
NO_SUCH_INDEX = 2


@dataclass(frozen=True)
class Sought:
    """What a list is searched for: the filter that finds it, and where in a row it is looked for once more."""

    search: Search
    matching: Document
    texts: Texts
    # The index that finds the rows, or has them in their order, if one is known to.
    index: Keys | None = None
    # Whether so many are found that to sort them may need the disk, which not every deployment allows.
    are_many: bool = False


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
        options = {"allow_disk_use": True} if sought.are_many else {}
        with stop.over(self._database) as session, translated():
            items, complete = by_index(
                sought.index,
                lambda hint: sought.search.first(
                    limit + 1,
                    self._searched.find(
                        query, shown, sort=keyset.sort, hint=hint, session=session, **options
                    ),
                    sought.texts,
                    stop,
                ),
            )
        return keyset.page(items, limit, complete=complete)


def by_index(index: Keys | None, read: Callable[[Keys | None], T]) -> T:
    """What is read by an index, which is the hint, or in MongoDB's own way where there is none such.

    Left to itself MongoDB tries each index that may do, and remembers which one did. With texts to compare that
    depends on the text: what was best for a frequent word may read everything for another one.
    """
    try:
        return read(index)
    except OperationFailure as error:
        if index is None or error.code != NO_SUCH_INDEX:
            raise
        return read(None)
