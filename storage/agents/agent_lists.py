"""Lists of agents: of those that somebody was given, whose they are and what there is of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING

from storage.agents.shapes import LISTED, SUMMARY
from storage.core.database import Document
from storage.core.pages import Keyset, Page
from storage.core.portions import read_page
from storage.core.repository import LIST_MS, LIST_SECONDS, Repository
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated

# So many agents say which MCP servers one may use by them.
MAX_WITH_SERVERS = 1000


@dataclass(frozen=True)
class Wanted:
    """Which agents a list is of; None leaves open. `promoted` are those that an administrator recommends."""

    category: str | None = None
    promoted: bool | None = None
    search: str | None = None


class AgentListRepository(Repository):
    """The part of `AgentRepository` that reads many: which ones is said by grants, and by who calls."""

    def list_page(
        self,
        ids: Sequence[ObjectId],
        wanted: Wanted,
        *,
        limit: int,
        cursor: str | None = None,
        stop: Stop | None = None,
    ) -> Page:
        """Some of these agents, the last changed first; searched are names and descriptions.

        Fewer than `limit` where they have more than 4 MiB (`PAGE_BYTES`). Raises `BrokenCursor`; with a search,
        `TookTooLong` when `stop` ends it.
        """
        named = f"agents|{wanted.category or ''}|{wanted.promoted}|{wanted.search or ''}"
        keyset = Keyset("updatedAt", descending=True, kind=named)
        query: Document = {
            "_id": {"$in": list(ids)},
            "id": {"$type": "string"},
            "$and": [keyset.after(cursor), _filter(wanted)],
        }
        if wanted.search:
            found_ones, complete = self._search(query, Search(wanted.search), keyset, limit + 1, stop)
        else:
            with translated():
                found_ones, complete = read_page(self._lists, query, LISTED, keyset.sort, limit=limit + 1)
        return keyset.page(found_ones, limit, complete=complete)

    def _search(
        self, query: Document, search: Search, keyset: Keyset, most: int, stop: Stop | None
    ) -> tuple[list[Document], bool]:
        ending = stop or Stop(LIST_SECONDS)
        matching = {"$and": [query, search.within("name", "description")]}

        def texts(row: Document) -> tuple[object, object]:
            return row.get("name"), row.get("description")

        with ending.over(self._database) as session, translated():
            rows = self._searched.find(matching, LISTED, session=session).sort(keyset.sort)
            return search.first(most, rows, texts, ending)

    def summaries(self, ids: Sequence[ObjectId], most: int) -> Sequence[Document]:
        """What programs are told of these agents, the last changed first."""
        query = {"_id": {"$in": list(ids)}, "id": {"$type": "string"}}
        with translated():
            rows = self._collection.find(query, SUMMARY).sort([("updatedAt", DESCENDING), ("_id", ASCENDING)])
            return list(rows.max_time_ms(LIST_MS).limit(most))

    def count(self, ids: Sequence[ObjectId]) -> tuple[dict[str, int], int]:
        """How many of these agents each category has, and how many an administrator recommends."""
        promoted: Document = {"$cond": [{"$eq": ["$is_promoted", True]}, 1, 0]}
        group: Document = {"_id": "$category", "count": {"$sum": 1}, "promoted": {"$sum": promoted}}
        stages: list[Document] = [{"$match": {"_id": {"$in": list(ids)}}}, {"$group": group}]
        with translated():
            groups = list(self._collection.aggregate(stages, maxTimeMS=LIST_MS))
        counts = {each["_id"]: each["count"] for each in groups if isinstance(each["_id"], str)}
        return counts, sum(each["promoted"] for each in groups)

    def servers_of(self, identifiers: Iterable[ObjectId]) -> list[Document]:
        """Of these agents those with tools of MCP servers: their authors and the names of the servers."""
        wanted = {"_id": {"$in": list(identifiers)}, "mcpServerNames.0": {"$exists": True}}
        with translated():
            rows = self._collection.find(wanted, {"author": 1, "mcpServerNames": 1})
            return list(rows.max_time_ms(LIST_MS).limit(MAX_WITH_SERVERS))

    def ids_of(self, identifiers: Sequence[ObjectId]) -> list[str]:
        """The `id`s of agents by their `_id`s."""
        with translated():
            rows = self._collection.find({"_id": {"$in": list(identifiers)}}, {"id": 1})
            return [each["id"] for each in rows if isinstance(each.get("id"), str)]

    def names_of(self, authors: Iterable[ObjectId]) -> dict[ObjectId, Document]:
        """The `name` and `username` of these users."""
        with translated():
            users = self._database.collection("users")
            rows = users.find({"_id": {"$in": list(authors)}}, {"name": 1, "username": 1})
            return {each["_id"]: each for each in rows}


def _filter(wanted: Wanted) -> Document:
    query: Document = {}
    if wanted.category:
        query["category"] = wanted.category
    if wanted.promoted is not None:
        query["is_promoted"] = True if wanted.promoted else {"$ne": True}
    return query
