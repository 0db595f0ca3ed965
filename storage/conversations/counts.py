"""The counts that LibreChat keeps beside conversations: of each bookmark, and of each project.

They are counted anew after each change instead of being added to, so that a count that was wrong becomes right. A
count is stored only where nobody else has stored one meanwhile: of two changes at once the later one counts again.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bson import ObjectId
from pymongo import DESCENDING
from pymongo.collection import Collection

from storage.conversations.messages import visible
from storage.core.database import Database, Document
from storage.core.repository import now
from storage.core.translation import translated

ATTEMPTS = 10
# A project of more conversations is counted only where one came or went.
FEW = 1000
OF_PROJECTS = ("conversationCount", "lastConversationAt", "lastConversationId")


class Counts:
    """Writes to `conversationtags` and `chatprojects` what `conversations` has."""

    def __init__(self, database: Database) -> None:
        self._conversations = database.collection("conversations")
        self._tags = database.collection("conversationtags")
        self._projects = database.collection("chatprojects")

    def settle(self, owner: str, *conversations: Mapping[str, Any] | None, tags: bool = False) -> None:
        """Count the projects of these conversations, as they were before a change and after it; `tags` as well.

        To be called after the change. What is not there, or belongs to somebody else, is not counted.
        """
        there = [each for each in conversations if each]
        self.settle_projects(owner, [each.get("chatProjectId") for each in there])
        if tags:
            lists = [each.get("tags") for each in there]
            self.settle_tags(owner, [tag for each in lists if isinstance(each, list) for tag in each])

    def touch(self, owner: str, conversation: Mapping[str, Any] | None) -> None:
        """Note which conversation of its project was changed last, after a change that moves none.

        A small project is counted as well, a large one not: that takes as long as it has conversations.
        """
        self.settle_projects(owner, [(conversation or {}).get("chatProjectId")], moved=False)

    def settle_tags(self, owner: str, tags: Iterable[Any]) -> None:
        """Count the conversations that have each of these bookmarks."""
        for tag in {each for each in tags if isinstance(each, str)}:
            self._settle(self._tags, {"user": owner, "tag": tag}, ("count",), self._tagged(owner, tag))

    def settle_projects(self, owner: str, project_ids: Iterable[Any], *, moved: bool = True) -> None:
        """Count the conversations that each of these projects shows, and find the one that was changed last.

        Not `moved` are they where none came or went: of a large one the count is left.
        """
        for project_id in {each for each in project_ids if isinstance(each, str) and ObjectId.is_valid(each)}:
            query = {"_id": ObjectId(project_id), "user": owner}
            self._settle(self._projects, query, OF_PROJECTS, self._within(owner, project_id, moved))

    @staticmethod
    def _settle(
        collection: Collection[Document],
        query: Document,
        fields: tuple[str, ...],
        count: Callable[[Document], Document],
    ) -> None:
        with translated():
            for _ in range(ATTEMPTS):
                before = collection.find_one(query, fields)
                if before is None:
                    return
                stored = {name: before.get(name) for name in fields}
                counted = count(stored)
                if stored == counted:
                    return
                changed = collection.update_one(
                    {**query, **stored}, {"$set": {**counted, "updatedAt": now()}}
                )
                if changed.matched_count:
                    return

    def _tagged(self, owner: str, tag: str) -> Callable[[Document], Document]:
        return lambda _: {"count": self._conversations.count_documents({"user": owner, "tags": tag})}

    def _within(self, owner: str, project_id: str, moved: bool) -> Callable[[Document], Document]:
        def count(stored: Document) -> Document:
            # As LibreChat: what its page of the project shows.
            query = {
                "user": owner,
                "chatProjectId": project_id,
                "isArchived": {"$in": [False, None]},
                **visible(now()),
            }
            newest = [("updatedAt", DESCENDING), ("_id", DESCENDING)]
            shown = {"conversationId": 1, "updatedAt": 1, "createdAt": 1}
            last = self._conversations.find_one(query, shown, sort=newest) or {}
            large = isinstance(known := stored["conversationCount"], int) and known > FEW
            return {
                "conversationCount": known
                if large and not moved
                else self._conversations.count_documents(query),
                "lastConversationAt": last.get("updatedAt") or last.get("createdAt"),
                "lastConversationId": last.get("conversationId"),
            }

        return count
