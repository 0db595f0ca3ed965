"""Searches that read few of an owner's messages, or titles, by an index of pieces of their texts.

The index only narrows a search: what it names is read and compared, and so is whatever came or was changed since it
was made, by whichever program. How it is made stands in `search_building`.
"""

from collections.abc import Callable
from math import isqrt
from typing import Any

from bson import ObjectId
from pymongo.errors import OperationFailure

from storage.conversations.narrowing import Candidates
from storage.conversations.search_building import PORTION, due
from storage.conversations.search_parts import Lost, SearchPartRepository, TooMany
from storage.conversations.search_states import Keys, SearchStateRepository, Source
from storage.core.database import Database, Document
from storage.core.grams import sought
from storage.core.lists import NO_SUCH_INDEX
from storage.core.stop import Stop
from storage.core.translation import translated

# Who has fewer than this is searched as fast without an index.
WORTHWHILE = 4096
# So many times as many are named where the next ones were not near after all.
PATIENTLY = 8
# More that came or was changed since is read faster with all the rest.
MOST_FRESH = 5000


class SearchIndex:
    """The index of one source. `wanted` is called, in a search's thread, with an owner for whom there is work."""

    def __init__(
        self, database: Database, source: Source, wanted: Callable[[str], object] = lambda _: None
    ) -> None:
        self._database, self._source, self.wanted = database, source, wanted
        self._states = SearchStateRepository(database)
        self._parts = SearchPartRepository(database)
        self._rows = database.collection(source.collection)

    def narrowed(self, owner: str, text: str, stop: Stop, *, patiently: bool = False) -> Candidates | None:
        """The keys of all that may hold the text; None where that is not known. Raises `TookTooLong`."""
        pieces = sought(text)
        if not pieces:
            return None
        try:
            with stop.over(self._database) as session, translated():
                return self._narrowed(owner, pieces, session, patiently=patiently)
        except OperationFailure as error:
            if error.code != NO_SUCH_INDEX:
                raise
            return None

    def _narrowed(self, owner: str, pieces: list[str], session: Any, *, patiently: bool) -> Candidates | None:
        state = self._states.get(owner, self._source, session)
        if state is None:
            self._ask(owner, session)
            return None
        if state.is_refused:
            return None
        # Whatever is not up to the last key, of whichever type it is.
        fresh = self._keys(
            {"user": owner, "_id": {"$not": {"$lte": state.last}}}, self._source.by_key, session
        )
        if len(fresh) >= PORTION or due(state):
            self.wanted(owner)
        changed = {"user": owner, **self._source.lists, "updatedAt": {"$gte": state.through}}
        keys = {*state.again, *state.large, *fresh, *self._keys(changed, self._source.by_change, session)}
        if len(keys) > MOST_FRESH:
            return None
        most = few_of(state.count) * (PATIENTLY if patiently else 1)
        try:
            found = self._parts.find(owner, state.portions, pieces, most, session)
        except TooMany:
            return Candidates(None, state.count // most)
        except Lost:
            # Unless others have made it anew meanwhile, it will be.
            self._states.remove(owner, state, session)
            return None
        are_many = len(found) > many_of(state.count)
        return Candidates([*keys | found], state.count // len(found) if are_many else None)

    def _ask(self, owner: str, session: Any) -> None:
        many = {"limit": WORTHWHILE + 1, "hint": self._source.by_key, "session": session}
        if self._rows.count_documents({"user": owner}, **many) > WORTHWHILE:
            self.wanted(owner)

    def _keys(self, query: Document, hint: Keys, session: Any) -> list[ObjectId]:
        rows = self._rows.find(query, {"_id": 1}, session=session, batch_size=MOST_FRESH + 2).hint(hint)
        return [row["_id"] for row in rows.limit(MOST_FRESH + 1)]


def few_of(count: int) -> int:
    """So many texts of all are soon read. If more have a word, a page of them is sooner found in the list's order."""
    return max(1000, 5 * isqrt(count))


def many_of(count: int) -> int:
    """If more texts than this of all have a word, a page is sooner found in the list's order, by their keys."""
    return 2 * few_of(count) // 3
