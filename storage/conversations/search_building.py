"""Making the index of searches: portion after portion, in the order of the keys, and keeping it true.

Several processes may do so at once: of what they make, one is stored. What a process leaves behind that is killed
belongs to no state, and goes with its time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId

from storage.conversations.search_parts import FAN, LARGEST, NO_KEY, Lost, Portion, SearchPartRepository
from storage.conversations.search_states import BEFORE_ALL, SOON, SearchStateRepository, Source, State
from storage.core.database import Database, Document
from storage.core.grams import grams
from storage.core.repository import now
from storage.core.translation import translated

PORTION = 512
# More than this in one portion would fill the memory of a process that makes it.
PORTION_CHARACTERS = 2_000_000
# A text of more pieces is in no list: each search reads it.
MOST_PIECES = 50_000
# With more texts of that kind, or more that were changed, an index is of no use, or made anew.
MOST_LARGE = 200
MOST_CHANGED = 1000
# What is younger may still be on its way, or be written by a machine whose clock is late.
SETTLED = timedelta(minutes=5)
SWEPT = timedelta(days=1)
KEPT = timedelta(days=7)


def due(state: State) -> bool:
    """Whether what was deleted must be looked for."""
    return not state.is_refused and state.swept < now() - (SOON if state.stale else SWEPT)


class Builder:
    """Makes the index of one source. `rest` is called now and then; what it raises ends the work."""

    def __init__(self, database: Database, source: Source, rest: Callable[[], object] = lambda: None) -> None:
        self._source, self._rest = source, rest
        self._states = SearchStateRepository(database)
        self._parts = SearchPartRepository(database)
        self._rows = database.collection(source.collection)

    def build(self, owner: str) -> bool:
        """Do the next piece of work for an owner; whether there may be more. Raises `Unavailable`."""
        with translated():
            state = self._states.get(owner, self._source)
            if state and state.is_refused:
                return False
            try:
                if state and due(state):
                    return self._sweep(state)
                if state and (some := _joinable(state.portions)):
                    return self._join(state, some)
                return self._add(owner, state)
            except Lost:
                # Somebody else has removed or replaced it; if not, it cannot be mended.
                if state:
                    self._forget(state)
                return True

    def _add(self, owner: str, state: State | None) -> bool:
        began = now()
        rows = self._next(owner, state.last if state else BEFORE_ALL)
        taken = _Taken(rows, self._rest)
        if not taken.is_full:
            return False
        before = state or State(owner, self._source.collection, 1, (), [], [], began, began, began + KEPT)
        again = self._changed(before) if state else []
        if len(again) > MOST_CHANGED:
            self._forget(before)
            return True
        large = [*before.large, *taken.large]
        if len(large) > MOST_LARGE:
            self._replaced(state, replace(before, portions=(), again=[], large=[], is_refused=True))
            return False
        portion = self._parts.add(owner, before.expires, taken.keys, taken.numbers, self._rest)
        portions = (*before.portions, portion)
        through = began - SETTLED
        after = replace(before, portions=portions, again=again, large=large, through=through)
        stored = self._replaced(state, after)
        if not self._rows.find_one({"user": owner}, {"_id": 1}):
            # The owner was erased meanwhile.
            self._forget(after)
            self._parts.remove(owner, portion)
            return False
        return stored

    def _next(self, owner: str, after: ObjectId) -> Iterable[Document]:
        last = ObjectId.from_datetime(datetime.now(UTC) - SETTLED)
        rows = self._rows.find({"user": owner, "_id": {"$gt": after, "$lte": last}}, self._source.shown)
        return rows.hint(self._source.by_key).sort("_id", 1).limit(PORTION)

    def _changed(self, state: State) -> list[ObjectId]:
        """What was taken up and has changed since."""
        since = {"user": state.owner, **self._source.lists, "updatedAt": {"$gte": state.through}}
        rows = self._rows.find({**since, "_id": {"$lte": state.last}}, {"_id": 1})
        rows = rows.hint(self._source.by_change).limit(MOST_CHANGED + 1)
        return [*{*state.again, *(row["_id"] for row in rows)}]

    def _join(self, state: State, some: tuple[Portion, ...]) -> bool:
        made = self._parts.join(state.owner, state.expires, some, self._rest)
        place = state.portions.index(some[0])
        portions = (*state.portions[:place], made, *state.portions[place + len(some) :])
        return self._replaced(state, replace(state, portions=portions))

    def _replaced(self, before: State | None, after: State) -> bool:
        """Whether the state could be stored; the portions that are in it no more, or those that are new, go.

        If not, somebody else is at it, and goes on.
        """
        stored = self._states.store(after.owner, before, after)
        old, new = set(before.portions if before else ()), set(after.portions)
        self._parts.remove(after.owner, *(old - new if stored else new - old))
        return stored

    def _sweep(self, state: State) -> bool:
        """Take out what is there no more, and note what is there and was not when it should have been taken up."""
        began, owner = now(), state.owner
        expires = began + KEPT if state.expires < began + KEPT / 2 else state.expires
        portions, made, missed, gone = list[Portion](), list[Portion](), set[bytes](), set[bytes]()
        changed = {each.binary for each in state.again}
        try:
            starts = (BEFORE_ALL, *(each.last for each in state.portions[:-1]))
            for after, each in zip(starts, state.portions, strict=True):
                there, keys = (
                    self._there(owner, after, each.last),
                    set(self._parts.keys(owner, each)) - {NO_KEY},
                )
                missed |= there - keys
                gone |= keys - there
                # Of what was changed the text before goes too: it is read by each search anyway.
                left = keys - there | keys & changed
                if left:
                    made.append(self._parts.join(owner, expires, [each], self._rest, left))
                elif expires != state.expires:
                    self._parts.keep(owner, each, expires)
                portions.append(made[-1] if left else each)
                self._rest()
        except BaseException:
            self._parts.remove(owner, *made)
            raise
        again = [*{*map(ObjectId, missed), *state.again} - set(map(ObjectId, gone))]
        large = [each for each in state.large if each.binary not in gone]
        if len(again) > MOST_CHANGED:
            self._parts.remove(owner, *made)
            self._forget(state)
            return True
        after_all = replace(
            state, portions=tuple(portions), again=again, large=large, swept=began, expires=expires
        )
        stored = self._replaced(state, after_all)
        if stored:
            self._states.unmark(owner, state)
        return stored

    def _there(self, owner: str, after: ObjectId, last: ObjectId) -> set[bytes]:
        rows = self._rows.find({"user": owner, "_id": {"$gt": after, "$lte": last}}, {"_id": 1})
        return {row["_id"].binary for row in rows.hint(self._source.by_key)}

    def _forget(self, state: State) -> None:
        if self._states.remove(state.owner, state):
            self._parts.remove(state.owner, *state.portions)


def _joinable(portions: tuple[Portion, ...]) -> tuple[Portion, ...]:
    """The first so many of one size that are to be joined; they lie side by side."""
    for size in range(LARGEST):
        some = tuple(each for each in portions if each.size == size)
        if len(some) >= FAN:
            return some[:FAN]
    return ()


class _Taken:
    """Texts that are taken up together."""

    def __init__(self, rows: Iterable[Document], rest: Callable[[], object]) -> None:
        self.keys: list[ObjectId] = []
        self.large: list[ObjectId] = []
        self.numbers: dict[str, list[int]] = {}
        characters = 0
        for row in rows:
            texts = list(_texts(row))
            characters += sum(map(len, texts))
            self._take(row["_id"], texts)
            rest()
            if characters > PORTION_CHARACTERS:
                break
        self.is_full = len(self.keys) == PORTION or characters > PORTION_CHARACTERS

    def _take(self, key: ObjectId, texts: list[str]) -> None:
        number = len(self.keys)
        self.keys.append(key)
        pieces = grams(texts, MOST_PIECES)
        if pieces is None:
            self.large.append(key)
            return
        for piece in pieces:
            self.numbers.setdefault(piece, []).append(number)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, however deep: a search finds it wherever MongoDB does."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)
