"""The `chatprojects` collection: folders of conversations, each of which names its project in `chatProjectId`."""

from typing import Any, ClassVar, NamedTuple

from bson import ObjectId
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.client_session import ClientSession
from pymongo.operations import IndexModel

from storage.conversations.conversations import IN_FULL
from storage.conversations.counts import Counts
from storage.core.database import PATIENT_SECONDS, Database, Document
from storage.core.errors import NotFound, TooMany
from storage.core.lists import ListRepository, Sought
from storage.core.pages import Keyset, Page
from storage.core.repository import LIST_SECONDS, found, now
from storage.core.search import Search
from storage.core.stop import Stop
from storage.core.translation import translated


class Moved(NamedTuple):
    """A conversation with the project that it had, and the one that it has."""

    conversation: Document
    before: str | None
    after: str | None


class ProjectRepository(ListRepository):
    """Projects; `user` is the owner's id as text. Nobody makes more than `most`."""

    collection_name: ClassVar[str] = "chatprojects"
    # LibreChat's own.
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("user", ASCENDING), ("name", ASCENDING), ("_id", ASCENDING)], background=True),
        IndexModel([("user", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)], background=True),
        IndexModel(
            [("user", ASCENDING), ("lastConversationAt", DESCENDING), ("_id", DESCENDING)], background=True
        ),
    )

    def __init__(self, database: Database, most: int) -> None:
        super().__init__(database)
        self._most = most
        self._conversations = database.collection("conversations")
        self._counts = Counts(database)

    def list_page(
        self,
        owner: str,
        *,
        limit: int,
        cursor: str | None = None,
        sort_by: str = "lastConversationAt",
        newest_first: bool = True,
        search: str | None = None,
    ) -> Page:
        """Some projects, by `name`, `createdAt` or `lastConversationAt`; with `search` those that contain it.

        Raises `BrokenCursor`, `TookTooLong`, `InvalidDocument`.
        """
        keyset = Keyset(sort_by, newest_first, f"projects|{search or ''}", of_text=sort_by == "name")
        wanted = Search(search) if search else None
        return self._page(
            {"user": owner, "$and": [keyset.after(cursor)]},
            {},
            keyset,
            limit=limit,
            sought=Sought(wanted, wanted.within("name", "description"), _texts) if wanted else None,
            stop=Stop(LIST_SECONDS),
        )

    def get(self, owner: str, project_id: str) -> Document:
        """One project; raises `NotFound`."""
        with translated():
            return found(self._collection.find_one(_mine(owner, project_id)))

    def create(self, owner: str, *, name: str, description: str = "") -> Document:
        """Make an empty project; raises `TooMany`, `InvalidDocument`."""
        moment = now()
        project: Document = {
            "name": name,
            "description": description,
            "user": owner,
            "conversationCount": 0,
            "lastConversationAt": None,
            "lastConversationId": None,
            "createdAt": moment,
            "updatedAt": moment,
            "__v": 0,
        }
        with translated():
            if self._collection.count_documents({"user": owner}, limit=self._most) >= self._most:
                raise TooMany("projects", self._most)
            self._collection.insert_one(project)
        return project

    def update(
        self, owner: str, project_id: str, *, name: str | None = None, description: str | None = None
    ) -> Document:
        """Rename or describe a project; None leaves as it is. Raises `NotFound`, `InvalidDocument`."""
        fields = {"name": name, "description": description}
        update = {key: value for key, value in fields.items() if value is not None}
        if not update:
            return self.get(owner, project_id)
        with translated():
            return found(
                self._collection.find_one_and_update(
                    _mine(owner, project_id),
                    {"$set": {**update, "updatedAt": now()}},
                    return_document=ReturnDocument.AFTER,
                )
            )

    def delete(self, owner: str, project_id: str) -> int:
        """Delete a project; how many conversations have none now. Raises `NotFound`."""

        def remove(session: ClientSession | None) -> int:
            found(self._collection.find_one(_mine(owner, project_id), {"_id": 1}, session=session))
            # The conversations first: after a crash the project is still there to be deleted again.
            freed = self._conversations.update_many(
                {"user": owner, "chatProjectId": project_id},
                {"$unset": {"chatProjectId": ""}},
                session=session,
            )
            self._collection.delete_one(_mine(owner, project_id), session=session)
            return freed.modified_count

        return self._database.atomically(remove, seconds=PATIENT_SECONDS)

    def assign(self, owner: str, conversation_id: str, project_id: str | None) -> Moved:
        """Put a conversation into a project, or into none. Raises `NotFound` when either is not the owner's."""
        mine = {"user": owner, "conversationId": conversation_id}
        change: Document = {"$unset": {"chatProjectId": ""}}
        if project_id is not None:
            change = {"$set": {"chatProjectId": project_id}}

        def move(session: ClientSession | None) -> Moved:
            if project_id is not None:
                found(self._collection.find_one(_mine(owner, project_id), {"_id": 1}, session=session))
            before = found(
                self._conversations.find_one_and_update(
                    mine, change, projection={"chatProjectId": 1}, session=session
                )
            )
            after = found(self._conversations.find_one(mine, IN_FULL, session=session))
            return Moved(after, before.get("chatProjectId"), project_id)

        moved = self._database.atomically(move)
        self._counts.settle_projects(owner, [moved.before, moved.after])
        return moved


def _mine(owner: str, project_id: str) -> Document:
    if not ObjectId.is_valid(project_id):
        raise NotFound
    return {"_id": ObjectId(project_id), "user": owner}


def _texts(project: Document) -> tuple[Any, ...]:
    return project.get("name"), project.get("description")
