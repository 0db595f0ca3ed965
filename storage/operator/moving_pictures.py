"""Records that say where pictures of users, agents and assistants are. For the command line only."""

from collections.abc import Iterator
from dataclasses import dataclass

from bson import ObjectId

from storage.core.database import Database, Document
from storage.core.translation import translated

USERS, AGENTS, ASSISTANTS = "users", "agents", "assistants"
# What is read of each: of an agent the pictures of its versions too, to which it may be brought back.
READ = {
    USERS: {"avatar": 1},
    AGENTS: {"avatar": 1, "versions.avatar": 1},
    ASSISTANTS: {"avatar": 1, "user": 1},
}
PORTION = 200


@dataclass(frozen=True)
class MovablePicture:
    """A picture by its address in a document, and what the document says beside it.

    `owner` is whose it must be; None for an agent's, which lies with whoever drew it. `source` is None for a user's,
    whose address alone says where it is.
    """

    collection: str
    id: ObjectId
    address: str
    owner: str | None = None
    source: str | None = None


class MovingPictures:
    """Finds and changes addresses of pictures in documents of whatever user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def each(self) -> Iterator[MovablePicture]:
        """All, in the order of their documents' ids; each address of a document once."""
        for name, read in READ.items():
            last: Document = {}
            while True:
                query = {"avatar": {"$exists": True}, **last}
                if name == AGENTS:
                    query = {"$or": [{"avatar": {"$ne": None}}, {"versions.avatar": {"$ne": None}}], **last}
                with translated():
                    found = self._database.collection(name).find(query, read).sort("_id", 1)
                    rows = list(found.limit(PORTION))
                for row in rows:
                    yield from _pictures(name, row)
                if not rows:
                    break
                last = {"_id": {"$gt": rows[-1]["_id"]}}

    def move(self, picture: MovablePicture, address: str, source: str) -> bool:
        """Note where a picture is now; False where its document has gone or has another one meanwhile."""
        documents = self._database.collection(picture.collection)
        if picture.collection == USERS:
            same = {"_id": picture.id, "avatar": picture.address}
            with translated():
                return documents.update_one(same, {"$set": {"avatar": address}}).matched_count == 1
        here = {"filepath": address, "source": source}
        with translated():
            # Those of the versions first: what is cut short here is found by the document's own, and done again.
            of_versions = documents.update_one(
                {"_id": picture.id, "versions.avatar.filepath": picture.address},
                {"$set": {f"versions.$[same].avatar.{name}": value for name, value in here.items()}},
                array_filters=[{"same.avatar.filepath": picture.address}],
            )
            own = documents.update_one(
                {"_id": picture.id, "avatar.filepath": picture.address},
                {"$set": {f"avatar.{name}": value for name, value in here.items()}},
            )
        return bool(of_versions.matched_count or own.matched_count)


def _pictures(collection: str, row: Document) -> Iterator[MovablePicture]:
    avatar = row.get("avatar")
    if collection == USERS:
        if isinstance(avatar, str) and avatar:
            yield MovablePicture(collection, row["_id"], avatar, owner=str(row["_id"]))
        return
    owner = str(row.get("user")) if collection == ASSISTANTS else None
    versions = row.get("versions")
    listed = [each for each in versions if isinstance(each, dict)] if isinstance(versions, list) else []
    found: dict[str, object] = {}
    for each in (avatar, *(version.get("avatar") for version in listed)):
        if isinstance(each, dict) and isinstance(address := each.get("filepath"), str) and address:
            found.setdefault(address, each.get("source"))
    for address, source in found.items():
        yield MovablePicture(collection, row["_id"], address, owner, str(source or "local"))
