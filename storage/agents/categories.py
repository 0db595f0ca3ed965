"""The `agentcategories` collection."""

from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from pymongo import ASCENDING, UpdateOne
from pymongo.operations import IndexModel

from storage.core.database import Document
from storage.core.errors import Conflict
from storage.core.repository import LIST_MS, Repository, now
from storage.core.translation import translated

# LibreChat's, in their order; their names are keys of its clients' translations.
CATEGORIES = ("general", "hr", "rd", "finance", "it", "sales", "aftersales")
MAX_CATEGORIES = 200


class AgentCategoryRepository(Repository):
    """Categories of agents; the operator's."""

    collection_name: ClassVar[str] = "agentcategories"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("value", ASCENDING), ("tenantId", ASCENDING)], unique=True, background=True),
        IndexModel([("isActive", ASCENDING), ("order", ASCENDING)], background=True),
        IndexModel([("order", ASCENDING), ("label", ASCENDING)], background=True),
    )

    def list(self) -> list[Document]:
        """The categories that are in use, in their order; 200 at most."""
        with translated():
            named = {name: {"$type": "string"} for name in ("value", "label")}
            rows = self._collection.find({"isActive": True, **named}, max_time_ms=LIST_MS)
            return list(rows.sort([("order", ASCENDING), ("label", ASCENDING)]).limit(MAX_CATEGORIES))

    def seed(self) -> None:
        """Add those of LibreChat's that are not there. Safe with several processes at once."""
        moment = now()
        changes = [
            UpdateOne({"value": value}, {"$setOnInsert": _category(value, order, moment)}, upsert=True)
            for order, value in enumerate(CATEGORIES)
        ]
        # Another process may have been faster.
        with suppress(Conflict), translated():
            self._collection.bulk_write(changes, ordered=False)


def _category(value: str, order: int, moment: datetime) -> Document:
    label = f"com_agents_category_{value}"
    return {
        "label": label,
        "description": f"{label}_description",
        "order": order,
        "isActive": True,
        "custom": False,
        "createdAt": moment,
        "updatedAt": moment,
        "__v": 0,
    }
