"""Whom a grant can be for, as LibreChat writes it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bson import ObjectId

from storage.core.database import Document

USER, GROUP, ROLE, PUBLIC = "user", "group", "role", "public"
# LibreChat's model of each, which stands beside the id; the public has neither.
MODELS = {USER: "User", GROUP: "Group", ROLE: "Role"}

StoredId = ObjectId


@dataclass(frozen=True)
class Principal:
    """One whom a grant is for: a user or a group by its id, a role by its name, or the public, which has no id."""

    type: str
    id: ObjectId | str | None = None

    def fields(self) -> Document:
        """The fields that say so in a grant."""
        if self.type == PUBLIC:
            return {"principalType": PUBLIC}
        return {"principalType": self.type, "principalId": self.id, "principalModel": MODELS[self.type]}

    def filter(self) -> Document:
        """The grants for this one; LibreChat leaves the public's id out."""
        if self.type == PUBLIC:
            return {"principalType": PUBLIC}
        return {"principalType": self.type, "principalId": self.id}


EVERYBODY = Principal(PUBLIC)


def valid_now(principals: Iterable[Principal]) -> Document:
    """The grants for any of these that have not run out: MongoDB removes those only once a minute."""
    return {
        "$or": [each.filter() for each in principals],
        # Also matches where there is no such field.
        "expiredAt": {"$not": {"$lte": datetime.now(UTC)}},
    }


def stored_id(value: ObjectId | str) -> ObjectId | None:
    """The id of a shared thing as it is stored; None for a text that is none."""
    return ObjectId(value) if ObjectId.is_valid(value) else None
