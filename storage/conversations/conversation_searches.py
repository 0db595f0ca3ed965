"""Searches of conversations: for what their titles contain, or their messages.

What few messages have is read first, and then the conversations that have it. For what many have, the conversations
are looked through in the order of their list, some at a time, until there are enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, overload

from bson import ObjectId
from pymongo import ASCENDING

from storage.conversations.message_searches import AT_ONCE, Asked, MessageSearches
from storage.conversations.narrowing import Narrowing
from storage.core.database import Database, Document
from storage.core.lists import BY_ID, Keys, ListRepository, Sought
from storage.core.pages import Page
from storage.core.portions import PAGE_BYTES, take_within
from storage.core.search import Search
from storage.core.translation import translated

BY_CONVERSATION_ID: Keys = [("conversationId", ASCENDING), ("user", ASCENDING), ("tenantId", ASCENDING)]
# Conversations that are looked through together, at first and at most; more at first where the messages with the text
# are known, as no others are read.
FIRST_WALKED, FIRST_WITH_KEYS, MOST_WALKED = 32, 128, 512
# After so many it is known how many more there would be; a walk that would be longer than this is given up.
TRIED, LONGEST_WALK = 200, 1024
WALKED = {"conversationId": 1}


class ConversationSearches(ListRepository):
    """Pages of the conversations that contain a text. `listed` is what there is of each."""

    collection_name: ClassVar[str] = "conversations"

    def __init__(
        self,
        database: Database,
        *,
        listed: Mapping[str, Any],
        index: Narrowing | None = None,
        titles: Narrowing | None = None,
    ) -> None:
        super().__init__(database)
        self._listed = listed
        self._messages = MessageSearches(database, index)
        self._titles = titles

    def page(self, asked: Asked) -> Page:
        """The page. Raises `TookTooLong`, `Unavailable`."""
        narrowed = self._messages.likely(asked)
        if narrowed and narrowed.every:
            page = self._walk(asked, narrowed.keys, LONGEST_WALK)
            if page is not None:
                return page
            if narrowed.keys is None:
                narrowed = self._messages.narrowed(asked, patiently=True)
            if narrowed and narrowed.keys is None:
                return self._walk(asked, None)
        return self._of_messages(asked, narrowed.keys if narrowed else None)

    def _of_messages(self, asked: Asked, keys: Sequence[Any] | None) -> Page:
        """The page by the messages that have the text, of those with these keys if they are given."""
        spoken = self._messages.conversations_containing(asked, keys=keys)
        titled = self._titled(asked)
        if titled is None:
            return self._found(asked, _sought(asked.search, spoken))
        matching: Document = {"conversationId": {"$in": [*{*spoken, *titled.values()} - {None}]}}
        bare = [key for key, conversation_id in titled.items() if conversation_id is None]
        index: Keys | None = BY_CONVERSATION_ID
        if bare:
            matching, index = {"$or": [matching, {"_id": {"$in": bare}}]}, None
        # All of these have been compared with the text.
        sought = Sought(asked.search, matching, lambda _: (asked.search.text,), index, are_many=True)
        return self._found(asked, sought)

    def _titled(self, asked: Asked) -> dict[ObjectId, str | None] | None:
        """The ids of those with the text in their titles, by their keys; None where the index does not say."""
        search, stop = asked.search, asked.stop
        narrowed = self._titles.narrowed(asked.owner, search.text, stop) if self._titles else None
        if narrowed is None or narrowed.keys is None:
            return None
        query = {"user": asked.owner, "_id": {"$in": list(narrowed.keys)}, **search.within("title")}
        shown = {"conversationId": 1, "title": 1}
        with stop.over(self._database) as session, translated():
            rows = self._searched.find(query, shown, session=session, hint=BY_ID, batch_size=AT_ONCE)
            held = rows if search.exact else search.holding(rows, lambda row: (row["title"],), stop)
            return {row["_id"]: row.get("conversationId") for row in held}

    @overload
    def _walk(self, asked: Asked, keys: None) -> Page: ...

    @overload
    def _walk(self, asked: Asked, keys: Sequence[Any] | None, longest: int) -> Page | None: ...

    def _walk(self, asked: Asked, keys: Sequence[Any] | None, longest: int | None = None) -> Page | None:
        """The page by some conversations after the others; None where that would be `longest` or longer.

        Of their messages those with these `keys` are read, if they are given.
        """
        keyset, limit, stop = asked.keyset, asked.limit, asked.stop
        items, walked, cursor = list[Document](), 0, None
        at_once = FIRST_WALKED if keys is None else FIRST_WITH_KEYS
        first, *conditions = asked.query["$and"]
        while True:
            query = {**asked.query, "$and": [keyset.after(cursor) if cursor else first, *conditions]}
            some = self._page(query, WALKED, keyset, limit=at_once, sought=None, stop=stop)
            # What is changed meanwhile leaves its place for the first, and must not bring it to the end of the page.
            found = self._holding(replace(asked, query=query), some.items, keys)
            items, fit = take_within([*items, *found.items], PAGE_BYTES)
            cursor, walked = some.next_cursor, walked + len(some.items)
            if len(items) > limit or found.next_cursor or cursor is None or not fit:
                return keyset.page(items, limit, complete=fit and not found.next_cursor)
            left = (limit + 1 - len(items)) * walked // max(1, len(items))
            if longest and walked >= TRIED and walked + left > longest:
                return None
            # A quarter more, so that it is the last time mostly.
            at_once = max(FIRST_WALKED, min(MOST_WALKED, 5 * left // 4 if items else 2 * at_once))

    def _holding(self, asked: Asked, some: list[Document], keys: Sequence[Any] | None) -> Page:
        """Those of some conversations that contain the text."""
        ids = [each["conversationId"] for each in some if each.get("conversationId")]
        spoken = self._messages.conversations_containing(asked, keys=keys, of=ids)
        return self._found(asked, _sought(asked.search, spoken, [each["_id"] for each in some]))

    def _found(self, asked: Asked, sought: Sought) -> Page:
        return self._page(
            asked.query, self._listed, asked.keyset, limit=asked.limit, sought=sought, stop=asked.stop
        )


def _sought(search: Search, spoken: list[str], among: Sequence[ObjectId] | None = None) -> Sought:
    """What finds conversations with the text in their titles, and those in whose messages it was found.

    Of those with these keys only, where they are given.
    """
    in_messages = set(spoken)

    def texts(row: Document) -> tuple[object]:
        # What was found in messages needs no other proof.
        return (search.text if row.get("conversationId") in in_messages else row.get("title"),)

    matching: Document = {"$or": [search.within("title"), {"conversationId": {"$in": spoken}}]}
    if among is None:
        return Sought(search, matching, texts)
    return Sought(search, {"_id": {"$in": among}, **matching}, texts, BY_ID, are_many=True)
