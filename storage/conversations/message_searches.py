"""Searches of messages, with the index of their texts where there is one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession

from storage.conversations.narrowing import Candidates, Narrowing
from storage.core.database import Database, Document
from storage.core.lists import BY_ID, Keys, ListRepository, Sought, by_index
from storage.core.pages import Keyset, Page
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated

SEARCHED = ("text", "content.text", "content.text.value")
CONTAINING = {"conversationId": 1, "text": 1, "content.text": 1}
OF_ONE_CONVERSATION: Keys = [
    ("conversationId", ASCENDING),
    ("user", ASCENDING),
    ("createdAt", ASCENDING),
    ("_id", ASCENDING),
]
OF_ALL: Keys = [("user", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)]
# So many messages are passed in the order of the list while one is read by its key.
PASSED = 5
# So many of those that are named show how many of them have the text, and not only its pieces.
SAMPLE = 64
# So many rows with little in them come in one answer.
AT_ONCE = 10_000


@dataclass(frozen=True)
class Asked:
    """What is asked for: a page of an owner's list, the text, and what ends the search.

    The first of the query's `$and` is the condition of the page's cursor.
    """

    owner: str
    query: Document
    keyset: Keyset
    limit: int
    search: Search
    stop: Stop


class MessageSearches(ListRepository):
    """Messages that contain a text, and their conversations."""

    collection_name: ClassVar[str] = "messages"

    def __init__(self, database: Database, index: Narrowing | None = None) -> None:
        super().__init__(database)
        self._index = index

    def page(self, asked: Asked, shown: Mapping[str, Any], *, of_one_conversation: bool) -> Page:
        """The page, with what is `shown` of each. Raises `TookTooLong`, `Unavailable`."""
        by_date = asked.keyset.sort_key == "createdAt"
        index = (OF_ONE_CONVERSATION if of_one_conversation else OF_ALL) if by_date else None
        narrowed = None if of_one_conversation else self.likely(asked)
        if narrowed and narrowed.every and index:
            page = self._near(asked, shown, narrowed)
            if page is not None:
                return page
            narrowed = narrowed if narrowed.keys is not None else self.narrowed(asked, patiently=True)
        keys = narrowed.keys if narrowed else None
        return self._found(asked, shown, asked.query, index if keys is None else BY_ID, keys)

    def _near(self, asked: Asked, shown: Mapping[str, Any], narrowed: Candidates) -> Page | None:
        """The page, if there are enough among the next ones of the list, twice as many as it should take."""
        keyset, twice = asked.keyset, _twice(asked, narrowed.every or 1)
        query = {"user": asked.owner, "$and": asked.query["$and"][:1]}
        with asked.stop.over(self._database) as session, translated():
            rows = by_index(
                OF_ALL,
                lambda hint: list(
                    self._searched.find(
                        query, {keyset.sort_key: 1}, sort=keyset.sort, hint=hint, session=session
                    )
                    .skip(twice)
                    .limit(1)
                ),
            )
        near = keyset.until(rows[0]) if rows else {}
        query = {**asked.query, "$and": [*asked.query["$and"], near]}
        page = self._found(asked, shown, query, OF_ALL, narrowed.keys)
        return page if page.next_cursor or not near else None

    def _found(
        self,
        asked: Asked,
        shown: Mapping[str, Any],
        query: Document,
        index: Keys | None,
        keys: Sequence[Any] | None,
    ) -> Page:
        matching = asked.search.within(*SEARCHED)
        if keys is not None:
            matching["_id"] = {"$in": list(keys)}
        sought = Sought(asked.search, matching, spoken, index, are_many=keys is not None)
        return self._page(query, shown, asked.keyset, limit=asked.limit, sought=sought, stop=asked.stop)

    def conversations_containing(
        self,
        asked: Asked,
        *,
        keys: Sequence[ObjectId] | None = None,
        of: Sequence[str] | None = None,
    ) -> list[str]:
        """The ids of the conversations in which a message contains the text. Raises `TookTooLong`.

        Of messages with these `keys`, and of these conversations only, where those are given.
        """
        search, stop = asked.search, asked.stop
        query: Document = {"user": asked.owner, "conversationId": {"$ne": None}}
        if of is None and keys is None and search.exact:
            with stop.over(self._database) as session, translated():
                query |= search.within(*SEARCHED)
                ids: list[str] = self._searched.distinct("conversationId", query, session=session)
                return ids
        index = None
        if of is not None:
            query["conversationId"], index = {"$in": of}, OF_ONE_CONVERSATION
        if keys is not None:
            query["_id"], index = {"$in": list(keys)}, index or BY_ID
        return list(set(self._holding(asked, query, index)))

    def _holding(self, asked: Asked, query: Document, index: Keys | None) -> list[Any]:
        """The conversations of those messages that contain the text, one for each message."""
        search, stop = asked.search, asked.stop
        query = {**query, **search.within(*SEARCHED)}
        wanted = {"conversationId": 1, "_id": 0} if search.exact else CONTAINING
        options = {"batch_size": AT_ONCE} if search.exact else {}

        def read(session: ClientSession, hint: Keys | None) -> list[Any]:
            rows = self._searched.find(query, wanted, hint=hint, session=session, **options)
            held = rows if search.exact else search.holding(rows, spoken, stop)
            return [row.get("conversationId") for row in held]

        with stop.over(self._database) as session, translated():
            return by_index(index, lambda hint: read(session, hint))

    def likely(self, asked: Asked) -> Candidates | None:
        """The messages that may contain the text; many of them only if a page is sooner found in the list's order.

        That is asked of some of them, since the pieces of a text may be more frequent than the text.
        """
        narrowed = self.narrowed(asked)
        if narrowed is None or narrowed.keys is None or narrowed.every is None:
            return narrowed
        sample = list(narrowed.keys[:SAMPLE])
        held = len(self._holding(asked, {"user": asked.owner, "_id": {"$in": sample}}, BY_ID))
        every = narrowed.every * len(sample) // max(1, held)
        is_sooner = _twice(asked, every) <= PASSED * len(narrowed.keys)
        return Candidates(narrowed.keys, every if is_sooner else None)

    def narrowed(self, asked: Asked, *, patiently: bool = False) -> Candidates | None:
        """The messages that may contain the text, where an index says so. Raises `TookTooLong`."""
        if self._index is None:
            return None
        return self._index.narrowed(asked.owner, asked.search.text, asked.stop, patiently=patiently)


def _twice(asked: Asked, every: int) -> int:
    """Twice as many messages as it should take to find one more than a page."""
    return 2 * (asked.limit + 1) * every


def spoken(message: Document) -> Iterator[Any]:
    """What `SEARCHED` names in a message: its `text`, and the texts in the parts of newer answers."""
    yield message.get("text")
    content = message.get("content")
    for part in content if isinstance(content, list) else [content]:
        text = part.get("text") if isinstance(part, dict) else None
        yield text.get("value") if isinstance(text, dict) else text
