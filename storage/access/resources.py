"""Whether what is to be shared exists."""

from collections.abc import Mapping

from bson import ObjectId

from storage.core.database import Database
from storage.core.translation import translated

# Where LibreChat has what each type of grant is about.
COLLECTIONS: Mapping[str, str] = {
    "agent": "agents",
    "mcpServer": "mcpservers",
    "promptGroup": "promptgroups",
    "remoteAgent": "agents",
    "sharedLink": "sharedlinks",
    "skill": "skills",
}


class Resources:
    """Everything that can be shared, of whatever kind."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exists(self, kind: str, resource: ObjectId) -> bool:
        """Whether there is such a thing."""
        with translated():
            return (
                self._database.collection(COLLECTIONS[kind]).find_one({"_id": resource}, {"_id": 1})
                is not None
            )
